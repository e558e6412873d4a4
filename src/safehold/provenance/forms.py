"""Claims in JSON: as rows, decisions and reports have them, and as workers send them."""

from __future__ import annotations

from typing import Any

from safehold.provenance.model import Claim, Extent


def claim_form(claim: Claim) -> dict[str, Any]:
    """A claim as it stands in rows, decisions and reports; what it does not say is left out.

    Always there: `form`, `tier`, `generative`, `place`, `offset`. Others: `generator`, `version`,
    `model`, `model_hash`, `loras` (objects of `name`, `hash`, `weight`), `seed`, `source_image`,
    `extent`, `size`, `checks` (an object), `actions`.
    """
    form: dict[str, Any] = {
        "form": claim.form,
        "tier": claim.tier.value,
        "generative": claim.generative,
        "place": claim.place.path,
        "offset": claim.place.offset,
    }
    said: dict[str, Any] = {
        "generator": claim.generator,
        "version": claim.version,
        "model": claim.model,
        "model_hash": claim.model_hash,
        "loras": [
            {
                key: value
                for key, value in (
                    ("name", lora.name),
                    ("hash", lora.model_hash),
                    ("weight", lora.weight),
                )
                if value
            }
            for lora in claim.loras
        ],
        "seed": claim.seed,
        "extent": claim.extent.value if claim.extent is not Extent.UNKNOWN else "",
        "size": list(claim.size) if claim.size is not None else None,
        "checks": dict(claim.checks),
        "actions": list(claim.actions),
    }
    form |= {key: value for key, value in said.items() if value}
    if claim.source_image is not None:
        form["source_image"] = claim.source_image
    return form

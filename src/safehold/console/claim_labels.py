"""Words for what a file says of its own making."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from safehold.console.catalog import mark

CLAIM_FAMILIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "claim_tier": {
            "verified": mark("proved by a trusted signature"),
            "signed": mark("signed, but the signature is not trusted or does not hold"),
            "declared": mark("the file's own word: anybody could have written it"),
            "watermark": mark("a known watermark in the pixels"),
            "hint": mark("a hint only"),
        },
        "claim_form": {
            "a1111": "AUTOMATIC1111",
            "comfyui": "ComfyUI",
            "invokeai": "InvokeAI",
            "fooocus": "Fooocus",
            "swarmui": "SwarmUI",
            "easydiffusion": "Easy Diffusion",
            "novelai": "NovelAI",
            "drawthings": "Draw Things",
            "midjourney": "Midjourney",
            "grok": "Grok",
            "flux": "FLUX",
            "c2pa": "C2PA",
            "iptc": "IPTC",
            "tc260": "TC260",
            "dwt_dct": mark("Watermark"),
            "camera": mark("Camera"),
            "software": mark("Software"),
        },
        "claim_extent": {
            "whole": mark("the whole picture"),
            "partial": mark("a part of the picture"),
        },
        "claim_conflict": {
            "camera_and_generator": mark(
                "It says that a camera took it, and that a model made it."
            ),
            "generators_differ": mark("It names different generators."),
            "models_differ": mark("It names different models."),
            "seeds_differ": mark("It names different seeds."),
            "size_differs": mark("It says that another size was made than it has."),
            "signature_broken": mark("What was signed is not what stands there."),
            "repeated": mark(
                "The same place stands there more than once, with different contents."
            ),
        },
        "claim_check": {
            "hash": mark("Content"),
            "signature": mark("Signature"),
            "trust": mark("Trust"),
            "expiry": mark("Validity"),
            "trust_list": mark("Trust list"),
            "issuer": mark("Issuer"),
        },
        "claim_held": {
            "ok": mark("holds"),
            "failed": mark("does not hold"),
            "untrusted": mark("not trusted"),
            "expired": mark("expired"),
            "unknown": mark("not known"),
        },
    }
)
"""Words of codes, by family; part of `labels.LABELS`."""

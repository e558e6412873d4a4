"""Signing pictures for tests, with certificates that the tests make."""

from __future__ import annotations

import datetime as dt
import functools
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
)

from tests.provenance.containers import encoded

TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ISSUER = "Lighthouse Works"


@dataclass(frozen=True)
class Chain:
    """Certificates and a key: `certificates` for signing, `root` to be trusted."""

    certificates: bytes = field(repr=False)
    key: bytes = field(repr=False)
    root: bytes = field(repr=False)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ISSUER),
        ]
    )


@functools.cache
def chain(*, days: float = 300, ocsp: str = "") -> Chain:
    """A root and a signer's certificate that ends in so many days."""
    now = dt.datetime.now(dt.UTC)
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def built(
        subject: str, public: ec.EllipticCurvePublicKey, until: dt.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name("root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=4_000))
            .not_valid_after(until)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    def usage(*, signs: bool) -> x509.KeyUsage:
        none = (False,) * 4
        return x509.KeyUsage(signs, *none, not signs, not signs, False, False)

    root = (
        built("root", root_key.public_key(), now + dt.timedelta(days=4_000))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage(signs=False), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        built("signer", key.public_key(), now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(usage(signs=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
    )
    if ocsp:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp)
        )
        leaf = leaf.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    signed = leaf.sign(root_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    return Chain(
        signed.public_bytes(pem) + root.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        root.public_bytes(pem),
    )


def action(kind: str = "created", source: str = "trainedAlgorithmicMedia", **more: Any) -> Any:
    """An action; an empty `source` says nothing of it."""
    said = {"action": f"c2pa.{kind}", **more}
    return said | ({"digitalSourceType": TERMS + source} if source else {})


def signed(
    *actions: Any,
    kind: str = "PNG",
    picture: bytes = b"",
    by: Chain | None = None,
    parent: bytes = b"",
    remote: str = "",
) -> bytes:
    """A drawn picture, signed; `parent` is the file that it was made of."""
    manifest = {"assertions": [actions_assertion(*(actions or [action()]))]}
    parents = {"parentOf": parent} if parent else {}
    return sealed(manifest, parents, kind=kind, picture=picture, by=by, remote=remote)


def actions_assertion(*actions: Any, **more: Any) -> Any:
    """The assertion that lists actions."""
    return {"label": "c2pa.actions.v2", "data": {"actions": list(actions), **more}}


def sealed(
    manifest: dict[str, Any],
    ingredients: Mapping[str, bytes] = MappingProxyType({}),
    resources: Mapping[str, bytes] = MappingProxyType({}),
    **more: Any,
) -> bytes:
    """A drawn picture with a manifest: signed ingredients by relation, resources by name.

    `more`: `kind`, `picture` and `by` of `signed`; `remote`, the address of a manifest that is
    kept apart; `builder` and `core`, settings of the library.
    """
    kind, by = more.get("kind", "PNG"), more.get("by") or chain()
    media = f"image/{kind.lower()}"
    said = {
        "claim_generator_info": [{"name": "Tea Painter", "version": "1.2"}],
        "title": "teapot.png",
        **manifest,
    }
    settings = {
        "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "builder": more.get("builder", {}),
        "core": more.get("core", {}),
    }
    builder = c2pa.Builder.from_json(json.dumps(said), context=c2pa.Context.from_dict(settings))
    for relation, body in ingredients.items():
        ingredient = {"title": "harbour.png", "relationship": relation, "label": relation}
        builder.add_ingredient(json.dumps(ingredient), media, io.BytesIO(body))
    for name, body in resources.items():
        builder.add_resource(name, io.BytesIO(body))
    if more.get("remote"):
        builder.set_remote_url(more["remote"])
        builder.set_no_embed()
    info = c2pa.C2paSignerInfo(b"es256", by.certificates, by.key, None)
    picture = more.get("picture") or encoded(96, 64, kind)
    out = io.BytesIO()
    with c2pa.Signer.from_info(info) as signer:
        builder.sign(signer, media, io.BytesIO(picture), out)
    return out.getvalue()


def opened(**more: Any) -> Any:
    """The action that opens the ingredient whose relation is `parentOf`."""
    return action("opened", "", parameters={"ingredientIds": ["parentOf"], **more})

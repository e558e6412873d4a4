"""C2PA: what holds and what does not is told apart, and nothing is ever called."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import c2pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.media.sandbox.interface import DEFAULT_ENVIRONMENT
from safehold.media.sniff import HEAD_BYTES, sniff
from safehold.provenance.model import (
    Claim,
    Conflict,
    Extent,
    PassageKind,
    ProvenanceOptions,
    Reading,
    ReadingFault,
    Tier,
)
from safehold.provenance.read import Reader
from safehold.provenance.standards.c2pa import settings
from safehold.provenance.standards.jumbf import MAX_BOXES, MAX_DEPTH, MAX_VALUES, weigh
from tests.provenance.containers import c2pa_store, png
from tests.provenance.hostile import counted_connections
from tests.provenance.signing import (
    ISSUER,
    action,
    actions_assertion,
    chain,
    opened,
    sealed,
    signed,
)


def read(data: bytes, trusted: bytes | None = None, **options: Any) -> Reading:
    given = ProvenanceOptions(**{"max_seconds": 60, "watermarks": False, **options})
    return Reader(given, trusted).read(data, sniff(data[:HEAD_BYTES]), None)


def one(data: bytes, trusted: bytes | None = None, **options: Any) -> Claim:
    [claim] = [claim for claim in read(data, trusted, **options).claims if claim.form == "c2pa"]
    return claim


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_signed_by_somebody_who_is_trusted(kind: str) -> None:
    agent = {"name": "Tea Model", "version": "3"}
    data = signed(action(softwareAgent=agent), kind=kind)
    claim = one(data, chain().root, trust_list_version="2026-03")
    assert (claim.tier, claim.generative, claim.extent) == (Tier.VERIFIED, True, Extent.WHOLE)
    assert (claim.generator, claim.version) == ("Tea Model", "3")
    assert dict(claim.checks) == {
        "hash": "ok",
        "signature": "ok",
        "trust": "ok",
        "expiry": "ok",
        "trust_list": "2026-03",
        "issuer": ISSUER,
    }
    assert claim.actions == ("c2pa.created", "trainedAlgorithmicMedia")
    reading = read(data, chain().root)
    assert not reading.conflicts and not reading.faults
    assert [picture.name for picture in reading.embedded] == ["c2pa_thumbnail"]
    assert [p.text for p in reading.passages if p.kind is PassageKind.FILE_NAME] == ["teapot.png"]


def test_signed_by_nobody_who_is_known() -> None:
    claim = one(signed())
    assert claim.tier is Tier.SIGNED
    assert dict(claim.checks)["trust"] == "untrusted" and dict(claim.checks)["hash"] == "ok"
    assert "trust_list" not in dict(claim.checks)
    assert claim.generator == "Tea Painter"
    other = chain(days=301).root
    assert one(signed(), other).tier is Tier.SIGNED


def test_an_expired_certificate_is_told_and_nothing_is_dropped() -> None:
    old = chain(days=6 / 86_400)
    data = signed(by=old)
    time.sleep(7)  # nothing signs with a certificate that has ended before
    claim = one(data, old.root)
    assert claim.tier is Tier.SIGNED and claim.generative
    checks = dict(claim.checks)
    assert checks["expiry"] == "expired" and checks["hash"] == "ok"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_other_pixels_than_were_signed(kind: str) -> None:
    data = bytearray(signed(kind=kind))
    data[-40] ^= 0x55
    reading = read(bytes(data), chain().root)
    [claim] = [claim for claim in reading.claims if claim.form == "c2pa"]
    assert claim.tier is Tier.SIGNED and dict(claim.checks)["hash"] == "failed"
    assert Conflict.SIGNATURE_BROKEN in reading.conflicts


def test_another_word_than_was_signed() -> None:
    data = signed(action(softwareAgent={"name": "Tea Model"}))
    reading = read(data.replace(b"Tea Model", b"Sea Model"), chain().root)
    for claim in reading.claims:
        assert claim.tier in (Tier.SIGNED, Tier.HINT)
    assert Conflict.SIGNATURE_BROKEN in reading.conflicts or reading.faults


def test_a_model_may_stand_in_an_ingredient_alone() -> None:
    parent = signed(action(softwareAgent={"name": "Tea Model"}))
    data = signed(action("opened", ""), action("color_adjustments", ""), parent=parent)
    claims = [claim for claim in read(data, chain().root).claims if claim.form == "c2pa"]
    assert sorted(claim.generative for claim in claims) == [False, True]
    [made] = [claim for claim in claims if claim.generative]
    assert made.generator == "Tea Model"
    [active] = [claim for claim in claims if not claim.generative]
    assert active.source_image is True
    words = {p.text for p in read(data).passages if p.kind is PassageKind.FILE_NAME}
    assert "harbour.png" in words
    assert "c2pa_ingredient" in {picture.name for picture in read(data).embedded}


@pytest.mark.parametrize(
    ("kind", "source", "generative", "extent"),
    [
        ("created", "trainedAlgorithmicMedia", True, Extent.WHOLE),
        ("edited", "trainedAlgorithmicMedia", True, Extent.PARTIAL),
        ("created", "compositeWithTrainedAlgorithmicMedia", True, Extent.PARTIAL),
        ("created", "compositeSynthetic", True, Extent.PARTIAL),
        ("created", "algorithmicMedia", False, Extent.UNKNOWN),
        ("created", "digitalCapture", False, Extent.UNKNOWN),
    ],
)
def test_kinds_of_source(kind: str, source: str, generative: bool, extent: Extent) -> None:
    claim = one(signed(action(kind, source)))
    assert (claim.generative, claim.extent) == (generative, extent)
    assert source in claim.actions


def test_what_services_add_in_words_is_kept() -> None:
    said = "Applied imperceptible SynthID watermark"
    assert said in one(signed(action(), action("edited", "", description=said))).actions
    data = signed(action(description="a lighthouse, drawn for Anna"))
    reading = read(data)
    assert "lighthouse" not in repr(reading)
    assert (PassageKind.WORKFLOW, "a lighthouse, drawn for Anna") in words(reading)


def words(reading: Reading) -> set[tuple[PassageKind, str]]:
    return {(passage.kind, passage.text) for passage in reading.passages}


def manifests(data: bytes, anchors: bytes) -> dict[bool, Claim]:
    """Claims of the active manifest (False) and of the generative one that it was made of."""
    found = read(data, anchors)
    return {claim.generative: claim for claim in found.claims if claim.form == "c2pa"}


def test_a_chain_holds_where_every_link_of_it_holds() -> None:
    anchors, stranger = chain().root, chain(days=250)
    made, active = signed(), {"assertions": [actions_assertion(opened())]}
    both = manifests(sealed(active, {"parentOf": made}), anchors)
    assert {claim.tier for claim in both.values()} == {Tier.VERIFIED}
    assert both[False].source_image is True and both[True].source_image is None
    strange = manifests(sealed(active, {"parentOf": signed(by=stranger)}), anchors)
    assert [strange[made].tier for made in (False, True)] == [Tier.VERIFIED, Tier.SIGNED]
    assert dict(strange[True].checks)["trust"] == "untrusted"
    taken = manifests(sealed(active, {"parentOf": made}, by=stranger), anchors)
    assert {claim.tier for claim in taken.values()} == {Tier.SIGNED}
    damaged = bytearray(made)
    damaged[-40] ^= 0x55
    changed = manifests(sealed(active, {"parentOf": bytes(damaged)}), anchors)
    assert [changed[made].tier for made in (False, True)] == [Tier.VERIFIED, Tier.SIGNED]
    assert dict(changed[True].checks)["hash"] == "failed"


def test_a_link_that_was_changed_afterwards_breaks_the_chain() -> None:
    made = signed(action(softwareAgent={"name": "Tea Model"}))
    data = sealed({"assertions": [actions_assertion(opened())]}, {"parentOf": made})
    reading = read(data.replace(b"Tea Model", b"Sea Model"), chain().root)
    assert {claim.tier for claim in reading.claims} == {Tier.SIGNED}
    assert Conflict.SIGNATURE_BROKEN in reading.conflicts
    assert Conflict.SIGNATURE_BROKEN not in read(data, chain().root).conflicts


def test_models_prompts_and_authors_that_are_said() -> None:
    prompt = {"format": "text/plain", "identifier": "prompt.txt"}
    author = {"@type": "CreativeWork", "author": [{"@type": "Person", "name": "anna"}]}
    manifest = {
        "ingredients": [
            {"title": "words", "format": "text/plain", "relationship": "inputTo", "data": prompt},
            {
                "title": "zorblax",
                "format": "application/octet-stream",
                "relationship": "inputTo",
                "data_types": [{"type": "c2pa.types.model.pytorch"}],
            },
        ],
        "assertions": [
            actions_assertion(action(softwareAgent="Tea Model")),
            {"label": "stds.schema-org.CreativeWork", "kind": "Json", "data": author},
        ],
    }
    for compressed in (False, True):
        core = {"prefer_compress_manifests": compressed}
        data = sealed(manifest, {}, {"prompt.txt": b"a calm sea"}, core=core)
        assert (b"brob" in data) is compressed
        reading = read(data, chain().root)
        [claim] = reading.claims
        assert (claim.tier, claim.model, claim.source_image) == (Tier.VERIFIED, "zorblax", None)
        assert claim.generator == "Tea Model"
        assert {(PassageKind.PROMPT, "a calm sea"), (PassageKind.AUTHOR, "anna")} <= words(reading)
    disclosed = {"modelName": "zorblax 2", "modelIdentifier": "zorblax:2"}
    manifest["assertions"].append({"label": "c2pa.ai-disclosure", "data": disclosed})
    claim = one(sealed(manifest, {}, {"prompt.txt": b"a calm sea"}))
    assert claim.model == "zorblax 2" and "c2pa.ai-disclosure" in claim.actions


def test_an_edit_that_was_given_words_is_a_part() -> None:
    edit = action("edited", "", parameters={"com.example.prompt": "a teapot"})
    claim = one(signed(action("created", "digitalCapture"), edit))
    assert (claim.generative, claim.extent) == (True, Extent.PARTIAL)
    assert "teapot" not in repr(claim)
    agents = actions_assertion(
        action("created", "digitalCapture"),
        action("edited", "compositeWithTrainedAlgorithmicMedia", softwareAgentIndex=1),
        softwareAgents=[{"name": "a"}, {"name": "Quindle", "version": "7"}],
    )
    named = one(sealed({"assertions": [agents]}))
    assert (named.generator, named.version, named.extent) == ("Quindle", "7", Extent.PARTIAL)


def test_what_the_library_rejects_or_may_not_read_is_told_by_its_presence() -> None:
    store = c2pa_store()
    reading = read(png(chunks=[(b"caBX", store)]))
    [claim] = reading.claims
    assert (claim.tier, claim.generative, claim.form) == (Tier.HINT, False, "c2pa")
    assert ReadingFault.UNREADABLE_PIECE in reading.faults
    assert one(signed(), c2pa=False).tier is Tier.HINT
    assert one(signed(), max_piece_bytes=1_000).tier is Tier.HINT
    reading = read(signed(), max_c2pa_bytes=1_000)
    assert [claim.tier for claim in reading.claims] == [Tier.HINT]
    assert reading.faults == (ReadingFault.LIMIT_BYTES,)


def test_a_store_that_is_too_much_work_is_told_by_its_presence() -> None:
    long = "x" * 70_000
    data = sealed({"assertions": [actions_assertion(action()), {"label": "org.a", "data": [long]}]})
    at = data.index(long.encode()) - 5
    assert data[at] == 0x7A
    many = (
        data[:at] + b"\x9a" + data[at + 1 : at + 5] + bytes(len(long)) + data[at + 5 + len(long) :]
    )
    reading = read(many)
    assert [claim.tier for claim in reading.claims] == [Tier.HINT]
    assert ReadingFault.LIMIT_BYTES in reading.faults
    assert one(data).tier is Tier.SIGNED


def box(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4) + kind + body


def test_stores_are_weighed() -> None:
    values = bytes.fromhex("a2 61 61 83 01 1901f4 fb0000000000000000 62 6263 9f f6 ff")
    weight = weigh(box(b"jumb", box(b"jumd", b"x" * 20) + box(b"cbor", values)))
    assert (weight.boxes, weight.values, weight.fits) == (3, 10, True)
    assert weigh(box(b"json", b'{"a":[1,2]}')).values == 4
    assert weigh(box(b"cbor", b"\x01")[4:] + b"\0\0").boxes == 0
    assert not weigh(box(b"cbor", bytes(MAX_VALUES + 1))).fits
    assert weigh(box(b"cbor", bytes(MAX_VALUES))).fits
    assert not weigh(box(b"free", b"") * (MAX_BOXES + 1)).fits
    assert not weigh(box(b"brob", b"") * 3).fits
    nested = b""
    for _ in range(MAX_DEPTH + 2):
        nested = box(b"jumb", nested)
    assert weigh(nested).too_deep
    wide = b"\0\0\0\1jumb" + (16 + 9).to_bytes(8) + box(b"cbor", b"\x01")
    assert weigh(wide).boxes == 2
    assert weigh(b"\0\0\0\0jumb" + box(b"cbor", b"\x01")).boxes == 2


@given(st.binary(max_size=300), st.sampled_from([b"cbor", b"jumb", b"json", b"brob"]))
def test_any_bytes_are_weighed(body: bytes, kind: bytes) -> None:
    for data in (body, box(kind, body), box(b"jumb", box(kind, body) + body)):
        assert 0 <= weigh(data).values <= len(data) + 1


class Listener:
    """A server that nobody should call."""

    def __init__(self) -> None:
        self.calls = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def test_nothing_that_a_file_names_is_called(listener: Listener) -> None:
    url = f"http://127.0.0.1:{listener.port}"
    with counted_connections() as tried:
        reading = read(signed(remote=f"{url}/manifest.c2pa"), chain().root)
        told = [p.text for p in reading.passages if p.kind is PassageKind.REMOTE_ADDRESS]
        assert told == [f"{url}/manifest.c2pa"]
        assert not reading.says_generated
        asked = chain(days=200, ocsp=f"{url}/ocsp")
        assert one(signed(by=asked), asked.root).tier is Tier.VERIFIED
    assert listener.calls == 0 and tried == []


@pytest.mark.parametrize("bar", ["verify", "core", ""])
def test_each_bar_before_the_network_holds_alone(listener: Listener, bar: str) -> None:
    """And without any the library does call: the other test is one that can fail."""
    url = f"http://127.0.0.1:{listener.port}"
    ours = settings(ProvenanceOptions(), None)
    context = c2pa.Context.from_dict(
        {
            "verify": {"remote_manifest_fetch": True, "ocsp_fetch": True},
            **({bar: ours[bar]} if bar else {}),
        }
    )
    files = [signed(remote=f"{url}/manifest.c2pa"), signed(by=chain(days=200, ocsp=f"{url}/ocsp"))]
    for data in files:
        with contextlib.suppress(c2pa.C2paError):
            c2pa.Reader.try_create("image/png", io.BytesIO(data), context=context)
    assert listener.calls == (0 if bar else 2)


def test_a_process_of_its_own_after_a_fork(tmp_path: Any) -> None:
    """The library's settings do not outlive a fork; workers are forked from a warm process."""
    file = tmp_path / "signed.png"
    file.write_bytes(signed())
    program = (
        "import os, sys\n"
        "from safehold.provenance.model import ProvenanceOptions\n"
        "from safehold.provenance.read import Reader\n"
        "reader = Reader(ProvenanceOptions(max_seconds=60)); reader.warm_up()\n"
        "assert len(os.listdir('/proc/self/task')) == 1\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    found = reader.read(data, 'png', None)\n"
        "    os._exit(0 if found.says_generated and not found.faults else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    environment = {**os.environ, **DEFAULT_ENVIRONMENT}
    ran = subprocess.run([sys.executable, "-c", program, str(file)], env=environment, check=False)
    assert ran.returncode == 0

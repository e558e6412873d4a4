"""C2PA: what holds and what does not is told apart, and nothing is ever called."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

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
from tests.provenance.containers import c2pa_store, png
from tests.provenance.readings import AMPLE
from tests.provenance.signing import ISSUER, action, chain, signed


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
    old = chain(days=2 / 86_400)
    data = signed(by=old)
    time.sleep(3)  # nothing signs with a certificate that has ended before
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


def test_what_the_library_rejects_or_may_not_read_is_told_by_its_presence() -> None:
    store = c2pa_store()
    reading = read(png(chunks=[(b"caBX", store)]))
    [claim] = reading.claims
    assert (claim.tier, claim.generative, claim.form) == (Tier.HINT, False, "c2pa")
    assert ReadingFault.UNREADABLE_PIECE in reading.faults
    assert one(signed(), c2pa=False).tier is Tier.HINT
    assert one(signed(), max_piece_bytes=1_000).tier is Tier.HINT


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


def test_nothing_that_a_file_names_is_called() -> None:
    listener = Listener()
    try:
        url = f"http://127.0.0.1:{listener.port}"
        apart = signed(remote=f"{url}/manifest.c2pa")
        reading = read(apart, chain().root)
        told = [p.text for p in reading.passages if p.kind is PassageKind.REMOTE_ADDRESS]
        assert told == [f"{url}/manifest.c2pa"]
        assert not reading.says_generated
        asked = chain(days=200, ocsp=f"{url}/ocsp")
        assert one(signed(by=asked), asked.root).generative
    finally:
        listener.close()
    assert listener.calls == 0


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
    assert AMPLE.c2pa

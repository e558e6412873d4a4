"""`safehold up --demo`: the whole service on drawn pictures, from upload to evidence."""

from __future__ import annotations

import contextlib
import csv
import http.server
import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safehold.cli.up import running, wait_until

if TYPE_CHECKING:
    from safehold.cases.model import Case
    from safehold.client import Client
    from safehold.runtime.service import ServiceRuntime

EXIT_WRONG = 70


@dataclass
class Told:
    """What the service's webhook was told."""

    bodies: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Steps:
    """The steps that were shown, and whether each went as it should."""

    wrong: int = 0

    def show(self, text: str, expected: object, found: object) -> None:
        """Print a step."""
        from safehold.cli.console import console

        right = expected == found
        self.wrong += not right
        mark = "ok " if right else "NOT"
        console().print(f"{mark} {text}: {found}", markup=False, highlight=False)


def show(workers: int | None) -> int:
    """Run the demonstration; 0 where everything went as it should."""
    from safehold.cli.console import console, note
    from safehold.config import load_settings
    from safehold.custodian.setting_up import Plan, set_up
    from safehold.runtime.service import ServiceRuntime
    from safehold.vault.officers import identity_file, read_identity

    steps = Steps()
    told = Told()
    with (
        tempfile.TemporaryDirectory(prefix="safehold-demo-") as name,
        _receiver(told) as receiver,
    ):
        folder = Path(name) / "home"
        folder.mkdir(mode=0o700)
        (folder / "config.toml").write_text(
            f'[outbound]\nallow_http = true\nallowed_hosts = ["127.0.0.1:{receiver}"]\n'
        )
        note("Making a home with keys, an officer and a service; drawing pictures ...")
        with ServiceRuntime(load_settings(home=folder, database="", workers=workers)) as runtime:
            made = set_up(runtime, Plan("officer", folder / "officer.key", None, "demo"))
            pictures = _draw(Path(name), runtime)
            url = f"http://127.0.0.1:{receiver}/"
            runtime.webhooks.add(runtime.service_id("demo"), url)
            identity = identity_file(read_identity(folder / "officer.key", None))
            port = _free_port()
            note("Starting server, custodian and work ...")
            serve = ["serve", "--port", str(port), "--workers", str(workers or 2)]
            with running(folder, identity, serve, demo=True):
                _tour(steps, runtime, _Asked(port, made.api_key, pictures), told)
    console().print(
        "Everything went as it should."
        if not steps.wrong
        else f"{steps.wrong} steps did not go as they should."
    )
    return EXIT_WRONG if steps.wrong else 0


@dataclass(frozen=True)
class _Asked:
    port: int
    key: str = field(repr=False)
    pictures: dict[str, bytes]


def _tour(steps: Steps, runtime: ServiceRuntime, asked: _Asked, told: Told) -> None:
    from safehold.client import Client

    address = f"http://127.0.0.1:{asked.port}"
    steps.show("the server is ready", True, wait_until(lambda: _is_ready(asked.port)))
    with Client(address, asked.key) as client:
        _uploads(steps, client, asked.pictures, runtime)
        edit = client.screen(asked.pictures["edit"], surface="public", uploader="dora")
        [case] = [c for c in _cases(runtime) if c.verdict == "hold" and c.queue == "matches"]
        steps.show("evidence opens with the officer's key", True, _opens(runtime, case))
        runtime.cases.clear(case.case_id, "user:demo")
        steps.show(
            "a reviewer clears it; its receipt", "allow", client.receipt(edit.receipt).verdict
        )
        arrived = wait_until(lambda: any(body["receipt"] == edit.receipt for body in told.bodies))
        steps.show("the service is told by a signed webhook", True, arrived)
        again = client.screen(asked.pictures["edit"], surface="public", uploader="dora")
        steps.show("the same bytes again", "allow", again.verdict)
    _check_records(steps, runtime)


def _uploads(
    steps: Steps, client: Client, pictures: dict[str, bytes], runtime: ServiceRuntime
) -> None:
    first = client.screen(pictures["other"], surface="public", uploader="ann")
    steps.show("a picture that is on no list", "allow", first.verdict)
    blocked = client.screen(pictures["listed"], surface="public", uploader="bob")
    steps.show("the listed picture itself", "block", blocked.verdict)
    held = client.screen(pictures["edit"], surface="public", uploader="carl")
    steps.show("mirrored, made smaller, saved as JPEG", "hold", held.verdict)
    broken = client.screen(pictures["broken"], surface="public", uploader="ann")
    steps.show("a picture that is cut short", "hold", broken.verdict)
    again = client.screen(pictures["listed"], surface="public", uploader="eve")
    steps.show("the listed picture from somebody else", "block", again.verdict)
    steps.show("cases: the same bytes have one", 3, len(_cases(runtime)))


def _check_records(steps: Steps, runtime: ServiceRuntime) -> None:
    from safehold.cli.evidence import deep_findings, vault_findings
    from safehold.custodian.verifying import audit_report

    found = [*vault_findings(runtime), *deep_findings(runtime)]
    steps.show("findings in the vault, each object opened by the custodian", 0, len(found))
    steps.show("the audit log is whole", True, audit_report(runtime).whole)
    from safehold.work.compose import send_canaries

    codes = [result.code for result in send_canaries(runtime)]
    steps.show("a canary through the whole path", ["ok"], codes)
    # The scheduler sends canaries of its own, whose cases go as soon as they are checked.
    wait_until(lambda: len(_cases(runtime, canaries=True)) == 3)
    steps.show("cases after it", 3, len(_cases(runtime, canaries=True)))


def _cases(runtime: ServiceRuntime, *, canaries: bool = False) -> list[Case]:
    from safehold.cases.model import CaseFilter

    return list(runtime.cases.list(CaseFilter(canaries=canaries)))


def _opens(runtime: ServiceRuntime, case: Case) -> bool:
    """Whether the custodian opens the evidence of a case, and it is the bytes of the case."""
    from safehold.custodian.compose import custodian_client
    from safehold.custodian.interface import Access

    with runtime.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case.case_id)
    access = Access(case.key_name, case.case_id, "user:demo", "demonstration")
    checked = custodian_client(runtime).check(access, evidence.object_name)
    return runtime.names.content(case.service_id, checked.sha256) == case.content


def _draw(folder: Path, runtime: ServiceRuntime) -> dict[str, bytes]:
    """Draw pictures, and list one of them."""
    import numpy as np
    from PIL import Image

    from safehold.hashing.exact import exact_digests
    from safehold.hashing.pdq import pdq
    from safehold.lists.model import Tier
    from safehold.testing.edits import encode, jpeg
    from safehold.testing.pictures import draw

    drawn = draw("landscape", 7)
    listed = encode(drawn, "PNG")
    exact = exact_digests(listed)
    digests = [exact.md5.hex(), exact.sha1.hex(), exact.sha256.hex()]
    file = folder / "list.csv"
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["md5", "sha1", "sha256", "pdq", "id"])
        writer.writerow([*digests, pdq(np.asarray(drawn.convert("RGB"))).bits.hex(), "entry-1"])
    runtime.lists.add("demo", file, tier=Tier.CONFIRMED)
    smaller = drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((700, 525))
    other = jpeg(draw("skyline", 3))
    return {
        "listed": listed,
        "edit": jpeg(smaller, quality=70),
        "other": other,
        "broken": jpeg(draw("mosaic", 5))[:9000],
    }


def _is_ready(port: int) -> bool:
    import httpx

    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=5.0, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def _receiver(told: Told) -> Iterator[int]:
    """The service's own web server, as far as webhooks go."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            told.bodies.append(json.loads(self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

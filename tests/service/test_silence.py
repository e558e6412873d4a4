"""No answer, log line or figure carries a distance, list, digest, file name or person.

A real run with values that occur nowhere else; then everything that came out is searched for
them, and everything that was kept, for what must be sealed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from safehold.cases.model import CaseState
from safehold.lists.model import Tier
from tests.service.house import (
    BROKEN,
    CLEAN,
    TEXT,
    Answer,
    Digests,
    House,
    Process,
    custody,
    jpeg,
    serving,
    started,
)

CONFIG = """
[surfaces.zzflaeche]
[outbound]
allow_private = true
allow_http = true
[work]
checkpoint_minutes = 0.02
check_minutes = 0.02
[alarms]
webhook_url = "http://127.0.0.1:9/zzalarm"
"""

LIST, ENTRY, CLASSIFICATION = "zzliste", "zzeintrag-4711", "A1"
PERSON = {
    "uploader": "zznutzer-91",
    "uploader_address": "zzmarke@beispiel.example",
    "ip": "203.0.113.77",
    "file_name": "zzferien bild.jpg",
    "reference": "zzverweis-88",
    "screen_name": "zzname-17",
    "display_name": "zzanzeige 18",
    "profile_url": "https://zzprofil.example/19",
    "url": "https://zzstelle.example/20",
    "device_type": "zzart-21",
    "device_id": "zzgeraet-22",
    "time": "2031-07-08T09:10:11.123456Z",
}
SAID = {"text": "zztext: this is mine", "reporter": "zzmelder-5", "reason": "zzgrund"}
LISTED = jpeg(71)
LIKE = jpeg(71, quality=50)
CONTENTS = (LISTED, LIKE, CLEAN, BROKEN, TEXT)


def _encoded(value: str) -> str:
    return value.replace(" ", "%20").replace("@", "%40").replace(":", "%3A")


def _headers() -> dict[str, str]:
    return {f"Safehold-{n.replace('_', '-')}": _encoded(value) for n, value in PERSON.items()}


def _form(content: bytes) -> tuple[bytes, dict[str, str]]:
    parts = [
        f'--zzgrenze\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in PERSON.items()
    ]
    file = (
        f'--zzgrenze\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{PERSON["file_name"]}"\r\nContent-Type: image/jpeg\r\n\r\n'
    ).encode()
    body = b"".join(parts) + file + content + b"\r\n--zzgrenze--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=zzgrenze"}


@dataclass(frozen=True)
class Run:
    """What came out of a run."""

    house: House
    answers: list[Answer]
    receipts: list[str]
    logs: dict[str, str]


@pytest.fixture(scope="module")
def run(house: House) -> Iterator[Run]:
    """All sorts of calls, good and bad, with marked values wherever a caller can put them."""
    house.add_list(LIST, {ENTRY: LISTED}, Tier.CONFIRMED)
    [shop] = [s.service_id for s in house.runtime.accounts.services() if s.name == "shop"]
    house.runtime.webhooks.add(shop, "http://127.0.0.1:9/zzhaken")  # where nobody listens
    with (
        serving(house) as server,
        custody(house) as custodian,
        started(house, "work", log="work") as work,
    ):
        receipts = _good_calls(server)
        for case in house.cases("shop"):
            if case.state is CaseState.OPEN:
                house.runtime.cases.confirm(case.case_id, "user:1")
        _bad_calls(server)
        server.wait(lambda: _canaries_passed(house), 40)
        verified = house.command("vault", "verify", "--deep")
        assert verified.code == 0, verified
        for path in ("/metrics", "/openapi.json", "/health/live", "/health/ready"):
            assert server.call("GET", path, key=None).status == 200
        server.stop()
        custodian.stop()
        assert work.stop() == 0, work.err.read_text()
        logs = {
            f"{name}.{end}": path.read_text()
            for name, process in (
                ("serve", server),
                ("custodian", custodian),
                ("work", work),
            )
            for end, path in (("out", process.out), ("err", process.err))
        }
        yield Run(house, server.seen, receipts, logs)


def _canaries_passed(house: House) -> bool:
    with house.runtime.records.read() as transaction:
        servers = transaction.fleet.servers(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
        results = [transaction.fleet.canary(server.server_id) for server in servers]
    return any(result is not None and result.code == "ok" for result in results)


def _good_calls(server: Process) -> list[str]:
    receipts = []
    for content, status in zip(CONTENTS, (451, 423, 200, 423, 200), strict=True):
        again = {"Idempotency-Key": f"zzschluessel-{status}-{len(content)}"}
        raw = server.call("POST", "/v1/screen", content, _headers() | again)
        body, kind = _form(content)
        form = server.call("POST", "/v1/screen", body, kind | {"Safehold-Surface": "zzflaeche"})
        assert (raw.status, form.status) == (status, status)
        receipts += [raw.receipt, form.receipt]
        digest = {"sha256": hashlib.sha256(content).hexdigest()}
        path = f"/v1/receipts/{raw.receipt}"
        assert server.receipt(raw.receipt).status == 200
        assert server.send_json(f"{path}/confirm", digest).status == 204
        assert server.send_json(f"{path}/confirm", {"sha256": "0" * 64}).status == 409
        flag = server.send_json("/v1/flags", {"receipt": raw.receipt, **SAID, **PERSON})
        assert flag.status == 202
        appeal = {"receipt": raw.receipt, "text": SAID["text"], "appellant": SAID["reporter"]}
        assert server.send_json("/v1/appeals", appeal).status == 202
    asked = {**Digests.of(LISTED).exact, **PERSON}
    assert server.send_json("/v1/screen/digests", asked).status == 451
    return receipts


def _bad_calls(server: Process) -> None:
    marks = [*PERSON.values(), LIST, ENTRY, Digests.of(LISTED).sha256]
    for mark in map(_encoded, marks):
        calls = [
            server.call("POST", f"/v1/screen?{mark}={mark}", CLEAN, {"Safehold-Surface": mark}),
            server.call("GET", f"/{mark}?{mark}", key=None),
            server.call("GET", f"/v1/receipts/{mark}"),
            server.call("POST", "/v1/screen", CLEAN, {"Safehold-IP": mark + "/zz"}),
            server.call("POST", "/v1/screen", CLEAN, {f"Safehold-{mark[:12]}": "x"})
            if mark.isalnum()
            else server.call("BREW", "/v1/screen"),
            server.call("POST", "/v1/screen", CLEAN, key=f"sfh_{mark}"),
            server.send_json("/v1/flags", {mark: mark, "reason": mark}),
            server.send_json("/v1/appeals", {"receipt": mark, "text": mark}),
            server.send_json("/v1/screen/digests", {**Digests.of(CLEAN).exact, "ip": mark + "z"}),
            server.call(
                "POST", "/v1/flags", f'{{"{mark}'.encode(), {"Content-Type": "application/json"}
            ),
            server.call("POST", "/v1/screen", _form(CLEAN)[0][:-40], _form(CLEAN)[1]),
            server.screen(b"", file_name=mark),
        ]
        assert all(400 <= answer.status < 500 for answer in calls), [a.body for a in calls]
    assert server.talk(f"GET zz{LIST} {ENTRY}\r\n\r\n".encode()).status == 400
    assert server.talk(b"GET / HTTP/1.1\r\nzzliste\x00: zzeintrag\r\n\r\n").status == 400


def _digests() -> set[str]:
    found = set()
    for content in CONTENTS:
        digests = Digests.of(content)
        found |= {digests.md5, digests.sha1, digests.sha256}
        if digests.pdq:
            found.add(digests.pdq)
    return found


def _secret() -> set[str]:
    """What nobody may be told, as it stands and as it may be encoded."""
    persons = {v for v in PERSON.values() if v} | {"zzmelder", "zztext", "zzmarke", "zzferien"}
    persons |= {_encoded(value) for value in persons}
    persons |= {"zzhaken", "zzalarm"}
    return persons | _digests() | {LIST, ENTRY, "partner", "rumour", "zzgrenze", "zzschluessel"}


def test_no_answer_tells(run: Run) -> None:
    assert len(run.answers) > 100
    secret = _secret() | {"zzflaeche", "zzgrund"}
    for answer in run.answers:
        text = (json.dumps(answer.headers) + answer.body.decode()).lower()
        found = {mark for mark in secret if mark.lower() in text}
        # The OpenAPI file explains fields in words; it is the same for everybody.
        assert not found, (found, text[:500])


def test_verdicts_are_of_one_shape(run: Run) -> None:
    verdicts = [
        a
        for a in run.answers
        if a.status in (200, 202, 423, 451) and a.body.startswith(b'{"verdict"')
    ]
    shapes = {tuple(a.json) for a in verdicts}
    assert shapes == {("verdict", "receipt"), ("verdict", "receipt", "bytes", "until")}
    heads = {tuple(sorted(a.headers)) for a in verdicts}
    assert len(heads) == 1
    lengths = {len(a.receipt) for a in verdicts}
    assert len(lengths) == 1


def test_no_log_line_tells(run: Run) -> None:
    secret = _secret() | {
        "zzgrund",
        "zzflaeche",
        *run.receipts,
        *run.house.keys.values(),
        "distance",
    }
    for name, log in run.logs.items():
        found = {mark for mark in secret if mark.lower() in log.lower()}
        assert not found, (name, found)
    assert run.logs["work.out"].count("\n") >= 3
    assert "check ok" in run.logs["custodian.err"]
    lines = [json.loads(line) for line in run.logs["serve.out"].splitlines()]
    known = {
        "call": {"request", "route", "status", "seconds", "service", "key", "verdict", "code"},
        "check": {"code", "good"},
        "lists_opened": {"lists", "failed"},
        "decoder_started": {"missing_protections"},
        "library": {"logger", "exception"},
        "probing": {"service"},
    }
    for line in lines:
        fields = set(line) - {"event", "level", "timestamp"}
        assert fields <= known[line["event"]], line
    assert not re.search(r"127\.0\.0\.1:\d+", run.logs["serve.out"])


def test_no_figure_tells(run: Run) -> None:
    [figures] = [a for a in run.answers if a.headers.get("content-type", "").startswith("text/")]
    labels = set(re.findall(r'(\w+)="', figures.body.decode()))
    assert labels == {"route", "status", "verdict", "code", "step", "le"}
    routes = set(re.findall(r'route="([^"]*)"', figures.body.decode()))
    assert routes <= {
        *("screen", "digests", "receipt", "confirm", "bytes", "flags", "appeals"),
        *("live", "ready", "metrics", "openapi", "none"),
    }


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_kept_of_persons_is_sealed(run: Run) -> None:
    kept = _files(run.house.folder)
    assert any(path.name.endswith("-wal") and content for path, content in kept.items())
    persons = {*PERSON.values(), "zzmelder", "zztext", "zzmarke", "zzferien", "203.0.113"}
    digests = {d for c in CONTENTS for d in Digests.of(c).exact.values()}
    secret = {mark.encode() for mark in persons | digests | set(run.house.keys.values())}
    secret |= {bytes.fromhex(digest) for digest in digests}
    secret |= {key.rsplit("_", 1)[-1].encode() for key in run.house.keys.values()}
    # Pieces of the pictures themselves.
    secret |= {content[start : start + 48] for content in CONTENTS for start in (0, 700, 5000)}
    secret -= {b""}
    secret = {mark for mark in secret if len(mark) >= 8}
    for path, content in kept.items():
        found = {mark for mark in secret if mark in content}
        assert not found, (path.name, found)


def test_what_is_kept_is_private(run: Run) -> None:
    for path in run.house.folder.rglob("*"):
        mode = path.stat().st_mode & 0o777
        # The operator's own file of settings has the mode that the operator gave it.
        if path.name != "config.toml" and not path.is_socket():
            assert mode & 0o077 == 0, (path.name, oct(mode))


def test_names_in_the_vault_reveal_nothing(run: Run) -> None:
    names = [
        p.name
        for f in (run.house.runtime.home.vault, run.house.runtime.home.keys)
        for p in f.rglob("*")
        if p.is_file() and not p.name.startswith(".")
    ]
    assert len(names) >= 6
    ids = {case.case_id for case in run.house.cases()}
    for name in names:
        assert re.fullmatch("[a-z2-7]{32}", name)
        assert not any(known in name or name in known for known in ids)

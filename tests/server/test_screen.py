"""`POST /v1/screen` and its kin over a real socket: verdicts, statuses, receipts, retries."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote

import pytest

from safehold.accounts.keys import KeyTerms
from safehold.cases.model import CaseFilter
from safehold.hashing.exact import exact_digests
from tests.server.site import AWAITED, BLOCKED, CLEAN, HELD, Site, jpeg

BOUNDARY = "a-boundary-of-our-own"


def form(file: bytes | None, **fields: str) -> bytes:
    """A multipart body."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is not None:
        head = 'Content-Disposition: form-data; name="file"; filename="x.jpg"'
        kind = "Content-Type: image/jpeg"
        parts.append(f"--{BOUNDARY}\r\n{head}\r\n{kind}\r\n\r\n".encode() + file + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def digests_of(content: bytes) -> dict[str, str]:
    exact = exact_digests(content)
    return {"sha256": exact.sha256.hex(), "sha1": exact.sha1.hex(), "md5": exact.md5.hex()}


def test_verdicts_have_their_statuses(site: Site) -> None:
    expected = ((CLEAN, 200, "allow"), (HELD, 423, "hold"), (BLOCKED, 451, "block"))
    for content, status, verdict in expected:
        answer = site.screen(content)
        assert answer.status == status
        assert answer.json == {"verdict": verdict, "receipt": answer.json["receipt"]}
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"


def test_what_is_no_picture_is_matched_and_allowed(site: Site) -> None:
    assert site.screen(b"%PDF-1.7 a text").status == 200
    assert site.screen(b"\x00").status == 200


def test_a_cut_picture_is_held_and_kept(site: Site) -> None:
    cut = jpeg(40)[:2000]
    answer = site.screen(cut)
    assert (answer.status, answer.json["verdict"]) == (423, "hold")
    with site.runtime.records.read() as transaction:
        cases = transaction.cases.list(CaseFilter(limit=1000))
        sizes = {e.size for c in cases for e in transaction.cases.evidence(c.case_id)}
    assert len(cut) in sizes


def test_a_key_may_have_another_status_for_a_hold(site: Site) -> None:
    site.add_key("other", "shop", KeyTerms(hold_status=409, per_minute=0))
    assert site.screen(HELD, key="other").status == 409
    assert site.screen(BLOCKED, key="other").status == 451


def test_a_form_says_the_same_as_headers(site: Site) -> None:
    sent = form(BLOCKED, uploader="u-9", file_name="ä b.jpg", ip="198.51.100.7", port="443")
    assert site.call("POST", "/v1/screen", sent, FORM).status == 451
    sent = form(CLEAN, surface="storage")
    assert site.call("POST", "/v1/screen", sent, FORM).status == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (form(None, uploader="u"), 400, "multipart_invalid"),
        (form(CLEAN)[:-8], 400, "multipart_invalid"),
        (form(CLEAN)[:-400], 400, "multipart_invalid"),
        (b"", 400, "multipart_invalid"),
        (b"nothing of the kind", 400, "multipart_invalid"),
        (form(b""), 422, "empty_body"),
        (form(CLEAN, port="70000"), 422, "invalid_request"),
        (form(CLEAN, unknown="x"), 422, "invalid_request"),
        (form(CLEAN, uploader="u" * 300), 422, "invalid_request"),
        (form(CLEAN, surface="moon"), 422, "unknown_surface"),
        (
            form(CLEAN).replace(f"--{BOUNDARY}--".encode(), b"") + form(CLEAN),
            400,
            "multipart_invalid",
        ),
    ],
)
def test_a_form_that_cannot_be_used(site: Site, body: bytes, status: int, code: str) -> None:
    answer = site.call("POST", "/v1/screen", body, FORM)
    assert (answer.status, answer.json["code"]) == (status, code)


@pytest.mark.parametrize(
    "headers",
    [
        {"Safehold-IP": "198.51.100.300"},
        {"Safehold-IP": "fe80::1%eth0"},
        {"Safehold-Port": "0"},
        {"Safehold-Port": "+80"},
        {"Safehold-Time": "2026-03-01T12:00:00"},
        {"Safehold-Time": "2026-13-01T12:00:00Z"},
        {"Safehold-Uploader-Address": "nobody"},
        {"Safehold-Uploader": "100%"},
        {"Safehold-Uploader": "%00"},
        {"Safehold-Uploader": "%FF"},
        {"Safehold-Uploader": "%ED%A0%80"},
        {"Safehold-Uploader": "x" * 257},
        {"Safehold-Uploder": "x"},
        {"Idempotency-Key": "x" * 256},
        {"Idempotency-Key": ""},
    ],
)
def test_a_header_that_cannot_be_used(site: Site, headers: dict[str, str]) -> None:
    answer = site.call("POST", "/v1/screen", CLEAN, headers)
    assert (answer.status, answer.json["code"]) == (422, "invalid_request")
    for value in headers.values():
        assert not value or value not in answer.body.decode()


def test_headers_that_can_be_used(site: Site) -> None:
    answer = site.screen(
        CLEAN,
        Safehold_Surface="private_message",
        Safehold_Uploader=quote("Zoë 7"),
        Safehold_Uploader_Address="zoe@example.org",
        Safehold_IP="2001:db8::7",
        Safehold_Port="65535",
        Safehold_Time="2026-03-01T12:00:60.5+02:00",
        Safehold_File_Name=quote("ein Bild (1).jpg"),
        Safehold_Reference="ref/1",
    )
    assert answer.status == 200


def test_the_same_key_gets_the_same_answer(site: Site) -> None:
    for content, status in ((CLEAN, 200), (BLOCKED, 451), (HELD, 423)):
        key = f"try-{status}"
        first = site.screen(content, Idempotency_Key=key, Safehold_Uploader="u")
        again = site.screen(content, Idempotency_Key=key, Safehold_Uploader="u")
        assert (first.status, again.status) == (status, status)
        assert first.body == again.body
        for answer in (
            site.screen(jpeg(41), Idempotency_Key=key, Safehold_Uploader="u"),
            site.screen(content, Idempotency_Key=key, Safehold_Uploader="v"),
        ):
            assert (answer.status, answer.json["code"]) == (422, "idempotency_mismatch")
        # Another service's keys are its own.
        assert site.screen(content, key="forum", Idempotency_Key=key).status == status


def test_a_receipt_says_what_holds_now(site: Site) -> None:
    for content, verdict in ((CLEAN, "allow"), (BLOCKED, "block")):
        receipt = site.screen(content).json["receipt"]
        answer = site.call("GET", f"/v1/receipts/{receipt}")
        assert answer.status == 200
        assert answer.json == {
            "verdict": verdict,
            "receipt": receipt,
            "bytes": "none",
            "until": None,
        }
        head = site.call("HEAD", f"/v1/receipts/{receipt}")
        assert (head.status, head.body) == (200, b"")


def test_a_swap_is_seen(site: Site) -> None:
    receipt = site.screen(CLEAN).json["receipt"]
    path = f"/v1/receipts/{receipt}/confirm"
    same = site.send_json(path, {"sha256": hashlib.sha256(CLEAN).hexdigest()})
    assert (same.status, same.body) == (204, b"")
    other = site.send_json(path, {"sha256": hashlib.sha256(HELD).hexdigest()})
    assert (other.status, other.json["code"]) == (409, "bytes_differ")


def test_digests_that_are_listed_await_their_bytes(site: Site) -> None:
    content = jpeg(42)
    missed = site.send_json("/v1/screen/digests", digests_of(content))
    assert (missed.status, missed.json["verdict"]) == (200, "allow")
    hit = site.send_json("/v1/screen/digests", digests_of(AWAITED))
    assert (hit.status, hit.json["verdict"]) == (451, "block")
    receipt = hit.json["receipt"]
    status = site.call("GET", f"/v1/receipts/{receipt}").json
    assert status["bytes"] == "wanted"
    assert status["until"].endswith("Z")
    path = f"/v1/receipts/{receipt}/bytes"
    other = site.call("PUT", path, content)
    assert (other.status, other.json["code"]) == (409, "bytes_differ")
    sent = site.call("PUT", path, AWAITED)
    assert (sent.status, sent.json["verdict"]) == (451, "block")
    assert site.call("GET", f"/v1/receipts/{receipt}").json["bytes"] == "none"
    again = site.call("PUT", path, AWAITED)
    assert (again.status, again.json["code"]) == (409, "bytes_not_wanted")


def test_pdq_is_not_taken_unless_it_is_switched_on(site: Site) -> None:
    asked = {**digests_of(CLEAN), "pdq": {"hash": "0" * 64, "quality": 100}}
    answer = site.send_json("/v1/screen/digests", asked)
    assert (answer.status, answer.json["code"]) == (422, "invalid_request")
    assert "pdq" in answer.json["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b'{"sha256": "00"}',
        json.dumps({**digests_of(CLEAN), "more": 1}).encode(),
        json.dumps({**digests_of(CLEAN), "ip": "nowhere"}).encode(),
        json.dumps({**digests_of(CLEAN), "port": "80"}).encode(),
        b"[" * 50_000,
        b'{"sha256":' * 5_000,
        b'{"uploader": "\\ud800"}',
        b"\xff\xfe",
    ],
)
def test_json_that_cannot_be_used(site: Site, body: bytes) -> None:
    answer = site.call("POST", "/v1/screen/digests", body, {"Content-Type": "application/json"})
    assert (answer.status, answer.json["code"]) == (422, "invalid_request")


def test_json_must_be_said_to_be_json(site: Site) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = site.call("POST", "/v1/flags", b"{}", {"Content-Type": kind})
        assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


def test_flags_and_appeals(site: Site) -> None:
    receipt = site.screen(HELD).json["receipt"]
    flagged = site.send_json(
        "/v1/flags", {"receipt": receipt, "reason": "reported", "reporter": "r", "text": "words"}
    )
    assert flagged.status == 202
    assert set(flagged.json) == {"verdict", "receipt"}
    appeal = site.send_json("/v1/appeals", {"receipt": receipt, "text": "please look again"})
    assert appeal.status == 202
    clean = site.screen(jpeg(43)).json["receipt"]
    nothing = site.send_json("/v1/appeals", {"receipt": clean, "text": "why"})
    assert (nothing.status, nothing.json["code"]) == (409, "no_case")
    both = {"receipt": receipt, "sha256": "0" * 64, "reason": "x"}
    assert site.send_json("/v1/flags", both).status == 422
    assert site.send_json("/v1/flags", {"reason": "x"}).status == 422


def test_empty_and_unknown(site: Site) -> None:
    empty = site.screen(b"")
    assert (empty.status, empty.json["code"]) == (422, "empty_body")
    unknown = site.screen(CLEAN, Safehold_Surface="moon")
    assert (unknown.status, unknown.json["code"]) == (422, "unknown_surface")
    for path in ("/", "/v1", "/v1/screen/", "/v1/receipts/", "/v1/receipts/x/y", "/docs"):
        assert site.call("GET", path).json["code"] == "not_found"
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        answer = site.call(method, "/v1/screen")
        assert (answer.status, answer.headers["allow"]) == (405, "POST")

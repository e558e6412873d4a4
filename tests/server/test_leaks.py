"""No answer, log line or figure says what was matched, how near, or anything of a person."""

from __future__ import annotations

import hashlib
import json
import re

from safehold.hashing.exact import exact_digests
from tests.server.site import BLOCKED, CLEAN, HELD, Site, jpeg
from tests.server.test_screen import FORM, form

PERSON = {
    "uploader": "uploader-zq7",
    "uploader_address": "zq7@person.example",
    "ip": "203.0.113.77",
    "port": "47117",
    "time": "2026-03-01T11:11:11.171Z",
    "file_name": "zq7 holiday.jpg",
    "reference": "reference-zq7",
    "screen_name": "screen-zq7",
    "display_name": "display zq7",
    "profile_url": "https://zq7.example/person",
    "url": "https://zq7.example/item",
    "device_type": "IMEI-zq7",
    "device_id": "device-zq7",
}
HEADERS = {
    "Safehold-" + name.replace("_", "-"): value.replace(" ", "%20")
    for name, value in PERSON.items()
}


def secrets_of(site: Site) -> set[str]:
    """Everything that must not be seen anywhere, as it could be written."""
    found = {"partnerlist", "rumourlist", "entry-one", "entry-two", "entry-three", "words-zq7"}
    found |= {*PERSON.values(), "zq7", "zq7%20holiday.jpg"}
    for content in (CLEAN, HELD, BLOCKED):
        exact = exact_digests(content)
        found |= {exact.md5.hex(), exact.sha1.hex(), exact.sha256.hex()}
    found |= {key.removeprefix("sfh_")[27:] for key in site.keys.values()}
    return found


def test_nothing_is_said_that_need_not_be(site: Site) -> None:
    site.seen.clear()
    start = len(site.log.getvalue())
    receipts = []
    for content in (CLEAN, HELD, BLOCKED, jpeg(1, quality=70), jpeg(80)[:1000], b"text"):
        answer = site.call("POST", "/v1/screen", content, HEADERS)
        receipts.append(answer.json["receipt"])
        assert set(answer.json) == {"verdict", "receipt"}
    site.call("POST", "/v1/screen", form(HELD, **PERSON), FORM)
    sha256 = hashlib.sha256(HELD).hexdigest()
    exact = exact_digests(HELD)
    digests = {"sha256": sha256, "sha1": exact.sha1.hex(), "md5": exact.md5.hex()}
    context = {**PERSON, "port": 47117}
    site.send_json("/v1/screen/digests", {**digests, **context})
    site.send_json("/v1/screen/digests", {**digests, **context, "ip": "zq7"})
    site.send_json("/v1/screen/digests", {**digests, "zq7": "zq7"})
    site.send_json(f"/v1/receipts/{receipts[1]}/confirm", {"sha256": "0" * 64})
    site.call("GET", f"/v1/receipts/{receipts[1]}?uploader=zq7")
    site.call("GET", "/zq7?zq7=zq7")
    site.call("POST", "/v1/screen", CLEAN, {**HEADERS, "Safehold-Port": "zq7"})
    site.call("POST", "/v1/screen", CLEAN, {"Safehold-zq7": "zq7"})
    site.call("POST", "/v1/screen", form(HELD, **{"zq7": "zq7"}), FORM)
    site.call("POST", "/v1/screen", b"zq7", {"Content-Type": "multipart/form-data; boundary=zq7"})
    flag = {"receipt": receipts[1], "reason": "x", "text": "words-zq7", "reporter": "zq7"}
    site.send_json("/v1/flags", flag)
    site.send_json("/v1/appeals", {"receipt": receipts[1], "text": "words-zq7"})
    site.call("GET", "/metrics", key=None)
    site.call("GET", "/health/ready", key=None)
    site.call("GET", "/openapi.json", key=None)
    log = site.log.getvalue()[start:]
    said = [answer.body.decode() + json.dumps(answer.headers) for answer in site.seen]
    for secret in secrets_of(site):
        assert secret not in log
        for text in said:
            assert secret not in text
    # Receipts are the caller's alone.
    assert not any(receipt in log for receipt in receipts)
    # No line has more than it is known to have.
    known = {
        *("event", "level", "timestamp", "request", "route", "status", "seconds"),
        *("service", "key", "verdict", "code"),
    }
    for line in log.splitlines():
        assert set(json.loads(line)) <= known


def test_held_and_blocked_answers_differ_from_allowed_ones_in_the_verdict_alone(site: Site) -> None:
    shapes = set()
    for content in (CLEAN, HELD, BLOCKED):
        answer = site.screen(content)
        headers = {k: v for k, v in answer.headers.items() if k != "content-length"}
        shapes.add((tuple(sorted(headers.items())), len(answer.json["receipt"])))
    assert len(shapes) == 1


def test_figures_have_few_labels(site: Site) -> None:
    text = site.call("GET", "/metrics", key=None).body.decode()
    names = set(re.findall(r"[{,]([a-z]+)=", text))
    assert names <= {"route", "status", "verdict", "code", "step", "le"}
    assert 'safehold_verdicts_total{verdict="block"}' in text
    assert "safehold_list_age_seconds" in text


def test_the_canary_counts_in_no_figure_and_sees_its_own_list_alone(site: Site) -> None:
    from safehold.accounts.keys import KeyTerms

    key, text = site.runtime.accounts.add_canary_key(KeyTerms(per_minute=0))
    site.keys["canary"], site.key_ids["canary"] = text, key

    def verdicts() -> list[str]:
        lines = site.call("GET", "/metrics", key=None).body.decode().splitlines()
        return [line for line in lines if line.startswith("safehold_verdicts_total")]

    before = verdicts()
    # The operators' lists do not count for canaries.
    assert site.screen(BLOCKED, key="canary").status == 200
    assert site.screen(jpeg(90)[:900], key="canary").status == 423
    assert verdicts() == before

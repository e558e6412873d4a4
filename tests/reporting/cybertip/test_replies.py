"""Answers of every kind, and of none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.reporting.cybertip.replies import (
    MAX_ANSWER_BYTES,
    Family,
    Reply,
    ResponseCode,
    family,
    outcome,
    read_reply,
)
from safehold.reporting.model import StepKind, StepPhase

FILE = "0123456789abcdef" * 2


def answer(inner: str, root: str = "reportResponse") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><{root}>{inner}</{root}>'.encode()


def test_an_upload_and_an_end_are_read_whole() -> None:
    body = answer(
        "<!-- a --><responseCode> 0 </responseCode><responseDescription>Success"
        f"</responseDescription><reportId>70</reportId><fileId>{FILE}</fileId><hash>{FILE}</hash>"
    )
    expected = Reply(200, "r-1", 0, "70", FILE, bytes.fromhex(FILE))
    assert read_reply(200, body, "r-1") == expected
    end = answer(
        "<responseCode>0</responseCode><reportId>70</reportId>"
        f"<files><fileId>{FILE}</fileId><fileId>other</fileId></files>",
        "reportDoneResponse",
    )
    assert read_reply(200, end, "").files == (FILE, "other")
    assert read_reply(200, end, "").remote_file == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><p>Sorry",
        b"\x00\xff",
        answer(""),
        answer("<responseCode>none</responseCode>"),
        answer("<responseCode>0</responseCode><responseCode>1000</responseCode>"),
        answer("<responseCode>0</responseCode>", "other"),
        b'<!DOCTYPE a [<!ENTITY b "0">]>' + answer("<responseCode>&b;</responseCode>")[38:],
        answer("<responseCode>0</responseCode>" + " " * MAX_ANSWER_BYTES),
    ],
)
def test_what_cannot_be_understood_has_no_code(body: bytes) -> None:
    found = read_reply(200, body, "bad\nid")
    assert found == Reply(200)
    assert not found.is_understood
    for kind in StepKind:
        assert outcome(kind, found, "70") is StepPhase.UNCLEAR
        assert outcome(kind, Reply(401), "70") is StepPhase.REFUSED


@given(st.binary(max_size=300), st.integers(100, 599), st.text(max_size=20))
def test_nothing_that_comes_raises(body: bytes, status: int, request_id: str) -> None:
    assert read_reply(status, body, request_id).status == status


def test_codes_count_and_not_the_status() -> None:
    body = answer("<responseCode>1000</responseCode>")
    assert outcome(StepKind.SUBMIT, read_reply(200, body, ""), "") is StepPhase.REFUSED
    good = answer("<responseCode>0</responseCode><reportId>70</reportId>")
    assert outcome(StepKind.SUBMIT, read_reply(500, good, ""), "") is StepPhase.DONE


def test_what_success_is_for_each_call() -> None:
    bare = Reply(200, code=0)
    assert outcome(StepKind.SUBMIT, bare, "") is StepPhase.UNCLEAR
    assert outcome(StepKind.UPLOAD, bare, "70") is StepPhase.UNCLEAR
    assert outcome(StepKind.FILE_INFO, bare, "70") is StepPhase.DONE
    other = Reply(200, code=0, remote_report="71")
    assert outcome(StepKind.FINISH, other, "70") is StepPhase.UNCLEAR
    for kind in StepKind:
        finished = outcome(kind, Reply(200, code=5102), "70")
        retracted = outcome(kind, Reply(200, code=5101), "70")
        assert (finished is StepPhase.DONE) == (kind is StepKind.FINISH)
        assert (retracted is StepPhase.DONE) == (kind is StepKind.RETRACT)


def test_every_documented_code_has_its_family_and_unknown_ones_none_that_is_repeated() -> None:
    assert {code: family(code) for code in ResponseCode if code} == {
        ResponseCode.SERVER_ERROR: Family.LATER,
        ResponseCode.SAVE_FAILED: Family.LATER,
        ResponseCode.UPLOAD_FAILED: Family.LATER,
        ResponseCode.UPLOAD_NOT_SAVED: Family.LATER,
        ResponseCode.NOT_FOUND: Family.LATER,
        ResponseCode.UPDATE_FAILED: Family.LATER,
        ResponseCode.AUTHENTICATION_REQUIRED: Family.CREDENTIALS,
        ResponseCode.NOT_AUTHORISED: Family.CREDENTIALS,
        ResponseCode.NOT_AUTHORISED_TO_REPORT: Family.CREDENTIALS,
        ResponseCode.NOT_AUTHORISED_FOR_REPORT: Family.CREDENTIALS,
        ResponseCode.INVALID_REQUEST: Family.CONTENT,
        ResponseCode.VALIDATION_FAILED: Family.CONTENT,
        ResponseCode.MALFORMED_XML: Family.CONTENT,
        ResponseCode.MALFORMED_FILE: Family.CONTENT,
        ResponseCode.NO_SUCH_REPORT: Family.STATE,
        ResponseCode.NO_SUCH_FILE: Family.STATE,
        ResponseCode.ALREADY_RETRACTED: Family.STATE,
        ResponseCode.ALREADY_FINISHED: Family.STATE,
    }
    assert {family(code) for code in (-1, 5, 5003, 6000, 99_999)} == {Family.UNKNOWN}

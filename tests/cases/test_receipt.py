"""Receipts are opaque, of one length, and one service's alone."""

from __future__ import annotations

import datetime as dt
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.names import KeyedNames
from safehold.cases.receipt import RECEIPT_LENGTH, Receipt, ReceiptSealer, UnknownReceiptError
from safehold.hashing.keyed import DigestKey
from safehold.ids import CaseId, EvidenceId, ServiceId

KEY = DigestKey(bytes(range(32)))
SEALER = ReceiptSealer(KEY)
SHOP, FORUM = ServiceId("shop"), ServiceId("forum")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
moments = st.integers(0, 10**12).map(lambda n: START + n * dt.timedelta(milliseconds=1))
receipts = st.builds(Receipt, st.binary(min_size=16, max_size=16), moments)


@given(receipts)
def test_a_receipt_opens_to_what_was_sealed(receipt: Receipt) -> None:
    text = SEALER.seal(SHOP, receipt)
    assert SEALER.open(SHOP, text) == receipt
    assert len(text) == RECEIPT_LENGTH
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")


@given(receipts)
def test_another_service_or_key_opens_nothing(receipt: Receipt) -> None:
    text = SEALER.seal(SHOP, receipt)
    with pytest.raises(UnknownReceiptError):
        SEALER.open(FORUM, text)
    with pytest.raises(UnknownReceiptError):
        ReceiptSealer(DigestKey(bytes(32))).open(SHOP, text)


@given(receipts, st.integers(0, RECEIPT_LENGTH - 1), st.sampled_from("AZaz09-_"))
def test_a_changed_receipt_is_unknown(receipt: Receipt, place: int, letter: str) -> None:
    text = SEALER.seal(SHOP, receipt)
    changed = text[:place] + letter + text[place + 1 :]
    if changed != text and place < RECEIPT_LENGTH - 1:
        with pytest.raises(UnknownReceiptError):
            SEALER.open(SHOP, changed)


@given(st.text(max_size=200))
def test_any_other_text_is_unknown(text: str) -> None:
    with pytest.raises(UnknownReceiptError):
        SEALER.open(SHOP, text)


def test_the_same_bytes_have_receipts_that_do_not_show_it() -> None:
    receipt = Receipt(bytes(16), dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    texts = {SEALER.seal(SHOP, receipt) for _ in range(50)}
    assert len(texts) == 50
    assert len({text[:12] for text in texts}) == 50


def test_names_are_keyed_by_home_and_service() -> None:
    names, others = KeyedNames(KEY), KeyedNames(DigestKey(bytes(32)))
    sha256 = bytes(range(32))
    assert names.content(SHOP, sha256) == names.content(SHOP, sha256)
    assert names.content(SHOP, sha256) != names.content(FORUM, sha256)
    assert names.content(SHOP, sha256) != others.content(SHOP, sha256)
    assert names.person(SHOP, "42") != names.person(FORUM, "42")
    assert names.person(SHOP, "") is None
    assert names.object(EvidenceId("x")) != names.case_key(CaseId("x"))
    assert names.request(SHOP, b"a", b"bc") != names.request(SHOP, b"ab", b"c")
    assert names.content(ServiceId("a"), b"bc") != names.content(ServiceId("ab"), b"c")

"""`DestructionStore`: the fake, SQLite and PostgreSQL keep the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from safehold.cases.destruction import Destruction, Ground
from safehold.ids import CaseId, DestructionId, DocumentId, EvidenceId, ServiceId

T0 = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def destruction(name: str, begun: dt.datetime = T0, **more: Any) -> Destruction:
    made = Destruction(
        destruction_id=DestructionId(name),
        case_id=CaseId("case"),
        service_id=ServiceId("shop"),
        ground=Ground.AUTHORITY,
        begun=begun,
        requested_by="user:ann",
        approved_by="user:cyd",
        evidence=(EvidenceId("e1"), EvidenceId("e2")),
        document_id=DocumentId("d"),
        reference="order-7",
        objects=("o1", "o2"),
        key_name="k",
    )
    return replace(made, **more)


def test_what_was_written_is_read(records: Any) -> None:
    first = destruction("1")
    plain = destruction("2", document_id=None, reference="", ground=Ground.CLEARED)
    with records.write() as transaction:
        transaction.destructions.add(first)
        transaction.destructions.add(plain)
    with records.read() as transaction:
        store = transaction.destructions
        assert store.find(DestructionId("1")) == first
        assert store.find(DestructionId("2")) == plain
        assert store.find(DestructionId("3")) is None
    with pytest.raises(Exception, match=r"."), records.write() as transaction:
        transaction.destructions.add(first)


def test_from_begun_to_signed(records: Any) -> None:
    older, newer = destruction("b"), destruction("a", begun=T0 + DAY)
    with records.write() as transaction:
        for one in (newer, older, destruction("c", case_id=CaseId("other"))):
            transaction.destructions.add(one)
        done = replace(older, destroyed=T0 + DAY, copies_until=T0 + 15 * DAY)
        # What has happened is not written over.
        transaction.destructions.update(replace(done, ground=Ground.EARLY, key_name=""))
    with records.read() as transaction:
        store = transaction.destructions
        assert store.find(DestructionId("b"), lock=False) == done
        assert [one.destruction_id for one in store.unfinished(9)] == ["c", "a"]
        assert [one.destruction_id for one in store.unfinished(1)] == ["c"]
        assert list(store.unsigned(9)) == [done]
        assert [one.destruction_id for one in store.newest(2)] == ["a", "c"]
        assert [one.destruction_id for one in store.of_case(CaseId("case"))] == ["b", "a"]
    signed = replace(done, statement=b"text\n", signature=bytes(64))
    with records.write() as transaction:
        assert transaction.destructions.find(DestructionId("b"), lock=True) == done
        transaction.destructions.update(signed)
    with records.read() as transaction:
        assert transaction.destructions.find(DestructionId("b")) == signed
        assert transaction.destructions.unsigned(9) == []

"""What the tables of review refuse, what their migration makes of older rows, and their indexes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import safehold.storage.migrate as migrating
from safehold.cases.model import Attention, CaseState, Queue
from safehold.cases.review.model import LegalHold, Order, QueueFilter
from safehold.ids import HoldId, UserId
from safehold.storage import review_statements as sql
from safehold.storage.engine import DatabaseError, postgres_engine, sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from tests.storage.held import ONE, T0, case

ANN = UserId("ann")
URGENT = QueueFilter(after="50.case000007")


@pytest.mark.parametrize(
    ("case_id", "uploader"), [(None, None), (case(1).case_id, b"u" * 16)], ids=["none", "both"]
)
def test_a_hold_is_on_a_case_or_on_an_account(
    sqlite: sa.Engine, case_id: Any, uploader: bytes | None
) -> None:
    hold = LegalHold(HoldId("a"), ONE, case_id, uploader, "ref", ANN, T0)
    with pytest.raises(DatabaseError), SqlRecords(sqlite).write() as transaction:
        transaction.reviews.add_hold(hold)


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (sql.select_queue(QueueFilter(), T0), {}, "cases_most_urgent"),
        (sql.select_queue(URGENT, T0), {}, "cases_most_urgent"),
        (sql.select_queue(QueueFilter(for_user=ANN), T0), {}, "cases_most_urgent"),
        (sql.select_queue(QueueFilter(for_user=ANN), T0), {}, "case_passes_of_user"),
        (sql.select_queue(QueueFilter(queue=Queue.MATCHES), T0), {}, "cases_by_urgency"),
        (sql.select_queue(QueueFilter(attention="appealed"), T0), {}, "cases_by_attention"),
        (sql.select_queue(QueueFilter(order=Order.OLDEST), T0), {}, "cases_by_age"),
        (sql.select_queue(QueueFilter(order=Order.NEWEST), T0), {}, "cases_by_age"),
        (
            sql.select_queue(QueueFilter(queue=Queue.FAULTS, order=Order.OLDEST), T0),
            {},
            "cases_in_queue",
        ),
        (sql.count_queue(QueueFilter(for_user=ANN), T0), {}, "COVERING INDEX"),
        (sql.SELECT_PICTURES, {"of_service": "a"}, "cases_pictures"),
        (sql.SELECT_VIEWS, {"of_case": "a"}, "views_of_case"),
        (sql.SELECT_VIEWS_BY, {"of_user": "a", "moment": T0}, "views_of_user"),
        (sql.SELECT_STALE_VIEWS, {"moment": T0, "at_most": 5}, "views_open"),
        (sql.SELECT_PROPOSALS, {"at_most": 5}, "proposals_newest"),
        (sql.SELECT_PROPOSALS_IN, {"of_state": "open", "at_most": 5}, "proposals_in_state"),
        (sql.SELECT_HOLDS_ON, {"of_case": "a"}, "occurrences_of_uploader"),
        (sql.SELECT_LIKENESSES, {"of_service": "a"}, "likenesses_of_service"),
        (sql.SELECT_OTHERS, {"of_case": "a", "at_most": 5}, "occurrences_of_uploader"),
        (sql.SELECT_OTHERS, {"of_case": "a", "at_most": 5}, "occurrences_of_case"),
    ],
)
def test_questions_use_their_index(
    sqlite: sa.Engine, statement: sa.Select[Any], values: dict[str, Any], index: str
) -> None:
    plan: list[str] = []
    with sqlite.connect() as connection:

        @sa.event.listens_for(connection, "before_cursor_execute", retval=True)
        def explain(_: Any, cursor: Any, text: str, parameters: Any, *__: Any) -> Any:
            plan.extend(row[-1] for row in cursor.execute(f"EXPLAIN QUERY PLAN {text}", parameters))
            return text, parameters

        connection.execute(statement, values)
    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN cases") for step in plan), plan
    if index.startswith("cases_"):
        # In the order of the index: no page sorts all open cases.
        assert not any("ORDER BY" in step for step in plan), plan


@pytest.fixture(params=["sqlite", "postgres"])
def older(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sa.Engine]:
    """A database as the release before left it."""
    if request.param == "sqlite":
        engine = sqlite_engine(tmp_path / "older.sqlite")
    else:
        whole = sa.make_url(request.getfixturevalue("postgres_url"))
        maker = postgres_engine(whole.render_as_string(hide_password=False))
        with maker.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sa.text("DROP DATABASE IF EXISTS older"))
            connection.execute(sa.text("CREATE DATABASE older"))
        maker.dispose()
        engine = postgres_engine(whole.set(database="older").render_as_string(hide_password=False))
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "HEAD", "0005")
        migrate(engine)
    yield engine
    engine.dispose()


def test_cases_of_the_release_before_get_their_tier(older: sa.Engine) -> None:
    found: list[tuple[str, list[str | None]]] = [
        ("confirmed", ["suspected", "confirmed", "local"]),
        ("local", ["local", "suspected"]),
        ("", []),
        ("", ["observe-only", None]),
    ]
    row = {
        "service_id": "one",
        "state": "open",
        "queue": "matches",
        "verdict": "hold",
        "surface": "public",
        "recipient": "age1example",
        "key_name": "key",
        "canary": False,
        "cleared": "[]",
        "opened": T0.isoformat(" ") if older.dialect.name == "sqlite" else T0,
        "updated": T0.isoformat(" ") if older.dialect.name == "sqlite" else T0,
    }
    with older.begin() as connection:
        for n, (_, tiers) in enumerate(found):
            _insert(
                connection, "cases", row | {"case_id": f"case{n}", "content": n.to_bytes(16, "big")}
            )
            # What policy found at the first occurrence and at the next.
            for m, some in enumerate((tiers[:1], tiers[1:])):
                values = {
                    "decision_id": f"decision{n}{m}",
                    "case_id": f"case{n}",
                    "occurrence_id": f"occurrence{n}{m}",
                    "at": row["opened"],
                    "actor": "policy",
                    "verdict": "hold",
                    "reasons": "[]",
                    "details": json.dumps({"matches": [{"tier": tier} for tier in some]}),
                }
                _insert(connection, "decisions", values)
    migrate(older)
    with SqlRecords(older).read() as transaction:
        rows = transaction.reviews.queue(QueueFilter(order=Order.OLDEST), T0)
    assert [one.case.tier for one in rows] == [tier for tier, _ in found]
    assert {
        (one.case.urgency, one.case.attention, one.case.purged, one.case.state) for one in rows
    } == {(0, Attention.NONE, None, CaseState.OPEN)}


def _insert(connection: sa.Connection, table: str, values: dict[str, Any]) -> None:
    """A row of a table as it was then."""
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)

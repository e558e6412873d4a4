"""What the tables of reports refuse, and what their migration makes of older rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import safehold.storage.migrate as migrating
from safehold.ids import ServiceId
from safehold.storage.engine import DatabaseError, sqlite_engine
from safehold.storage.migrate import HEAD, current_version, migrate
from safehold.storage.records import SqlRecords
from tests.storage.filed import document, report
from tests.storage.held import case


@pytest.mark.parametrize("fields", [{"uploader": b"short"}, {"digest": b"d" * 31}])
def test_a_report_of_other_lengths_is_refused(sqlite: sa.Engine, fields: Any) -> None:
    with pytest.raises(DatabaseError), SqlRecords(sqlite).write() as transaction:
        transaction.reports.add(report(1, case(1), **fields))


def test_a_document_needs_the_digest_of_its_object(sqlite: sa.Engine) -> None:
    with pytest.raises(DatabaseError), SqlRecords(sqlite).write() as transaction:
        transaction.reports.add_document(document(1, case(1), sealed_sha256=b""))


def test_services_of_the_release_before_are_no_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sqlite_engine(tmp_path / "older.sqlite")
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "HEAD", "0007")
        migrate(engine)
    row = "('one', 'shop', '2026-01-02 03:04:05.000000')"
    with engine.begin() as connection:
        connection.execute(
            sa.text(f"INSERT INTO services (service_id, name, created) VALUES {row}")
        )
    migrate(engine)
    assert current_version(engine) == HEAD
    with SqlRecords(engine).read() as transaction:
        service = transaction.accounts.service(ServiceId("one"))
        assert service is not None
        assert (service.name, service.demo) == ("shop", False)
    engine.dispose()

"""Destructions in SQL: `SqlDestructionStore`, on SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from safehold.cases.destruction import Destruction, Ground
from safehold.ids import CaseId, DestructionId, DocumentId, EvidenceId, ServiceId
from safehold.storage.schema_destructions import UNFINISHED, UNSIGNED, destructions

_one = sa.bindparam("one", type_=destructions.c.destruction_id.type)
_at_most = sa.bindparam("at_most", type_=sa.Integer)
_OLDEST = (destructions.c.begun, destructions.c.destruction_id)
_SELECT = sa.select(destructions).where(destructions.c.destruction_id == _one)
_OF_CASE = sa.select(destructions).where(destructions.c.case_id == _one).order_by(*_OLDEST)
_UNFINISHED = sa.select(destructions).where(sa.text(UNFINISHED)).order_by(*_OLDEST).limit(_at_most)
_UNSIGNED = sa.select(destructions).where(sa.text(UNSIGNED)).order_by(*_OLDEST).limit(_at_most)
_NEWEST = (
    sa.select(destructions)
    .order_by(destructions.c.begun.desc(), destructions.c.destruction_id.desc())
    .limit(_at_most)
)
_UPDATE = sa.update(destructions).where(destructions.c.destruction_id == sa.bindparam("of_key"))
_CHANGES = ("destroyed", "copies_until", "statement", "signature")


class SqlDestructionStore:
    """A `DestructionStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, destruction: Destruction) -> None:
        """Add a destruction."""
        self._connection.execute(sa.insert(destructions), _values(destruction))

    def update(self, destruction: Destruction) -> None:
        """Write what can change of a destruction."""
        values = _values(destruction)
        changes = {name: values[name] for name in _CHANGES}
        self._connection.execute(_UPDATE, {"of_key": destruction.destruction_id, **changes})

    def find(self, destruction_id: DestructionId, *, lock: bool = False) -> Destruction | None:
        """One destruction."""
        statement = _SELECT.with_for_update() if lock else _SELECT
        row = self._connection.execute(statement, {"one": destruction_id}).one_or_none()
        return None if row is None else _destruction(row)

    def of_case(self, case_id: CaseId) -> Sequence[Destruction]:
        """A case's destructions, in order of time."""
        return self._all(_OF_CASE, one=case_id)

    def unfinished(self, limit: int) -> Sequence[Destruction]:
        """Those of which something is still to be destroyed, the oldest first."""
        return self._all(_UNFINISHED, at_most=limit)

    def unsigned(self, limit: int) -> Sequence[Destruction]:
        """Those that are carried out and whose record is not signed, the oldest first."""
        return self._all(_UNSIGNED, at_most=limit)

    def newest(self, limit: int) -> Sequence[Destruction]:
        """All, the newest first."""
        return self._all(_NEWEST, at_most=limit)

    def _all(self, statement: sa.Select[Any], **values: object) -> Sequence[Destruction]:
        return [_destruction(row) for row in self._connection.execute(statement, values)]


def _values(destruction: Destruction) -> dict[str, Any]:
    fields = dataclasses.fields(destruction)
    values = {field.name: getattr(destruction, field.name) for field in fields}
    values["ground"] = destruction.ground.value
    values["evidence"] = list(destruction.evidence)
    values["objects"] = list(destruction.objects)
    return values


def _destruction(row: sa.Row[Any]) -> Destruction:
    return Destruction(
        destruction_id=DestructionId(row.destruction_id),
        case_id=CaseId(row.case_id),
        service_id=ServiceId(row.service_id),
        ground=Ground(row.ground),
        begun=row.begun,
        requested_by=row.requested_by,
        approved_by=row.approved_by,
        evidence=tuple(EvidenceId(one) for one in row.evidence),
        document_id=None if row.document_id is None else DocumentId(row.document_id),
        reference=row.reference,
        objects=tuple(row.objects),
        key_name=row.key_name,
        destroyed=row.destroyed,
        copies_until=row.copies_until,
        statement=row.statement,
        signature=row.signature,
    )

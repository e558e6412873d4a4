"""What is known of suppressions, joined from a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safehold.cases.suppressing import read_changes
from safehold.lists.trust.view import SuppressionView

if TYPE_CHECKING:
    from safehold.runtime.service import ServiceRuntime


def make_suppression_view(runtime: ServiceRuntime) -> SuppressionView:
    """The suppressions of a home, in memory; nothing is read yet."""
    records = runtime.records
    return SuppressionView(lambda since: read_changes(records, since), runtime.names.content)

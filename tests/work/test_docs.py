"""What the page on canaries says is so."""

from __future__ import annotations

from safehold.work.canary.model import CANARY_LIST, CanaryCode
from safehold.work.canary.picture import VARIANTS
from safehold.work.canary.run import LEFT_OVER
from safehold.work.jobs.canary import GRACE_SECONDS
from tests.docs.pages import DOCS, code, read, rows, section

PAGE = read(DOCS / "explanation" / "canaries.md")


def test_every_code_is_explained() -> None:
    table = rows(section(PAGE, "When a canary fails"))
    assert [code(row[0]) for row in table] == [found.value for found in CanaryCode]
    assert all(len(row[1]) > 10 for row in table)


def test_figures_are_right() -> None:
    assert f"picture has {VARIANTS} files" in PAGE
    assert f"`{CANARY_LIST}`" in PAGE
    assert LEFT_OVER.total_seconds() == 3600
    assert GRACE_SECONDS == 120

"""Every kind of event that the reference names is shown in words."""

from __future__ import annotations

import re

from safehold.console.event_labels import EVENTS
from tests.docs.pages import reference, rows, section


def test_every_kind_has_words() -> None:
    table = rows(section(reference("codes.md"), "Audit events"))
    kinds = {kind for row in table for kind in re.findall(r"`([a-z]+\.[a-z_]+)`", row[0])}
    assert len(kinds) > 50
    assert kinds <= EVENTS.keys()

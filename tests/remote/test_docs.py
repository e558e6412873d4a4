"""What the documents say of remote matchers is what the code does."""

from __future__ import annotations

from safehold.remote.model import Answered, RemoteCode
from tests.docs.pages import DOCS, code, read, rows, section

PAGE = read(DOCS / "how-to" / "connect-a-remote-matcher.md")


def test_every_code_is_documented_with_whether_it_holds() -> None:
    table = rows(section(PAGE, 'No answer is not "clean"'))
    told = {code(name): held == "yes" for name, _, held in table}
    assert told == {one.value: Answered("any", one).is_missing for one in RemoteCode}

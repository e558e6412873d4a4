"""What somebody wrote about a case: shown when it is asked for, and each time that is audited."""

from __future__ import annotations

from safehold.console.errors import PageMissingError
from safehold.console.pages import fields
from safehold.console.visit import Reply, Route, Visit
from safehold.custodian.interface import Access
from safehold.users.roles import Permission

WHAT = ("statement", "note")


def read(visit: Visit) -> Reply:
    """The words of one statement or note, on the page that answers the form."""
    what, item_id = visit.path["what"], visit.path["item_id"]
    if what not in WHAT:
        raise PageMissingError
    case, sealed = visit.parts.views.words_access(fields.case_id(visit), visit.me, what, item_id)
    access = Access(case.key_name, case.case_id, f"user:{visit.me.user_id}", f"words:{item_id}")
    text = visit.parts.custodian.words(access, sealed)
    return visit.page("case_words.html", case=case, what=what, text=text)


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/cases/{case_id}/words/{what}/{item_id}",
        "case_words",
        Permission.WORDS_READ,
        read,
    ),
)

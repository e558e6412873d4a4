"""Looking at evidence: a view is opened on purpose, and every still is made for it alone.

The order is always: the view stands in the records and in the audit log, then a preview is made,
then it is written down what of it was shown. Nothing here has a cache, and every answer says
`no-store`.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

from safehold.cases.review.model import RestError, View, ViewLevel, ViewRefusedError
from safehold.console.errors import FormError
from safehold.console.pages import fields
from safehold.console.visit import Reply, Route, Visit
from safehold.custodian.interface import Access, PreviewError, PreviewWish
from safehold.ids import EvidenceId, ViewId
from safehold.users.model import Session
from safehold.users.roles import Permission

_PREVIEW_HEADERS = {
    "Content-Disposition": "inline",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LARGEST_STILL = 10_000
_LONGEST_SECONDS = 86_400.0


def open_page(visit: Visit) -> Reply:
    """Open a view and go to its page: looking without a script."""
    try:
        view = _open(visit)
    except RestError:
        return visit.redirect(visit.url("rest"))
    return visit.redirect(visit.url("view", view_id=view.view_id))


def open_script(visit: Visit) -> Reply:
    """Open a view for the script of the case's page."""
    view = _open(visit)
    limits = visit.parts.views.limits(visit.me)
    return _json(
        {
            "still": visit.url("view_still", view_id=view.view_id, still=0),
            "end": visit.url("view_end_script", view_id=view.view_id),
            "seconds": max(0.0, (view.until - visit.now).total_seconds()),
            "sharpen": limits.sharpen,
            "colour": limits.sharpen and limits.colour,
            "left": _left(visit),
        }
    )


def show(visit: Visit) -> Reply:
    """The page of a view for those who have no script: one blurred still at a time."""
    view = _own(visit)
    if not view.is_open(visit.now):
        raise ViewRefusedError
    still = min(_still(visit.query.get("still", "0")), max(0, view.frames - 1))
    last = view.frames - 1 if view.frames else visit.parts.views.limits(visit.me).stills - 1
    page = visit.page("view.html", view=view, still=still, last=last, left=_left(visit))
    # It hides itself when its time is over, also where no script does that.
    seconds = math.ceil((view.until - visit.now).total_seconds())
    case = visit.url("case", case_id=view.case_id, done="view_ended")
    return replace(page, headers={**page.headers, "Refresh": f"{seconds};url={case}"})


def still(visit: Visit) -> Reply:
    """One still, made now and for this view."""
    level = fields.choice(ViewLevel, visit.query.get("level", ViewLevel.BLURRED))
    number = _still(visit.path["still"])
    view_id = ViewId(visit.path["view_id"])
    views = visit.parts.views
    showing = views.showing(view_id, visit.me, _session(visit), level, number)
    access = Access(
        showing.case.key_name,
        showing.case.case_id,
        f"user:{visit.me.user_id}",
        f"view:{view_id}",
    )
    wish = PreviewWish(
        view_id, showing.level, showing.side, showing.still, showing.stills, showing.mark
    )
    picture = io.BytesIO()
    try:
        made = visit.parts.custodian.preview(access, showing.evidence.object_name, wish, picture)
    except PreviewError:
        # That there is no further still says nothing of whether the file can be looked at.
        if number == 0:
            views.failed(view_id)
        raise
    views.shown(view_id, level, number, made.stills, made.whole)
    headers = {**_PREVIEW_HEADERS, "X-Stills": str(made.stills)}
    return Reply(picture.getvalue(), media_type="image/jpeg", headers=headers)


def end_page(visit: Visit) -> Reply:
    """End a view, from its page."""
    view = _own(visit)
    visit.parts.views.end(view.view_id, visit.me, _session(visit), 0.0)
    return visit.redirect(visit.url("case", case_id=view.case_id, done="view_ended"))


def end_script(visit: Visit) -> Reply:
    """End a view; the script says for how long something was sharp, and which stills were."""
    view = visit.parts.views.end(
        ViewId(visit.path["view_id"]), visit.me, _session(visit), _seconds(visit), _seen(visit)
    )
    dossier = visit.parts.reviews.dossier(view.case_id, visit.me)
    return _json({"looked": dossier.looked, "left": _left(visit)})


def _open(visit: Visit) -> View:
    evidence_id = EvidenceId(visit.form.get("evidence_id", ""))
    return visit.parts.views.open(fields.case_id(visit), evidence_id, visit.me, _session(visit))


def _own(visit: Visit) -> View:
    """The view that the path names, if it is the visitor's own. Raises `ViewRefusedError`.

    Whether it belongs to this session, `ViewService` says wherever anything is shown or written.
    """
    with visit.parts.records.read() as transaction:
        view = transaction.reviews.view(ViewId(visit.path["view_id"]))
    if view is None or view.user_id != visit.me.user_id:
        raise ViewRefusedError
    return view


def _session(visit: Visit) -> Session:
    assert visit.session is not None  # no route here is open without one
    return visit.session


def _left(visit: Visit) -> int:
    budget = visit.parts.views.budget(visit.me)
    return max(0, budget.allowed - budget.used)


def _still(given: str) -> int:
    if not (given.isascii() and given.isdigit() and len(given) < 8):
        raise FormError
    return min(int(given), _LARGEST_STILL)


def _seconds(visit: Visit) -> float:
    try:
        seconds = float(visit.form.get("sharp_seconds", "0"))
    except ValueError:
        raise FormError from None
    if not math.isfinite(seconds):
        raise FormError
    return min(max(0.0, seconds), _LONGEST_SECONDS)


def _seen(visit: Visit) -> frozenset[int]:
    given = visit.form_lists.get("sharp_stills", ())[:_LARGEST_STILL]
    return frozenset(_still(number) for number in given)


def _json(values: dict[str, object]) -> Reply:
    return Reply(json.dumps(values).encode(), media_type="application/json")


_LOOK = Permission.EVIDENCE_VIEW
ROUTES: tuple[Route, ...] = (
    Route("POST", "/cases/{case_id}/views", "view_open", _LOOK, open_page),
    Route(
        "POST",
        "/cases/{case_id}/views/script",
        "view_open_script",
        _LOOK,
        open_script,
        streams=True,
    ),
    Route("GET", "/views/{view_id}", "view", _LOOK, show),
    Route("GET", "/views/{view_id}/stills/{still}", "view_still", _LOOK, still, shows=True),
    Route("POST", "/views/{view_id}/end", "view_end", _LOOK, end_page),
    Route(
        "POST", "/views/{view_id}/end/script", "view_end_script", _LOOK, end_script, streams=True
    ),
)

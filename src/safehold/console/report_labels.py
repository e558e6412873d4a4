"""Codes of reports, retention and destruction in words.

The sentences of findings stand in `safehold.reporting.labels`, for the command line too; the
catalogs have them all the same. Names of incidents are the authority's own and are not translated.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from safehold.console.catalog import mark
from safehold.reporting.labels import FINDING_TEXTS

_REPORT_STATES = {
    "draft": mark("being prepared"),
    "waiting": mark("waits for a second person"),
    "approved": mark("approved"),
    "sending": mark("being sent"),
    "needs_person": mark("needs a person"),
    "filed": mark("filed"),
    "abandoned": mark("abandoned"),
}
_ENVIRONMENTS = {
    "form": mark("by a form that a person fills in"),
    "production": mark("by the authority's interface"),
    "test": mark("to the authority's test environment"),
    "simulator": mark("to a simulator on this machine"),
}
_AUTHORITIES = {
    "ncmec": mark("NCMEC (CyberTipline, United States)"),
    "nca": mark("NCA (United Kingdom)"),
    "pharos": mark("PHAROS (France)"),
    "point_de_contact": mark("Point de Contact (France)"),
    "cybertip_ca": mark("Cybertip.ca (Canada)"),
    "inhope": mark("Hotline of the INHOPE network"),
    "other": mark("Another authority"),
}
_LEVELS = {
    "missing": mark("Missing: the authority requires it"),
    "advice": mark("Would make it more useful"),
    "note": mark("To know before it is filed"),
}
_RELEVANCES = {"reported": mark("reported"), "supplemental": mark("supplemental")}
_STEPS = {
    "submit": mark("Open the report"),
    "upload": mark("Send a file"),
    "file_info": mark("Describe a file"),
    "finish": mark("Finish the report"),
    "retract": mark("Retract the report"),
}
_PHASES = {
    "started": mark("begun"),
    "done": mark("confirmed by the authority"),
    "refused": mark("refused by the authority"),
    "not_sent": mark("did not reach the authority"),
    "unclear": mark("not known"),
}
_DOCUMENTS = {
    "receipt": mark("Receipt"),
    "acknowledgement": mark("Acknowledgement"),
    "destruction_request": mark("Authority's request to destroy"),
}
_TROUBLES = {
    "unclear_submit": mark(
        "The connection broke while the report was being opened, so it is not known whether the "
        "authority has opened one. Sending it again blindly could open a second report."
    ),
    "rejected": mark("The authority refuses what the report says. Nothing was filed."),
    "wrong_hash": mark(
        "The authority received other bytes than were sent. The report was retracted at once."
    ),
    "unclear_retract": mark(
        "The report should be retracted, and it is not known whether it was: the connection broke."
    ),
    "expired": mark(
        "The authority deletes reports that are not finished in time, and the time of this one is "
        "over. Nothing was filed."
    ),
    "gone": mark("The authority knows no such report any more, or has retracted it."),
    "evidence": mark(
        "A file that the report names could not be opened, or is not what was stored."
    ),
    "not_understood": mark("The authority has answered something that cannot be understood."),
}
_CHECKS = {
    "unclear_submit": mark(
        "Look in the authority's own list of reports, or ask its support, whether a report of "
        "that minute exists. If it does and is finished, type in its number. If there is none, "
        "or an unfinished one that will be deleted, send it anew."
    ),
    "rejected": mark(
        "Look at the code in the journal. Send it anew: it becomes a draft again, which you can "
        "mend and hand to a second person."
    ),
    "wrong_hash": mark(
        "Something between here and there changes files. Tell whoever runs this machine, then "
        "send it anew."
    ),
    "unclear_retract": mark(
        "Ask the authority whether the report is open. An unfinished one is deleted after a day. "
        "If it is finished, type in its number."
    ),
    "expired": mark("See in the journal what held it up, then send it anew."),
    "gone": mark("Ask the authority if you do not know why, then send it anew."),
    "evidence": mark(
        "Have the vault verified: 'safehold vault verify'. If the file is lost, abandon the report "
        "and begin one without it."
    ),
    "not_understood": mark(
        "Look at the kept answer below, and ask the authority what became of the report."
    ),
}
_RESOLUTIONS = {
    "send_anew": mark("The authority has no such report: send it anew"),
    "filed": mark("The authority has it, and it is finished: this is its number"),
    "abandon": mark("Abandon it: nothing will be filed by this report"),
}
_GROUNDS = {
    "retention_over": mark("the time for which it must be kept is over"),
    "cleared": mark("it was cleared, and the time for an appeal is over"),
    "early": mark("before its time: nobody was told of it, and no law holds it"),
    "authority": mark("an authority asks for it in writing"),
}
_RETENTION_STATES = {
    "undecided": mark("not decided yet"),
    "kept": mark("kept"),
    "warn": mark("ends soon"),
    "due": mark("may be destroyed"),
    "held": mark("held by law"),
    "gone": mark("destroyed"),
}
_RETENTION_RULES = {
    "undecided": mark("it is not decided"),
    "report_under_way": mark("a report is under way"),
    "reported": mark("it was reported"),
    "confirmed": mark("confirmed, and not reported"),
    "cleared": mark("cleared, and never reported"),
    "expired": mark("nobody decided it in time"),
    "gone": mark("there is no evidence any more"),
}
_YES_NO = {"yes": mark("yes"), "no": mark("no")}
_ACCOUNT = {"temporarily": mark("for a time"), "permanently": mark("for good")}

FAMILIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "report_state": _REPORT_STATES,
        "environment": _ENVIRONMENTS,
        "authority": _AUTHORITIES,
        "level": _LEVELS,
        "finding": FINDING_TEXTS,
        "relevance": _RELEVANCES,
        "step": _STEPS,
        "phase": _PHASES,
        "document": _DOCUMENTS,
        "trouble": _TROUBLES,
        "check": _CHECKS,
        "resolution": _RESOLUTIONS,
        "ground": _GROUNDS,
        "retention_state": _RETENTION_STATES,
        "retention_rule": _RETENTION_RULES,
        "yes_no": _YES_NO,
        "account": _ACCOUNT,
    }
)
"""Words of codes, by family; part of `labels.LABELS`."""

"""Codes in words: no page shows the code of an enumeration as it is.

The words are plain and neutral. Codes of the industry's classification stand as they are: what
they mean is a matter of training, not of this program.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from safehold.console.catalog import mark
from safehold.console.claim_labels import CLAIM_FAMILIES
from safehold.console.event_labels import EVENTS
from safehold.console.reason_labels import FAULTS, REASONS
from safehold.console.report_labels import FAMILIES

_STATES = {
    "awaiting_bytes": mark("waits for its bytes"),
    "open": mark("open"),
    "confirmed": mark("confirmed"),
    "cleared": mark("cleared"),
    "expired": mark("expired"),
}
_QUEUES = {"matches": mark("Matches"), "faults": mark("Faults"), "flags": mark("Flags")}
_TIERS = {
    "confirmed": mark("confirmed list"),
    "suspected": mark("suspected list"),
    "local": mark("list of the house"),
    "negative": mark("negative list"),
    "observe": mark("observed only"),
}
_ATTENTION = {
    "more": mark("needs more to go on"),
    "appealed": mark("appealed"),
    "escalated": mark("escalated"),
    "undone": mark("decision undone"),
}
_ORDERS = {
    "urgency": mark("most urgent first"),
    "oldest": mark("oldest first"),
    "newest": mark("newest first"),
}
_URGENCY = {
    "highest": mark("highest"),
    "high": mark("high"),
    "normal": mark("normal"),
    "low": mark("low"),
}
_FOUND = {
    "block": mark("exact match, blocked"),
    "hold": mark("held"),
    "allow": mark("flagged, not held"),
}
_VERDICTS = {"block": mark("confirmed"), "hold": mark("held"), "allow": mark("cleared")}
_NEAR = {
    "exact": mark("the same bytes"),
    "same_look": mark("looks the same"),
    "very_near": mark("very near"),
    "near": mark("near"),
    "fairly_near": mark("fairly near"),
    "far": mark("far"),
    "untold": mark("alike, and the matcher does not say how near"),
}
_SIGNALS = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "pdq": mark("likeness (PDQ)"),
    "photodna": mark("likeness (PhotoDNA)"),
}
_ORIENTATIONS = {
    "original": mark("as it is"),
    "rotate90": mark("turned by 90°"),
    "rotate180": mark("turned by 180°"),
    "rotate270": mark("turned by 270°"),
    "flip_vertical": mark("mirrored top to bottom"),
    "flip_horizontal": mark("mirrored left to right"),
    "transpose": mark("mirrored along the diagonal"),
    "transverse": mark("mirrored along the other diagonal"),
}
_OCCURRENCES = {
    "upload": mark("upload"),
    "digests": mark("digests alone"),
    "scan": mark("scan"),
    "generation": mark("from a generation service"),
    "retro": mark("allowed earlier, found by its digests when a list grew"),
}
_STATEMENTS = {"flag": mark("A user's flag"), "appeal": mark("An appeal")}
_NOTES = {
    "note": mark("Note"),
    "clear": mark("Words on clearing"),
    "escalate": mark("Words on escalating"),
    "need_more": mark("Words on what is missing"),
    "proposal": mark("Words on a proposal"),
    "confirm": mark("Words on confirming"),
}
_CLEAR_REASONS = {
    "not_listed_content": mark("It is not what the entry stands for"),
    "legal_content": mark("It is what the entry stands for, and lawful"),
    "unreadable": mark("Nothing can be seen, and nothing else speaks against it"),
    "other": mark("Another reason"),
}
_ANNOTATIONS = {
    "anime_drawing_virtual": mark("Drawn or virtual"),
    "potential_meme": mark("Possibly shared as a joke"),
    "viral": mark("Spreads widely"),
    "possible_self_production": mark("Possibly self-produced"),
    "physical_harm": mark("Physical harm"),
    "violence_gore": mark("Violence"),
    "bestiality": mark("Animals involved"),
    "live_streaming": mark("Live stream"),
    "infant": mark("Infant"),
    "generative_ai": mark("Made by a model"),
}
_PROPOSALS = {
    "clear": mark("Clear an exact match"),
    "clear_similar": mark("Clear by likeness"),
    "export": mark("Export the originals"),
    "purge": mark("Destroy the evidence"),
    "undo": mark("Undo a decision"),
}
_PROPOSAL_STATES = {
    "open": mark("waits"),
    "approved": mark("approved"),
    "refused": mark("refused"),
    "withdrawn": mark("withdrawn"),
    "expired": mark("expired"),
}
_APPROVAL = {
    "own": mark("It is your own proposal: somebody else has to decide it."),
    "role": mark("An approver has to decide it."),
    "decider": mark("It would undo your own decision: somebody else has to approve it."),
    "decided": mark("It is decided already, or has expired."),
    "report_role": mark("Somebody whose role approves reports has to read it."),
    "prepared": mark("You have prepared it: somebody else has to read and approve it."),
}
_WHY_NOT = {
    "permission": mark("Your role does not decide cases."),
    "not_open": mark("The case is not open."),
    "decided_before": mark("You decided it before, and an appeal came: somebody else decides now."),
    "escalated": mark("It waits for somebody with more experience: an approver decides it."),
}
_LEFT = {
    "not_in_group": mark("it does not belong to this group any more"),
    "not_open": mark("it is not open any more"),
    "locked": mark("somebody else works on it"),
    "exact": mark("it has an exact match, so clearing it needs two people"),
    "other_grounds": mark("it is held for more than the leading case is"),
    "view_needed": mark("it needs a look, and the leading case was decided without one"),
    "not_yours": mark("somebody else has to decide it"),
}
_ROLES = {
    "reviewer": mark("reviewer"),
    "approver": mark("approver"),
    "officer": mark("officer"),
    "auditor": mark("auditor"),
    "admin": mark("admin"),
}

LABELS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "state": _STATES,
        "queue": _QUEUES,
        "tier": _TIERS,
        "attention": _ATTENTION,
        "order": _ORDERS,
        "urgency": _URGENCY,
        "found": _FOUND,
        "verdict": _VERDICTS,
        "near": _NEAR,
        "signal": _SIGNALS,
        "orientation": _ORIENTATIONS,
        "occurrence": _OCCURRENCES,
        "statement": _STATEMENTS,
        "note": _NOTES,
        "clear_reason": _CLEAR_REASONS,
        "annotation": _ANNOTATIONS,
        "proposal": _PROPOSALS,
        "proposal_state": _PROPOSAL_STATES,
        "approval": _APPROVAL,
        "why_not": _WHY_NOT,
        "left": _LEFT,
        "reason": {**REASONS, **FAULTS},
        "event": EVENTS,
        "role": _ROLES,
        **FAMILIES,
        **CLAIM_FAMILIES,
    }
)
"""Words of codes, by family."""


def label(value: object, family: str = "") -> str:
    """The English text of a code, to be translated where it is shown.

    A code that has no words (a newer process wrote it) is shown as it is, without underscores.
    """
    code = str(value)
    known = LABELS.get(family, {}).get(code)
    return known if known is not None else code.replace("_", " ")

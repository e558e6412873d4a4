"""Kinds of audit events in words, for the time line of a case and the audit log."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.console.catalog import mark

EVENTS: Mapping[str, str] = {
    "case.opened": mark("Case opened"),
    "case.joined": mark("The same bytes came again"),
    "case.reopened": mark("Case opened again"),
    "case.resolved": mark("Cleared by policy after a whole check"),
    "case.confirmed": mark("Case confirmed"),
    "case.cleared": mark("Case cleared"),
    "case.expired": mark("Case expired"),
    "case.undone": mark("Decision undone"),
    "case.locked": mark("Case taken"),
    "case.taken": mark("Case taken"),
    "case.released": mark("Case released"),
    "case.passed": mark("Case left to others"),
    "case.escalated": mark("Case escalated"),
    "case.more": mark("More was asked for"),
    "case.noted": mark("Note written"),
    "case.split": mark("Taken out of its group"),
    "case.held": mark("Legal hold set"),
    "case.purged": mark("Evidence destroyed"),
    "evidence.stored": mark("Evidence stored"),
    "evidence.purged": mark("Evidence destroyed"),
    "flag.added": mark("A user flagged it"),
    "appeal.added": mark("The uploader appealed"),
    "receipt.swapped": mark("Other bytes were stored than were checked"),
    "canary.purged": mark("A canary's case was removed"),
    "view.opened": mark("Somebody looked"),
    "view.shown": mark("A preview was shown"),
    "view.ended": mark("The look ended"),
    "words.read": mark("Words were read"),
    "proposal.added": mark("Proposal made"),
    "proposal.approved": mark("Proposal approved"),
    "proposal.refused": mark("Proposal refused"),
    "proposal.withdrawn": mark("Proposal withdrawn"),
    "proposal.expired": mark("Proposal expired"),
    "hold.set": mark("Legal hold set"),
    "hold.lifted": mark("Legal hold lifted"),
    "custodian.opened": mark("Opened by the custodian"),
    "custodian.previewed": mark("Preview made by the custodian"),
    "custodian.checked": mark("Checked by the custodian"),
    "custodian.exported": mark("Exported by the custodian"),
    "custodian.rewrapped": mark("Keys were wrapped anew"),
    "custodian.shredded": mark("The key was destroyed"),
    "list.changed": mark("List changed"),
    "list.removed": mark("List removed"),
    "service.added": mark("Service added"),
    "service.disabled": mark("Service disabled"),
    "service.enabled": mark("Service enabled"),
    "key.added": mark("API key added"),
    "key.revoked": mark("API key revoked"),
    "webhook.added": mark("Webhook added"),
    "webhook.removed": mark("Webhook removed"),
    "webhook.enabled": mark("Webhook enabled"),
    "webhook.disabled": mark("Webhook disabled"),
    "officer.added": mark("Officer added"),
    "officer.removed": mark("Officer removed"),
    "user.added": mark("User added"),
    "user.reset": mark("User reset"),
    "user.disabled": mark("User disabled"),
    "user.enabled": mark("User enabled"),
    "user.roles": mark("Roles changed"),
    "user.locked": mark("User locked out for a while"),
    "user.sign_in_failed": mark("Sign-in failed"),
}
"""What is not here is shown by its code; the reference of codes has them all."""

WHY_NOT: Mapping[str, str] = {
    "decided": mark("It is decided already."),
    "own": mark("You proposed it: somebody else has to approve it."),
    "role": mark("Your role does not include this."),
}
"""Why somebody cannot do something, as short sentences."""

"""What the custodian refuses, and what can go wrong with it."""

from __future__ import annotations

from safehold.errors import SafeholdError


class CustodianError(SafeholdError):
    """The custodian could not do what it was asked for."""

    code = "custodian"
    default_message = "The custodian failed."
    default_hint = "Its log says more."


class CustodianAwayError(CustodianError):
    """The custodian does not answer."""

    code = "custodian_away"
    default_message = "The custodian does not answer."
    default_hint = "Start it with 'safehold custodian', and check the address of its socket."


class RequestError(CustodianError):
    """The custodian was asked for something that it does not understand."""

    code = "custodian_request"
    default_message = "The custodian does not understand the call."
    default_hint = "Run the same version of Safehold in all processes."


class UnknownRecipientError(CustodianError):
    """Something was asked for a recipient that the operator has not named."""

    code = "custodian_recipient"
    default_message = "The recipient is not one of those that the operator has named."
    default_hint = "Add the recipient to the custodian's file of named recipients first."


class TraceRefusedError(CustodianError):
    """What is sealed of releases was asked for without a trace of that person that found them."""

    code = "custodian_trace"
    default_message = "There is no recent trace of yours by which this could be opened."
    default_hint = "Trace the file again; 'ledger.open_minutes' bounds how long it counts."


class CheckpointRefusedError(CustodianError):
    """What was to be signed is no checkpoint, or goes back behind one that was signed."""

    code = "custodian_checkpoint"
    default_message = "The custodian does not sign that."
    default_hint = "If the log is shorter than it was, verify it against anchored checkpoints."


class RewrapRefusedError(CustodianError):
    """No key that the custodian holds is an officer's, so it could not open what it wraps."""

    code = "custodian_rewrap"
    default_message = "The custodian holds the key of no present officer."
    default_hint = "Start it with the identity of an officer who stays, then wrap anew."


class CustodianBusyError(CustodianAwayError):
    """The custodian is there and has too much to do."""

    code = "custodian_busy"
    default_message = "The custodian has too much to do just now."
    default_hint = "Try it again; `previews.workers` and `previews.waiting` bound it."


class PreviewError(CustodianError):
    """No preview can be made of an original: its type, its size, or its state."""

    code = "preview"
    default_message = "No preview can be made of this."
    default_hint = "It can be decided without one where that is allowed, or escalated."


class NoViewError(CustodianError):
    """A preview was asked for without an open view of that case by that person."""

    code = "custodian_view"
    default_message = "There is no open view for this preview."
    default_hint = "Open a view from the case's page; it hides itself again after a while."


class SendRefusedError(CustodianError):
    """The records do not say that this may be sent."""

    code = "custodian_send"
    default_message = "The custodian does not send that: two people have not agreed to it."
    default_hint = "Prepare the report again and have somebody else approve it."

"""Why review does not take what it is given. `model` has the names of most too."""

from __future__ import annotations

import datetime as dt

from safehold.errors import SafeholdError


class LockedError(SafeholdError):
    """Somebody else works on the case."""

    code = "case_locked"
    default_message = "Somebody else works on this case."
    default_hint = "Take the next one; the lock ends by itself."


class NotLockedError(SafeholdError):
    """The case is not locked by who wants to decide it, or not any more."""

    code = "case_not_locked"
    default_message = "You do not hold this case any more."
    default_hint = "Open it again, and look at what has changed."


class ViewNeededError(SafeholdError):
    """A decision that cannot be made without looking."""

    code = "view_needed"
    default_message = "This cannot be decided without a look."
    default_hint = "Only an exact match with a confirmed list, by more than md5, needs none."


class TwoPeopleError(SafeholdError):
    """Something that one person alone cannot do."""

    code = "two_people"
    default_message = "This needs a second person."
    default_hint = "Propose it; somebody else with the role of approver can approve it."


class SamePersonError(SafeholdError):
    """The second person is the first, or the one whose decision is appealed against or undone."""

    code = "same_person"
    default_message = "Somebody else has to do this."


class ViewRefusedError(SafeholdError):
    """A view that was not opened, has ended, or belongs to somebody else."""

    code = "view_refused"
    default_message = "There is nothing to see here any more."
    default_hint = "Open a new view from the case's page."


class RestError(SafeholdError):
    """The budget of views is used up, or a pause is due."""

    code = "rest"
    default_message = "It is time for a pause."

    def __init__(self, until: dt.datetime) -> None:
        super().__init__()
        self.until = until


class OnHoldError(SafeholdError):
    """Something that a legal hold forbids."""

    code = "legal_hold"
    default_message = "A legal hold forbids this."


class ProposalError(SafeholdError):
    """A proposal that does not exist, or is decided already."""

    code = "proposal_state"
    default_message = "This proposal is decided already, or has expired."


class NotPermittedError(SafeholdError):
    """Somebody's role does not have what this needs."""

    code = "not_permitted"
    default_message = "Your role does not do this."


class WordsError(SafeholdError):
    """Words that are missing where they are needed, or too long."""

    code = "words"
    default_message = "Say in a few words why; very long texts are not taken."


class ProposalDetailsError(SafeholdError):
    """Details that a proposal of its kind does not have, or cannot have on this case."""

    code = "proposal_details"
    default_message = "That cannot be proposed for this case."
    default_hint = "Clearing by likeness is for pictures held for likeness alone."


class HoldReferenceError(SafeholdError):
    """A reference of a legal hold that is no code, or a hold on nobody."""

    code = "hold_reference"
    default_message = "A legal hold needs a reference, and a case or an account to be on."
    default_hint = "A reference has 1 to 64 letters, digits, '.', '_', ':', '/' and '-'."

"""Why review does not take what it is given, beside what `model` has."""

from __future__ import annotations

from safehold.errors import SafeholdError


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

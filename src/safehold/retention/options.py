"""Settings of retention."""

from __future__ import annotations

from dataclasses import dataclass, replace

LEAST_DAYS = 365
"""So long the law of most countries wants kept what was reported."""


@dataclass(frozen=True, slots=True)
class RetentionOptions:
    """How long evidence is kept. Each time runs from the last receipt of the bytes.

    Attributes:
        reported_days: of what was reported; at least 365, counted from the authority's receipt.
        confirmed_days: of what was confirmed and not reported; at least 365.
        appeal_days: of what was cleared and never reported, from the clearing: the time in which
            the clearing may still be found wrong.
        canada_days: of what only Cybertip.ca was told of, from its receipt; at least 21, and at
            least 365 where the house's country is another.
        warn_days: so long before evidence may be destroyed it is told.
        key_backup_days: after how many days the last backup of the key store is gone; a record
            of destruction names that day.
        automatic_cleared: whether cleared, unreported pictures of nobody's case are destroyed
            by themselves after the appeal window; else two people do it.
        minutes: how often it is looked what is due.
    """

    reported_days: int = 365
    confirmed_days: int = 365
    appeal_days: int = 30
    canada_days: int = 365
    warn_days: int = 30
    key_backup_days: int = 14
    automatic_cleared: bool = True
    minutes: float = 60.0


def lawful(options: RetentionOptions, country: str) -> RetentionOptions:
    """The options as the law of the house's country lets them be.

    Args:
        options: as they are set.
        country: in which the house is established (ISO 3166), or empty.
    """
    if country.upper() == "CA":
        return options
    return replace(options, canada_days=max(options.canada_days, LEAST_DAYS))

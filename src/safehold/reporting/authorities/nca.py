"""The National Crime Agency of the United Kingdom. A portal, in English.

Source: the Online Safety (CSEA Content Reporting by Regulated User-to-User Service Providers)
Regulations 2026 (SI 2026/268), in force from 7 April 2026: reports go by portal or by an API
that has no public description; what is reported is kept for one year; what went to NCMEC need
not be sent again.
"""

from __future__ import annotations

from safehold.reporting.authorities.forms import Checklist, FormAuthority, Question, is_filed
from safehold.reporting.authorities.phrases import ENGLISH
from safehold.reporting.facts import FilingFacts
from safehold.reporting.model import AuthorityCode


def is_at_ncmec(facts: FilingFacts) -> bool:
    """Whether NCMEC has it, which is enough (SI 2026/268)."""
    return is_filed(facts, AuthorityCode.NCMEC)


NCA = FormAuthority(
    code=AuthorityCode.NCA,
    is_enough=is_at_ncmec,
    checklists=(
        Checklist(
            phrases=ENGLISH,
            before=(
                "If a child seems to be in danger now, call the police (999).",
                "Look whether NCMEC has this report: then it need not be sent again.",
                "The portal is for a provider's administrator and authorised persons.",
                "Do not tell the person concerned, neither before the report nor after it.",
            ),
            questions=(
                Question("urgent", "The portal may ask how urgent it is: say why."),
                Question("place"),
                Question("moment", "With its time zone."),
                Question("occurrences"),
                Question("kind", "Describe no more than the portal asks for."),
                Question("address", "One address a line."),
                Question("public"),
                Question("online", "Find out without opening the content: ask the service."),
                Question("found"),
                Question("viewed", "Never call seen what nobody has seen."),
                Question("generated"),
                Question("digests"),
                Question("person"),
                Question("connections", "Addresses with ports and times, each with its zone."),
                Question("devices"),
                Question("account"),
                Question("prior"),
                Question("words"),
                Question("elsewhere"),
                Question("police"),
                Question("reporter", "Somebody whom the portal knows."),
                Question("contact"),
                Question("kept"),
                Question("reference"),
            ),
            during=(
                "Copy the answers into the portal. The portal decides what is asked.",
                "Attach an original only where the portal asks for it. It leaves the vault only"
                " encrypted, for a named recipient.",
            ),
            after=(
                "Keep the acknowledgement, and enter its reference and date in Safehold.",
                "What was reported is kept for one year at least (SI 2026/268). Delete nothing.",
            ),
        ),
    ),
)
"""The National Crime Agency."""

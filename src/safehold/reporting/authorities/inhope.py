"""A hotline of the INHOPE network: that of the country in which the house is established.

No law is known that asks for a report to a hotline, so it is not needed where an authority has
one. Each hotline has a form of its own; which one it is follows from the setting
`reporter.country`.
"""

from __future__ import annotations

from safehold.reporting.authorities.forms import Checklist, FormAuthority, Question
from safehold.reporting.authorities.hotlines import is_known_to_an_authority
from safehold.reporting.authorities.phrases import ENGLISH
from safehold.reporting.model import AuthorityCode

INHOPE = FormAuthority(
    code=AuthorityCode.INHOPE,
    is_enough=is_known_to_an_authority,
    needs_address=True,
    checklists=(
        Checklist(
            phrases=ENGLISH,
            before=(
                "If a child seems to be in danger now, call the police.",
                "Find the hotline of your country in INHOPE's directory (inhope.org).",
                "A hotline is no authority: whoever must tell the police does so besides.",
                "Do not tell the person concerned, neither before the report nor after it.",
            ),
            questions=(
                Question("country", "The hotline of this country takes the report."),
                Question("address", "One address a line: addresses are what hotlines work on."),
                Question("moment", "With its time zone."),
                Question("place"),
                Question(
                    "kind",
                    "Choose the form's heading for the protection of children. Describe no more"
                    " than the form asks for.",
                ),
                Question("public"),
                Question("online", "Find out without opening the content: ask the service."),
                Question("found"),
                Question("generated"),
                Question("words"),
                Question("elsewhere", "Say so, to spare the hotline the same work twice."),
                Question("reporter"),
                Question("contact", "With an address the hotline can tell you what became of it."),
                Question("reference"),
            ),
            during=(
                "Copy the answers into the form. The form decides what is asked.",
                "Attach no original, and tell nothing of the person unless the hotline asks and"
                " the law of your country lets you: that is for an authority.",
            ),
            after=(
                "Keep the acknowledgement, and enter its reference and date in Safehold.",
                "Delete nothing: the evidence stays kept, and every access to it is logged.",
            ),
        ),
    ),
)
"""A hotline of INHOPE."""

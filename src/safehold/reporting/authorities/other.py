"""Any other authority, by what the European Union asks for.

Source: Regulation (EU) 2022/2065 (Digital Services Act), article 18: a host that learns of a
suspicion of a crime that threatens somebody's life or safety tells the member state concerned,
or where it cannot tell which that is, the one in which it is established, or Europol. It names
no format, and no report that would take its place.
"""

from __future__ import annotations

from safehold.reporting.authorities.forms import (
    Checklist,
    FormAuthority,
    Question,
    never_enough,
)
from safehold.reporting.authorities.phrases import ENGLISH
from safehold.reporting.model import AuthorityCode

OTHER = FormAuthority(
    code=AuthorityCode.OTHER,
    is_enough=never_enough,
    checklists=(
        Checklist(
            phrases=ENGLISH,
            before=(
                "If a child seems to be in danger now, call the police.",
                "Choose whom to tell (Digital Services Act, article 18): the law enforcement or"
                " judicial authorities of the member state concerned, that is, where the offence"
                " is, where the person is, or where the child is, as far as you know.",
                "Where you cannot tell which state that is: those of the state in which you are"
                " established, or Europol, or both.",
                "Ask that authority how it wants to receive the report and the evidence.",
                "Do not tell the person concerned, neither before the report nor after it.",
            ),
            questions=(
                Question("country", "Your own; the state concerned may be another."),
                Question("urgent"),
                Question("place"),
                Question("moment", "With its time zone."),
                Question("occurrences"),
                Question("kind", "Describe no more than you are asked for."),
                Question("address", "One address a line."),
                Question("public"),
                Question("online", "Find out without opening the content: ask the service."),
                Question("found"),
                Question("viewed", "Never call seen what nobody has seen."),
                Question("generated"),
                Question("digests"),
                Question("person"),
                Question(
                    "connections", "The country of an address may be the member state concerned."
                ),
                Question("devices"),
                Question("account"),
                Question("prior"),
                Question("words"),
                Question("elsewhere"),
                Question("police"),
                Question("reporter"),
                Question("contact"),
                Question("kept"),
                Question("reference"),
            ),
            during=(
                "Give all relevant information that you have. There is no prescribed form: the"
                " authority's own form decides, where it has one.",
                "Send no original by mail or by a web form unless the authority asks for it that"
                " way. Offer the package, sealed to a recipient that the authority names.",
            ),
            after=(
                "Keep the acknowledgement, and enter its reference and date in Safehold.",
                "Delete nothing: the evidence stays kept, and every access to it is logged.",
            ),
        ),
    ),
)
"""Any other authority."""

"""Point de Contact, the French hotline and member of INHOPE. A web form, in French.

No law is known that asks for a report to a hotline, so it is not needed where an authority has
one. That it passes on what is unlawful to the police, and asks hosts to take it down, says its
own site (pointdecontact.net).
"""

# ruff: noqa: RUF001 - French is written with typographic apostrophes.
from __future__ import annotations

from safehold.reporting.authorities.forms import Checklist, FormAuthority, Question
from safehold.reporting.authorities.hotlines import is_known_to_an_authority
from safehold.reporting.authorities.phrases import FRENCH
from safehold.reporting.model import AuthorityCode

POINT_DE_CONTACT = FormAuthority(
    code=AuthorityCode.POINT_DE_CONTACT,
    is_enough=is_known_to_an_authority,
    needs_address=True,
    checklists=(
        Checklist(
            phrases=FRENCH,
            before=(
                "Si un enfant semble en danger immédiat, appelez la police ou la gendarmerie (17).",
                "Une association n’est pas une autorité : si vous devez aussi informer la police,"
                " passez par PHAROS.",
                "N’avertissez pas la personne concernée, ni avant ni après le signalement.",
            ),
            questions=(
                Question("address", "Une adresse par ligne : c’est ce que traite l’association."),
                Question("moment", "Date et heure, avec le fuseau."),
                Question("place"),
                Question(
                    "kind",
                    "Choisissez la catégorie de la protection de l’enfance. Ne décrivez pas"
                    " l’image plus que le formulaire ne le demande.",
                ),
                Question("public"),
                Question("online", "À vérifier sans ouvrir le contenu : demandez au service."),
                Question("found"),
                Question("generated"),
                Question("words"),
                Question(
                    "elsewhere", "Indiquez les signalements déjà faits, pour éviter un double."
                ),
                Question("reporter"),
                Question(
                    "contact", "Une adresse électronique permet de connaître la suite donnée."
                ),
                Question("reference"),
            ),
            during=(
                "Recopiez les réponses dans le formulaire ; c’est lui qui décide de ce qui est"
                " demandé.",
                "Ne transmettez ni l’original, ni ce que vous savez de la personne : ces éléments"
                " reviennent à une autorité.",
            ),
            after=(
                "Conservez l’accusé de réception, puis saisissez sa référence et sa date dans"
                " Safehold.",
                "Ne supprimez rien : les preuves restent conservées et les accès journalisés.",
            ),
        ),
    ),
)
"""Point de Contact."""

"""Cybertip.ca, Canada's hotline. A web form, in English and French.

Source: the Act respecting the mandatory reporting of Internet child pornography by persons who
provide an Internet service (S.C. 2011, c. 4): Cybertip.ca takes addresses; the police are
notified besides; data is preserved for 21 days from that notice; nobody who could harm an
investigation is told. No rule by which a report to NCMEC takes the place of all this is relied
on here.
"""

# ruff: noqa: RUF001 - French is written with typographic apostrophes.
from __future__ import annotations

from safehold.reporting.authorities.forms import (
    Checklist,
    FormAuthority,
    Question,
    never_enough,
)
from safehold.reporting.authorities.phrases import ENGLISH, FRENCH
from safehold.reporting.model import AuthorityCode

_IN_ENGLISH = Checklist(
    phrases=ENGLISH,
    before=(
        "If a child seems to be in danger now, call the police (911).",
        "Do not tell the person concerned, nor anybody whose knowledge could harm an"
        " investigation, that a report or a notice was made.",
    ),
    questions=(
        Question("address", "One address a line. Providers report addresses, and nothing more."),
        Question("moment", "With its time zone."),
        Question("public"),
        Question("online", "Find out without opening the content: ask the service."),
        Question("reporter"),
        Question("contact"),
        Question("police", "The police force that you notify besides, and its file number."),
        Question("kept", "For the police: not for Cybertip.ca."),
        Question("elsewhere"),
        Question("reference"),
    ),
    during=(
        "Copy the addresses into the form. The form decides what is asked.",
        "Attach nothing. What is known of the person goes to the police, not to Cybertip.ca.",
    ),
    after=(
        "Notify the police where you have reason to believe that your service was used: that is"
        " a duty of its own.",
        "Preserve the data for 21 days from that notice at least. Delete nothing.",
        "Keep the receipt, and enter its number and date in Safehold.",
    ),
)

_IN_FRENCH = Checklist(
    phrases=FRENCH,
    before=(
        "Si un enfant semble en danger immédiat, appelez la police (911).",
        "Ne dites ni à la personne concernée, ni à quiconque pourrait nuire à une enquête, qu’un"
        " signalement ou un avis a été fait.",
    ),
    questions=(
        Question(
            "address",
            "Une adresse par ligne. Les fournisseurs signalent des adresses, et rien de plus.",
        ),
        Question("moment", "Avec le fuseau."),
        Question("public"),
        Question("online", "À vérifier sans ouvrir le contenu : demandez au service."),
        Question("reporter"),
        Question("contact"),
        Question("police", "Le corps policier que vous avisez de votre côté, et son numéro."),
        Question("kept", "Pour la police, non pour Cybertip.ca."),
        Question("elsewhere"),
        Question("reference"),
    ),
    during=(
        "Recopiez les adresses dans le formulaire ; c’est lui qui décide de ce qui est demandé.",
        "Ne joignez rien. Ce que l’on sait de la personne revient à la police, non à Cybertip.ca.",
    ),
    after=(
        "Avisez la police si vous avez des motifs de croire que votre service a été utilisé :"
        " c’est une obligation distincte.",
        "Préservez les données pendant au moins 21 jours à compter de cet avis. Ne supprimez rien.",
        "Conservez le reçu, puis saisissez son numéro et sa date dans Safehold.",
    ),
)

CYBERTIP_CA = FormAuthority(
    code=AuthorityCode.CYBERTIP_CA,
    is_enough=never_enough,
    needs_address=True,
    checklists=(_IN_ENGLISH, _IN_FRENCH),
)
"""Cybertip.ca."""

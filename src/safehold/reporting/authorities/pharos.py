"""PHAROS, the French state's platform for reports of contents online. A web form, in French.

Sources: the loi pour la confiance dans l'économie numérique (LCEN); article 227-23 of the penal
code, which covers generated images too. What the form asks (heading, date and time, address,
who reports), that it takes what everybody can see, and that it is not for emergencies:
service-public.gouv.fr, R17674 and F31979. No rule is known by which a report to NCMEC would
take its place.
"""

# ruff: noqa: RUF001 - French is written with typographic apostrophes.
from __future__ import annotations

from safehold.reporting.authorities.forms import (
    Checklist,
    FormAuthority,
    Question,
    never_enough,
)
from safehold.reporting.authorities.phrases import FRENCH
from safehold.reporting.model import AuthorityCode

PHAROS = FormAuthority(
    code=AuthorityCode.PHAROS,
    is_enough=never_enough,
    checklists=(
        Checklist(
            phrases=FRENCH,
            before=(
                "Si un enfant semble en danger immédiat, appelez la police ou la gendarmerie (17) :"
                " PHAROS ne traite pas les urgences.",
                "Vérifiez que le contenu est ou était visible par tous : pour un contenu privé,"
                " adressez-vous à un commissariat ou à une brigade de gendarmerie.",
                "N’avertissez pas la personne concernée, ni avant ni après le signalement.",
            ),
            questions=(
                Question(
                    "address",
                    "Une adresse par ligne. Sans adresse, décrivez l’endroit : site, réseau,"
                    " messagerie.",
                ),
                Question("moment", "Date et heure, avec le fuseau."),
                Question("occurrences"),
                Question("place"),
                Question(
                    "kind",
                    "Dans le formulaire, choisissez la rubrique des atteintes aux mineurs."
                    " Ne décrivez pas l’image plus que le formulaire ne le demande.",
                ),
                Question("public"),
                Question("online", "À vérifier sans ouvrir le contenu : demandez au service."),
                Question("found"),
                Question("viewed", "Ne déclarez jamais vu ce que personne n’a vu."),
                Question(
                    "generated",
                    "L’article 227-23 du code pénal vise aussi les images générées.",
                ),
                Question("person"),
                Question("connections"),
                Question("devices"),
                Question("account"),
                Question("words"),
                Question("digests"),
                Question("elsewhere"),
                Question("police"),
                Question("reporter"),
                Question("contact"),
                Question("kept", "À recopier dans les commentaires."),
                Question("reference"),
            ),
            during=(
                "Recopiez les réponses dans le formulaire ; c’est lui qui décide de ce qui est"
                " demandé.",
                "Ne joignez aucun original : il ne quitte le coffre que chiffré, pour un"
                " destinataire désigné, et seulement si l’autorité le demande.",
            ),
            after=(
                "Conservez l’accusé de réception, puis saisissez sa référence et sa date dans"
                " Safehold.",
                "Ne supprimez rien : les preuves restent conservées et les accès journalisés.",
            ),
        ),
    ),
)
"""PHAROS."""

"""The phrases with which checklists fill themselves, in each language that goes out. I/O-free."""
# ruff: noqa: RUF001 - French is written with typographic apostrophes.

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from safehold.reporting.known import Source


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of one language; those in braces are filled in."""

    language: str
    checklist: str
    report: str
    test: str
    before: str
    during: str
    after: str
    answers: str
    by_hand: str
    yes: str
    no: str
    sources: Mapping[Source, str]
    once: str
    occurrences: str
    identifier: str
    email: str
    screen_name: str
    display_name: str
    profile: str
    bio: str
    more: str
    unknown_person: str
    ip: str
    port: str
    file: str
    pixels: str
    frames: str
    size: str
    supplemental: str
    viewed: str
    not_viewed: str
    found_exact: str
    found_likeness: str
    found_otherwise: str
    generated_claim: str
    generated_believed: str
    not_generated: str
    kept: str
    mail: str
    phone: str
    contact: str
    temporarily: str
    permanently: str
    notified: str
    not_notified: str
    labels: Mapping[str, str]
    """The label of each answer (`values.VALUES`), where a form has no other."""


ENGLISH = Phrases(
    language="en",
    checklist="Checklist: {name}",
    report="Report",
    test="THIS IS A TRIAL. Nothing of this may be sent to an authority.",
    before="Before",
    during="While you fill in the form",
    after="Afterwards",
    answers="Answers",
    by_hand="(to be filled in by hand)",
    yes="yes",
    no="no",
    sources={
        Source.OFFICER: "as the reporting officer states",
        Source.CALLER: "as the service recorded it",
        Source.RECEIPT: "when our checking software received it",
    },
    once="once",
    occurrences="{count} times; the first {first}; the last {last}",
    identifier="Account: {text}",
    email="Mail address: {text}",
    screen_name="Screen name: {text}",
    display_name="Displayed name: {text}",
    profile="Profile: {text}",
    bio="Text of the profile: {text}",
    more="More: {text}",
    unknown_person="Nothing is known of the person.",
    ip="IP address {text}",
    port="port {text}",
    file="File {number}: {text}",
    pixels="{width} x {height} pixels",
    frames="{frames} frames",
    size="{size} bytes",
    supplemental="earlier file of the same person",
    viewed="a person here has seen the whole file",
    not_viewed="no person here has seen the whole file",
    found_exact="is identical to an entry of a list of known material",
    found_likeness="resembles an entry of a list of known material",
    found_otherwise="was found otherwise than by a list of known material",
    generated_claim="the file says of itself that a model made it",
    generated_believed="our reviewer believes that a model made it",
    not_generated="nothing is known that says so",
    kept=(
        "The original bytes, unaltered and encrypted, and the log of every access to them."
        " Ask for them by this reference: {reference}. For a recipient named by the authority"
        " we make a signed and encrypted package."
    ),
    mail="Mail: {text}",
    phone="Phone: {text}",
    contact="Questions to: {text}",
    temporarily="disabled temporarily",
    permanently="disabled permanently",
    notified="the person was told that the account was disabled",
    not_notified="the person was not told that the account was disabled",
    labels={
        "address": "Address (URL) of the content",
        "moment": "Date and time",
        "occurrences": "How often",
        "place": "Service on which it was found",
        "kind": "What was found",
        "public": "Could everybody see it?",
        "online": "Is it still online?",
        "found": "How it was found",
        "viewed": "Has a person seen it?",
        "generated": "Made by a model?",
        "digests": "Digests",
        "person": "What is known of the person",
        "connections": "IP addresses, ports and times",
        "devices": "Devices",
        "account": "The account",
        "urgent": "Why it is urgent",
        "words": "More about the incident",
        "reporter": "Who reports",
        "contact": "How to reach us",
        "country": "Country in which we are established",
        "kept": "What is kept, and how to ask for it",
        "elsewhere": "Reported elsewhere",
        "police": "Law enforcement that knows of it",
        "prior": "Earlier reports about this person",
        "reference": "Our reference",
    },
)

FRENCH = Phrases(
    language="fr",
    checklist="Aide-mémoire : {name}",
    report="Rapport",
    test="CECI EST UN ESSAI. Rien de ce qui suit ne doit être transmis à une autorité.",
    before="Avant",
    during="Pendant la saisie du formulaire",
    after="Après",
    answers="Réponses",
    by_hand="(à compléter à la main)",
    yes="oui",
    no="non",
    sources={
        Source.OFFICER: "selon la personne qui signale",
        Source.CALLER: "heure enregistrée par le service",
        Source.RECEIPT: "heure de réception par notre logiciel de contrôle",
    },
    once="une fois",
    occurrences="{count} fois ; la première : {first} ; la dernière : {last}",
    identifier="Compte : {text}",
    email="Adresse électronique : {text}",
    screen_name="Pseudonyme : {text}",
    display_name="Nom affiché : {text}",
    profile="Profil : {text}",
    bio="Texte du profil : {text}",
    more="Autres éléments : {text}",
    unknown_person="Rien n’est connu de cette personne.",
    ip="Adresse IP {text}",
    port="port {text}",
    file="Fichier {number} : {text}",
    pixels="{width} x {height} pixels",
    frames="{frames} images",
    size="{size} octets",
    supplemental="fichier antérieur de la même personne",
    viewed="vu en entier par une personne de notre équipe",
    not_viewed="vu en entier par aucune personne de notre équipe",
    found_exact="identique à une entrée d’une liste de contenus connus",
    found_likeness="ressemble à une entrée d’une liste de contenus connus",
    found_otherwise="trouvé autrement que par une liste de contenus connus",
    generated_claim="le fichier indique lui-même qu’il a été produit par un modèle",
    generated_believed="notre examinateur pense qu’il a été produit par un modèle",
    not_generated="rien ne permet de le dire",
    kept=(
        "Les octets d’origine, inchangés et chiffrés, et le journal de chaque accès."
        " Référence à rappeler pour les demander : {reference}. Pour un destinataire désigné"
        " par l’autorité, nous préparons un ensemble signé et chiffré."
    ),
    mail="Courriel : {text}",
    phone="Téléphone : {text}",
    contact="Pour toute question : {text}",
    temporarily="désactivé temporairement",
    permanently="désactivé définitivement",
    notified="la personne a été informée de la désactivation",
    not_notified="la personne n’a pas été informée de la désactivation",
    labels={
        "address": "Adresse (URL) du contenu",
        "moment": "Date et heure",
        "occurrences": "Nombre de fois",
        "place": "Service où le contenu a été trouvé",
        "kind": "Ce qui a été trouvé",
        "public": "Le contenu était-il visible par tous ?",
        "online": "Le contenu est-il encore en ligne ?",
        "found": "Comment il a été trouvé",
        "viewed": "Une personne l’a-t-elle vu ?",
        "generated": "Produit par un modèle ?",
        "digests": "Empreintes",
        "person": "Ce que l’on sait de la personne",
        "connections": "Adresses IP, ports et heures",
        "devices": "Appareils",
        "account": "Le compte",
        "urgent": "Raison de l’urgence",
        "words": "Autres précisions sur les faits",
        "reporter": "Auteur du signalement",
        "contact": "Coordonnées",
        "country": "Pays où nous sommes établis",
        "kept": "Ce qui est conservé, et comment le demander",
        "elsewhere": "Signalé ailleurs",
        "police": "Services d’enquête déjà informés",
        "prior": "Signalements antérieurs de cette personne",
        "reference": "Notre référence",
    },
)

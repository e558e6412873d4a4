"""The words of findings: English sentences, which the console translates. I/O-free."""

from __future__ import annotations

from collections.abc import Mapping

_MISSING: Mapping[str, str] = {
    "no_reporter_email": "The reporting person has no mail address (setting reporter.email).",
    "no_reporter_name": "The reporting person has no name (reporter.first_name, last_name).",
    "no_file": "The report has no file.",
    "incident_time_wrong": "The time of the incident cannot be read, or has no time zone.",
    "account_time_wrong": "The time at which the account was disabled has no time zone.",
    "account_state_wrong": "What is said of the account is none of the possible answers.",
    "incident_type_wrong": "This type of incident is not known.",
    "annotation_wrong": "An annotation of the report is not known.",
    "address_required": "This authority takes addresses of contents, and none is known.",
}

_ADVICE: Mapping[str, str] = {
    "no_person": "No uploader is known: investigators have nobody to look for.",
    "no_ip": "No IP address is known: it is what investigators need most.",
    "no_port": "An IPv4 address has no port: many people may share such an address.",
    "one_moment": "IP addresses are known of one moment only: add other log-ins in words.",
    "no_email": "No mail address of the person is known.",
    "no_screen_name": "No screen name of the person is known.",
    "no_profile_url": "No address of the person's profile is known.",
    "no_device": "No device of the person is known.",
    "account_state": "Nothing is said of the account: is it disabled, and was the person told?",
    "no_time": "The service gave no time of upload; the time of receipt stands in its place.",
    "no_address": "It is not known where the file stood.",
    "urgency": "What was annotated may mean that a child is in danger now: is it urgent?",
    "no_reporter_phone": "No phone number is given by which investigators can call.",
    "no_platform": "The application has no name in the settings: the service's name stands there.",
    "no_terms": "The terms of service that were broken are not given.",
    "no_legal_url": "It is not said where law enforcement finds how to ask for more.",
    "no_digests": "Not all digests of the file are known.",
    "no_file_name": "The name that the file had is not known.",
    "public_unknown": "It is not known whether everybody could see the file.",
    "no_reporter": "Who reports is not set: fill it in by hand (settings of the group reporter).",
}

_NOTES: Mapping[str, str] = {
    "no_prior": "No earlier report about this person is known here.",
    "other_people": "Other people brought the same bytes: each of them is another report.",
    "filed_elsewhere": "The same was reported to another authority already.",
    "demo": "This is a trial: the report says so, and does not go to where real ones go.",
    "never_viewed": (
        "No person has seen the whole file here, and the report says so:"
        " law enforcement may need a warrant to open it."
    ),
    "not_confirmed": "No person has confirmed this file.",
    "generated_claim": "The file says of itself that a model made it; the report passes this on.",
    "classification_untold": (
        "The classification is left out: only members of the industry's hash sharing tell it."
    ),
    "supplemental_untold": (
        "Supplemental files have no classification and are no memes: these are left out."
    ),
    "not_needed": "What was filed elsewhere is enough by this authority's rules.",
}

_RULES: Mapping[str, str] = {
    "time_zone_missing": "A moment has no time zone.",
    "time_zone_wrong": "A moment has a time zone that cannot be.",
    "text_too_long": "A text is longer than the authority takes.",
    "text_blank": "A text that must say something is blank.",
    "text_wrong": "A text is not of the form that the authority takes.",
    "code_unknown": "The authority does not know the code of a country or state.",
    "number_range": "A number is too small or too great.",
    "ip_wrong": "An IP address is none.",
    "hash_wrong": "A digest does not have the digits of its kind.",
    "email_without_person": "A mail address of the incident does not stand with a person.",
    "many_people": "A report is about one person; others are reported apart.",
    "batch_people": "A batched report is about several users, and about nobody else.",
    "batch_not_meme": "The file of a batched report is not said to be passed on as a meme.",
    "exif_without_file": "What is said of viewing EXIF data does not fit the views of the file.",
    "meme_twice": "The file is said to be a meme in two ways that exclude each other.",
    "supplemental_meme": "A supplemental file cannot be said to be a meme.",
    "supplemental_classified": "A supplemental file cannot be classified.",
    "not_a_member": "Only members of the industry's hash sharing classify files.",
    "pairs_missing": "A group of the file's metadata is empty.",
    "id_missing": "The authority's number of the report or the file is not known.",
}

FINDING_TEXTS: Mapping[str, str] = {**_MISSING, **_ADVICE, **_NOTES, **_RULES}
"""A sentence for each code of a finding."""

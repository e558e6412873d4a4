"""The person whom a report is about, and who reports, as the CyberTipline's elements. I/O-free."""

from __future__ import annotations

import datetime as dt
import re

from safehold.reporting import known
from safehold.reporting.cybertip.common_elements import (
    AccountPermanentlyDisabled,
    AccountTemporarilyDisabled,
    ContactPerson,
    DeviceId,
    Email,
    IpCaptureEvent,
    IpCaptureType,
    Person,
    Phone,
)
from safehold.reporting.cybertip.report_elements import PersonOrUserReported, Reporter
from safehold.reporting.facts import FilingDetails, FilingFacts
from safehold.reporting.known import Connection, Device, Moment
from safehold.reporting.options import ReporterOptions

_NUMBER = re.compile("[0-9]{1,18}")
"""What fits the schema's `xs:long`."""

_LONGEST_IDENTIFIER = 255
"""Callers may give one more; a longer one is told in words, since nobody could mend it."""

_NOTIFIED = {"yes": True, "no": False}


def reporter(house: ReporterOptions) -> Reporter:
    """Who reports, and whom to ask where that is somebody else."""
    contact = ContactPerson(
        first_name=house.contact_first_name or None,
        last_name=house.contact_last_name or None,
        phone=_phone(house.contact_phone),
        email=_email(house.contact_email),
    )
    return Reporter(
        reporting_person=Person(
            first_name=house.first_name or None,
            last_name=house.last_name or None,
            phone=_phone(house.phone),
            email=_email(house.email),
        ),
        contact_person=contact if contact != ContactPerson() else None,
        company_template=_template(house),
        terms_of_service=house.terms_of_service or None,
        legal_url=house.legal_url or None,
    )


def person(facts: FilingFacts, details: FilingDetails) -> PersonOrUserReported | None:
    """The person reported, or None where nothing is known of one."""
    found = known.person(facts, details)
    if found is None:
        return None
    short = tuple(one for one in found.uploaders if len(one) <= _LONGEST_IDENTIFIER)
    identifier = short[0] if short else None
    others = tuple(one for one in found.uploaders if one != identifier)
    name, *names = found.screen_names or (None,)
    temporarily, permanently = _disabled(details)
    return PersonOrUserReported(
        person_or_user_reported_person=(
            Person(email=tuple(Email(address) for address in found.addresses))
            if found.addresses
            else None
        ),
        esp_identifier=identifier,
        esp_service=details.platform or facts.service,
        screen_name=name,
        # The schema has room for one screen name; further ones stand with the other names.
        display_name=tuple(dict.fromkeys((*found.display_names, *filter(None, names)))),
        profile_url=found.profile_urls,
        profile_bio=found.bio or None,
        ip_capture_event=tuple(ip_capture(one) for one in found.connections),
        device_id=tuple(device(one) for one in found.devices),
        prior_ct_reports=_numbers(facts),
        account_temporarily_disabled=temporarily,
        account_permanently_disabled=permanently,
        additional_info=_more(found.words, others),
    )


def ip_capture(found: Connection) -> IpCaptureEvent:
    """An IP address, with port and moment where they are known."""
    return IpCaptureEvent(
        ip_address=found.ip,
        event_name=IpCaptureType.UPLOAD,
        date_time=_at(found.at),
        port=found.port,
    )


def device(found: Device) -> DeviceId:
    """The id of a device."""
    return DeviceId(
        id_type=found.kind,
        id_value=found.value,
        event_name=IpCaptureType.UPLOAD,
        date_time=_at(found.at),
    )


def _disabled(
    details: FilingDetails,
) -> tuple[AccountTemporarilyDisabled | None, AccountPermanentlyDisabled | None]:
    since = known.parse_time(details.account_disabled_at)
    told = _NOTIFIED.get(details.user_notified)
    if details.account_disabled == "temporarily":
        return AccountTemporarilyDisabled(True, disabled_date=since, user_notified=told), None
    if details.account_disabled == "permanently":
        return None, AccountPermanentlyDisabled(True, disabled_date=since, user_notified=told)
    return None, None


def _numbers(facts: FilingFacts) -> tuple[int, ...]:
    """Numbers of earlier reports; the CyberTipline's are numbers and nothing else."""
    found = (text for text in facts.prior if _NUMBER.fullmatch(text))
    return tuple(dict.fromkeys(int(text) for text in found))


def _more(words: str, others: tuple[str, ...]) -> str | None:
    parts = [words] if words else []
    if others:
        parts.append("Further identifiers: " + ", ".join(others))
    return "\n".join(parts) or None


def _template(house: ReporterOptions) -> str | None:
    return "\n".join(one for one in (house.organisation, house.words) if one) or None


def _at(found: Moment | None) -> dt.datetime | None:
    return found.at if found is not None else None


def _phone(number: str) -> tuple[Phone, ...]:
    return (Phone(number),) if number else ()


def _email(address: str) -> tuple[Email, ...]:
    return (Email(address),) if address else ()

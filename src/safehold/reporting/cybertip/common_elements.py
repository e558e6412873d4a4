"""What reports and file details to the CyberTipline have in common. I/O-free.

Models of the types of NCMEC's schema (`GET /xsd` of the reporting API, 2025): attributes are its
names in snake case, in its order; repeated ones are tuples, missing ones None. Moments need a time
zone (`rules` checks it). They hold personal data and therefore do not show it when printed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from safehold.reporting.cybertip.marks import (
    MAX_LONG,
    Longest,
    Mark,
    Matching,
    Must,
    Named,
    OneOf,
    Within,
)
from safehold.reporting.cybertip.places import COUNTRIES, STATES


class EmailType(Enum):
    """What a mail address is used for."""

    HOME = "Home"
    WORK = "Work"
    BUSINESS = "Business"
    RECOVERY = "Recovery"


class PhoneType(Enum):
    """What a phone number is used for."""

    MOBILE = "Mobile"
    HOME = "Home"
    BUSINESS = "Business"
    WORK = "Work"
    FAX = "Fax"
    INTERNET = "Internet"
    RECOVERY = "Recovery"


class AddressType(Enum):
    """What a postal address is used for."""

    HOME = "Home"
    BUSINESS = "Business"
    BILLING = "Billing"
    SHIPPING = "Shipping"
    TECHNICAL = "Technical"


class IpCaptureType(Enum):
    """What somebody did when an IP address or a device was recorded."""

    LOGIN = "Login"
    REGISTRATION = "Registration"
    PURCHASE = "Purchase"
    UPLOAD = "Upload"
    OTHER = "Other"
    UNKNOWN = "Unknown"


class AssociatedAccountType(Enum):
    """How an account is linked with another."""

    BILLING = "Billing"
    LINKED = "Linked"
    BUSINESS = "Business"
    CREATOR = "Creator"
    GUARDIAN = "Parent/Guardian"
    OTHER = "Other"


@dataclass(frozen=True, slots=True, repr=False)
class Email:
    """A mail address."""

    address: Annotated[str, Mark.TEXT, Longest(255), Must.NOT_BLANK]
    type: Annotated[EmailType | None, Mark.ATTRIBUTE] = None
    verified: Annotated[bool | None, Mark.ATTRIBUTE] = None
    verification_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None


@dataclass(frozen=True, slots=True, repr=False)
class Phone:
    """A phone number; the calling code is `+` and up to three digits."""

    number: Annotated[str, Mark.TEXT, Longest(50), Must.NOT_BLANK]
    type: Annotated[PhoneType | None, Mark.ATTRIBUTE] = None
    verified: Annotated[bool | None, Mark.ATTRIBUTE] = None
    verification_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None
    country_calling_code: Annotated[str | None, Mark.ATTRIBUTE, Matching(r"\+[0-9]{1,3}")] = None
    extension: Annotated[str | None, Mark.ATTRIBUTE, Longest(10), Matching("[0-9]+")] = None


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A postal address; `state` and `country` are codes of `places`."""

    type: Annotated[AddressType | None, Mark.ATTRIBUTE] = None
    address: Annotated[str | None, Longest(255)] = None
    city: Annotated[str | None, Longest(100)] = None
    zip_code: Annotated[str | None, Longest(20)] = None
    state: Annotated[str | None, OneOf(STATES)] = None
    non_usa_state: Annotated[str | None, Longest(100)] = None
    country: Annotated[str | None, OneOf(COUNTRIES)] = None


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A person: who reports, is reported, was meant, or suffered."""

    first_name: Annotated[str | None, Longest(100)] = None
    last_name: Annotated[str | None, Longest(100)] = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    address: tuple[Address, ...] = ()
    age: Annotated[int | None, Within(0, 150)] = None
    date_of_birth: dt.date | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ContactPerson:
    """A person whom law enforcement may ask, or an officer."""

    first_name: Annotated[str | None, Longest(100)] = None
    last_name: Annotated[str | None, Longest(100)] = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    address: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class IpCaptureEvent:
    """An IP address (v4 or v6) and when and at what it was recorded."""

    ip_address: Annotated[str, Must.IP_ADDRESS]
    event_name: IpCaptureType | None = None
    date_time: dt.datetime | None = None
    possible_proxy: bool | None = None
    port: Annotated[int | None, Within(1, 65_535)] = None


@dataclass(frozen=True, slots=True, repr=False)
class DeviceId:
    """The id of a device, with its kind (IMEI, ICCID and so on)."""

    id_type: Annotated[str, Longest(255), Must.NOT_BLANK]
    id_value: Annotated[str, Longest(2083), Must.NOT_BLANK]
    event_name: IpCaptureType | None = None
    date_time: dt.datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Hash:
    """A digest of a file's original bytes, in hex, with its kind (MD5, SHA1, SHA256)."""

    value: Annotated[str, Mark.TEXT, Must.NOT_BLANK]
    hash_type: Annotated[str, Mark.ATTRIBUTE, Longest(64), Must.NOT_BLANK]


@dataclass(frozen=True, slots=True, repr=False)
class NameValuePair:
    """One of a file's metadata."""

    name: Annotated[str, Longest(64), Must.NOT_BLANK]
    value: str


@dataclass(frozen=True, slots=True, repr=False)
class AccountTemporarilyDisabled:
    """Whether an account was disabled for a time."""

    disabled: Annotated[bool, Mark.TEXT]
    disabled_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None
    user_notified: Annotated[bool | None, Mark.ATTRIBUTE] = None
    user_notified_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None
    reenabled_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None


@dataclass(frozen=True, slots=True, repr=False)
class AccountPermanentlyDisabled:
    """Whether an account was disabled for good."""

    disabled: Annotated[bool, Mark.TEXT]
    disabled_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None
    user_notified: Annotated[bool | None, Mark.ATTRIBUTE] = None
    user_notified_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None


@dataclass(frozen=True, slots=True, repr=False)
class EstimatedLocation:
    """Where somebody is believed to be."""

    verified: Annotated[bool | None, Mark.ATTRIBUTE] = None
    timestamp: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None
    city: Annotated[str | None, Longest(255)] = None
    region: Annotated[str | None, Longest(255)] = None
    country_code: Annotated[str | None, OneOf(COUNTRIES)] = None


@dataclass(frozen=True, slots=True, repr=False)
class ServedLegalProcessInternational:
    """Whether law enforcement of another country has served legal process, and of which."""

    served: Annotated[bool, Mark.TEXT]
    flea_country: Annotated[str | None, Mark.ATTRIBUTE, OneOf(COUNTRIES)] = None


@dataclass(frozen=True, slots=True, repr=False)
class AssociatedPlatform:
    """The application of a linked account."""

    name: Annotated[str, Mark.TEXT, Longest(256)]
    third_party_user: Annotated[bool | None, Mark.ATTRIBUTE] = None


@dataclass(frozen=True, slots=True, repr=False)
class AssociatedAccount:
    """An account linked with that of a person."""

    type: Annotated[AssociatedAccountType, Mark.ATTRIBUTE]
    platform: AssociatedPlatform | None = None
    first_name: Annotated[str | None, Longest(256)] = None
    middle_name: Annotated[str | None, Longest(256)] = None
    last_name: Annotated[str | None, Longest(256)] = None
    approximate_age: Annotated[int | None, Within(0, 150)] = None
    date_of_birth: dt.date | None = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    all_emails_reported: bool | None = None
    address: tuple[Address, ...] = ()
    esp_service: Annotated[str | None, Longest(256)] = None
    esp_identifier: Annotated[str | None, Longest(256)] = None
    profile_url: tuple[str, ...] = ()
    screen_name: Annotated[str | None, Longest(256)] = None
    display_name: tuple[str, ...] = ()
    profile_bio: str | None = None
    group_identifier: Annotated[str | None, Longest(256)] = None
    compromised_account: bool | None = None
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    prior_ct_report: Annotated[tuple[int, ...], Named("priorCTReport"), Within(1, MAX_LONG)] = ()
    additional_info: str | None = None

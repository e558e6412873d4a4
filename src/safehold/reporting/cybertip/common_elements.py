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

from safehold.reporting.cybertip.marks import Mark, Named


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

    address: Annotated[str, Mark.TEXT]
    type: Annotated[EmailType | None, Mark.ATTRIBUTE] = None
    verified: Annotated[bool | None, Mark.ATTRIBUTE] = None
    verification_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None


@dataclass(frozen=True, slots=True, repr=False)
class Phone:
    """A phone number; the calling code is `+` and up to three digits."""

    number: Annotated[str, Mark.TEXT]
    type: Annotated[PhoneType | None, Mark.ATTRIBUTE] = None
    verified: Annotated[bool | None, Mark.ATTRIBUTE] = None
    verification_date: Annotated[dt.datetime | None, Mark.ATTRIBUTE] = None
    country_calling_code: Annotated[str | None, Mark.ATTRIBUTE] = None
    extension: Annotated[str | None, Mark.ATTRIBUTE] = None


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A postal address; `state` and `country` are codes of `places`."""

    type: Annotated[AddressType | None, Mark.ATTRIBUTE] = None
    address: str | None = None
    city: str | None = None
    zip_code: str | None = None
    state: str | None = None
    non_usa_state: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A person: who reports, is reported, was meant, or suffered."""

    first_name: str | None = None
    last_name: str | None = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    address: tuple[Address, ...] = ()
    age: int | None = None
    date_of_birth: dt.date | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ContactPerson:
    """A person whom law enforcement may ask, or an officer."""

    first_name: str | None = None
    last_name: str | None = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    address: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class IpCaptureEvent:
    """An IP address (v4 or v6) and when and at what it was recorded."""

    ip_address: str
    event_name: IpCaptureType | None = None
    date_time: dt.datetime | None = None
    possible_proxy: bool | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class DeviceId:
    """The id of a device, with its kind (IMEI, ICCID and so on)."""

    id_type: str
    id_value: str
    event_name: IpCaptureType | None = None
    date_time: dt.datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Hash:
    """A digest of a file's original bytes, in hex, with its kind (MD5, SHA1, SHA256)."""

    value: Annotated[str, Mark.TEXT]
    hash_type: Annotated[str, Mark.ATTRIBUTE]


@dataclass(frozen=True, slots=True, repr=False)
class NameValuePair:
    """One of a file's metadata."""

    name: str
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
    city: str | None = None
    region: str | None = None
    country_code: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ServedLegalProcessInternational:
    """Whether law enforcement of another country has served legal process, and of which."""

    served: Annotated[bool, Mark.TEXT]
    flea_country: Annotated[str | None, Mark.ATTRIBUTE] = None


@dataclass(frozen=True, slots=True, repr=False)
class AssociatedPlatform:
    """The application of a linked account."""

    name: Annotated[str, Mark.TEXT]
    third_party_user: Annotated[bool | None, Mark.ATTRIBUTE] = None


@dataclass(frozen=True, slots=True, repr=False)
class AssociatedAccount:
    """An account linked with that of a person."""

    type: Annotated[AssociatedAccountType, Mark.ATTRIBUTE]
    platform: AssociatedPlatform | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    approximate_age: int | None = None
    date_of_birth: dt.date | None = None
    phone: tuple[Phone, ...] = ()
    email: tuple[Email, ...] = ()
    all_emails_reported: bool | None = None
    address: tuple[Address, ...] = ()
    esp_service: str | None = None
    esp_identifier: str | None = None
    profile_url: tuple[str, ...] = ()
    screen_name: str | None = None
    display_name: tuple[str, ...] = ()
    profile_bio: str | None = None
    group_identifier: str | None = None
    compromised_account: bool | None = None
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    prior_ct_report: Annotated[tuple[int, ...], Named("priorCTReport")] = ()
    additional_info: str | None = None

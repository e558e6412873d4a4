"""The CyberTipline's `<report>`. I/O-free. See `common_elements` for how models are written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from safehold.reporting.cybertip.common_elements import (
    AccountPermanentlyDisabled,
    AccountTemporarilyDisabled,
    Address,
    AssociatedAccount,
    ContactPerson,
    DeviceId,
    Email,
    EstimatedLocation,
    IpCaptureEvent,
    Person,
    Phone,
    ServedLegalProcessInternational,
)
from safehold.reporting.cybertip.marks import MAX_LONG, Longest, Mark, Must, Named, Within


class IncidentType(Enum):
    """The schema's types of incidents, in its words."""

    POSSESSION_MANUFACTURE_DISTRIBUTION = (
        "Child Pornography (possession, manufacture, and distribution)"
    )
    TRAFFICKING = "Child Sex Trafficking"
    TOURISM = "Child Sex Tourism"
    MOLESTATION = "Child Sexual Molestation"
    MISLEADING_DOMAIN = "Misleading Domain Name"
    MISLEADING_WORDS = "Misleading Words or Digital Images on the Internet"
    ENTICEMENT = "Online Enticement of Children for Sexual Acts"
    UNSOLICITED = "Unsolicited Obscene Material Sent to a Child"


class BatchedReportReason(Enum):
    """Why many reports are sent as one."""

    VIRAL_POTENTIAL_MEME = "VIRAL_POTENTIAL_MEME"


@dataclass(frozen=True, slots=True, repr=False)
class BatchedReport:
    """That a report stands for many, and why."""

    reason: Annotated[BatchedReportReason, Mark.ATTRIBUTE]


@dataclass(frozen=True, slots=True, repr=False)
class ReportAnnotations:
    """What the incident is about; said or left out, never denied."""

    sextortion: Annotated[bool, Mark.FLAG] = False
    csam_solicitation: Annotated[bool, Mark.FLAG] = False
    minor_to_minor_interaction: Annotated[bool, Mark.FLAG] = False
    spam: Annotated[bool, Mark.FLAG] = False
    sadistic_online_exploitation: Annotated[bool, Mark.FLAG] = False


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class IncidentSummary:
    """What happened and when. `escalate_to_high_priority` is a reason in words."""

    incident_type: IncidentType
    platform: Annotated[str | None, Longest(256)] = None
    escalate_to_high_priority: Annotated[str | None, Longest(3000), Must.NOT_BLANK] = None
    report_annotations: ReportAnnotations | None = None
    incident_date_time: dt.datetime
    incident_date_time_description: Annotated[str | None, Longest(3000)] = None


@dataclass(frozen=True, slots=True, repr=False)
class WebPageIncident:
    """It happened on a web page."""

    third_party_hosted_content: Annotated[bool | None, Mark.ATTRIBUTE] = None
    url: tuple[str, ...] = ()
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class EmailIncident:
    """It happened by mail."""

    email_address: tuple[Email, ...] = ()
    content: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class NewsgroupIncident:
    """It happened in a newsgroup."""

    name: Annotated[str | None, Longest(255)] = None
    email_address: tuple[Email, ...] = ()
    content: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class ChatImIncident:
    """It happened in a chat or by instant messages."""

    chat_client: Annotated[str | None, Longest(255)] = None
    chat_room_name: Annotated[str | None, Longest(255)] = None
    content: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class OnlineGamingIncident:
    """It happened in an online game."""

    game_name: Annotated[str | None, Longest(255)] = None
    console: Annotated[str | None, Longest(255)] = None
    content: str | None = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class CellPhoneIncident:
    """It happened by phone; degrees, north and east positive."""

    phone_number: Phone | None = None
    latitude: Annotated[float | None, Within(-90, 90)] = None
    longitude: Annotated[float | None, Within(-180, 180)] = None
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class NonInternetIncident:
    """It happened without a network."""

    location_name: Annotated[str | None, Longest(255)] = None
    incident_address: tuple[Address, ...] = ()
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Peer2peerIncident:
    """It happened in a peer-to-peer network."""

    client: Annotated[str | None, Longest(255)] = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    file_names: str | None = None
    additional_info: str | None = None


InternetDetails = (
    WebPageIncident
    | EmailIncident
    | NewsgroupIncident
    | ChatImIncident
    | OnlineGamingIncident
    | CellPhoneIncident
    | NonInternetIncident
    | Peer2peerIncident
)
"""Where it happened: one of these stands in each `<internetDetails>`."""


@dataclass(frozen=True, slots=True, repr=False)
class LawEnforcement:
    """Law enforcement that knows of the incident already."""

    agency_name: Annotated[str, Longest(255), Must.NOT_BLANK]
    case_number: Annotated[str | None, Longest(100)] = None
    officer_contact: ContactPerson | None = None
    reported_to_le: bool | None = None
    served_legal_process_domestic: bool | None = None
    served_legal_process_international: ServedLegalProcessInternational | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Reporter:
    """Who reports, and what each of their reports says."""

    reporting_person: Person
    contact_person: ContactPerson | None = None
    company_template: str | None = None
    terms_of_service: str | None = None
    legal_url: Annotated[str | None, Named("legalURL"), Longest(2083)] = None


@dataclass(frozen=True, slots=True, repr=False)
class PersonOrUserReported:
    """A person or account that is reported."""

    person_or_user_reported_person: Person | None = None
    vehicle_description: Annotated[str | None, Longest(300)] = None
    esp_identifier: Annotated[str | None, Longest(255)] = None
    esp_service: Annotated[str | None, Longest(100)] = None
    compromised_account: bool | None = None
    screen_name: Annotated[str | None, Longest(256)] = None
    display_name: tuple[str, ...] = ()
    profile_url: tuple[str, ...] = ()
    profile_bio: str | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    third_party_user_reported: bool | None = None
    prior_ct_reports: Annotated[tuple[int, ...], Named("priorCTReports"), Within(1, MAX_LONG)] = ()
    group_identifier: Annotated[str | None, Longest(255)] = None
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    estimated_location: EstimatedLocation | None = None
    all_emails_reported: bool | None = None
    associated_account: tuple[AssociatedAccount, ...] = ()
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class IntendedRecipient:
    """A person or account that something was meant for."""

    intended_recipient_person: Person | None = None
    esp_identifier: Annotated[str | None, Longest(255)] = None
    esp_service: Annotated[str | None, Longest(100)] = None
    compromised_account: bool | None = None
    screen_name: Annotated[str | None, Longest(256)] = None
    display_name: tuple[str, ...] = ()
    profile_url: tuple[str, ...] = ()
    profile_bio: str | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    prior_ct_reports: Annotated[tuple[int, ...], Named("priorCTReports"), Within(1, MAX_LONG)] = ()
    group_identifier: Annotated[str | None, Longest(255)] = None
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    estimated_location: EstimatedLocation | None = None
    all_emails_reported: bool | None = None
    additional_info: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Victim:
    """A child whom the incident concerns."""

    victim_person: Person
    esp_identifier: Annotated[str | None, Longest(255)] = None
    esp_service: Annotated[str | None, Longest(100)] = None
    compromised_account: bool | None = None
    screen_name: Annotated[str | None, Longest(256)] = None
    display_name: tuple[str, ...] = ()
    profile_url: tuple[str, ...] = ()
    profile_bio: str | None = None
    ip_capture_event: tuple[IpCaptureEvent, ...] = ()
    device_id: tuple[DeviceId, ...] = ()
    school_name: Annotated[str | None, Longest(255)] = None
    prior_ct_reports: Annotated[tuple[int, ...], Named("priorCTReports"), Within(1, MAX_LONG)] = ()
    account_temporarily_disabled: AccountTemporarilyDisabled | None = None
    account_permanently_disabled: AccountPermanentlyDisabled | None = None
    estimated_location: EstimatedLocation | None = None
    all_emails_reported: bool | None = None
    associated_account: tuple[AssociatedAccount, ...] = ()
    additional_info: str | None = None


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class CybertipReport:
    """A report: the root element `<report>`."""

    batched_report: BatchedReport | None = None
    incident_summary: IncidentSummary
    internet_details: Annotated[tuple[InternetDetails, ...], Mark.CHOICE] = ()
    law_enforcement: LawEnforcement | None = None
    reporter: Reporter
    person_or_user_reported: tuple[PersonOrUserReported, ...] = ()
    intended_recipient: tuple[IntendedRecipient, ...] = ()
    victim: tuple[Victim, ...] = ()
    additional_info: str | None = None

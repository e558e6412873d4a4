"""Settings of reports: who reports, to whom, and how fast."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ReporterOptions:
    """Who reports, as authorities are told.

    Attributes:
        first_name, last_name: of the person who answers for reports.
        email: their address; the CyberTipline requires it.
        phone: theirs, with country code, or empty.
        organisation: name of the house.
        platform: name of the application, as users know it; empty for the service's name.
        country: ISO 3166 code of the country in which the house is established.
        contact_first_name, contact_last_name, contact_email, contact_phone: whom law enforcement
            is to ask, where that is somebody else.
        words: what is told with every report (NCMEC's companyTemplate), or empty.
        terms_of_service: the terms that were broken, in words, or empty.
        legal_url: where law enforcement finds how to ask, or empty.
        hash_sharing_member: whether the house has signed the agreement of industry hash sharing;
            only then is a classification told.
    """

    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    organisation: str = ""
    platform: str = ""
    country: str = ""
    contact_first_name: str = ""
    contact_last_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    words: str = ""
    terms_of_service: str = ""
    legal_url: str = ""
    hash_sharing_member: bool = False


@dataclass(frozen=True, slots=True)
class CybertipOptions:
    """The CyberTipline. Passwords are read by the custodian alone.

    Attributes:
        username: of the production environment; empty where there is no access.
        password_file: file with its password, readable by the custodian's user alone.
        test_username, test_password_file: of the test environment.
        simulator: address of a simulator on this machine (`http://127.0.0.1:PORT`), which takes
            the place of the test environment; empty for none.
        schema_file: the schema in use, as `report schema refresh` fetched it; empty for
            `custodian/cybertip.xsd` in the home, where it is there.
        call_seconds: how long one call may take, uploads apart.
        upload_seconds: how long the upload of one file may take.
        reports_per_hour: how many reports are opened within an hour at most.
        breaker_failures: after so many failed calls in a row nothing is sent for a while.
        breaker_minutes: how long that is.
        margin_minutes: so long before the authority deletes an unfinished report it counts as
            expired here.
    """

    username: str = ""
    password_file: str = ""
    test_username: str = ""
    test_password_file: str = ""
    simulator: str = ""
    schema_file: str = ""
    call_seconds: float = 60.0
    upload_seconds: float = 900.0
    reports_per_hour: int = 60
    breaker_failures: int = 5
    breaker_minutes: float = 15.0
    margin_minutes: float = 5.0


@dataclass(frozen=True, slots=True)
class ReportingOptions:
    """Reports in general.

    Attributes:
        authorities: codes of the authorities that this house reports to (`ncmec`, `nca`,
            `pharos`, `point_de_contact`, `cybertip_ca`, `inhope`, `other`); an alarm is raised
            while there is none that can be reached.
        alarm_hours: after how long a confirmed case with somebody who is not reported, or a report
            that was begun and does not go on, is alarmed.
        send_seconds: how often it is looked what is to be sent.
        max_files: how many files one report may have; further ones need another report.
    """

    authorities: tuple[str, ...] = field(default=())
    alarm_hours: float = 24.0
    send_seconds: float = 10.0
    max_files: int = 100

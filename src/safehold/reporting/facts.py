"""What is known of a case for a report, opened and in one place. It is never stored so.

The custodian reads records and opens what is sealed; everything from here on is I/O-free.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from safehold.cases.model import OccurrenceKind
from safehold.errors import UsageError
from safehold.ids import CaseId, EvidenceId, OccurrenceId, ReportId
from safehold.reporting.model import AuthorityCode, Environment, Relevance


@dataclass(frozen=True, slots=True)
class FactOccurrence:
    """One time that this person brought a file.

    Attributes:
        occurrence_id: its id.
        at: when Safehold received it (UTC).
        kind, surface: how, and where.
        public: whether what stands there can be seen by everybody, by the surface's settings;
            None where they do not say.
        context: what the caller said (`intake.model.Context.as_json`).
    """

    occurrence_id: OccurrenceId
    at: dt.datetime
    kind: OccurrenceKind
    surface: str
    public: bool | None
    context: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class FactFile:
    """A file.

    Attributes:
        case_id, evidence_id: ids.
        relevance: how it belongs to the report.
        size: bytes.
        manifest: what was known of it when it was stored (`docs/formats/vault.md`): `md5`,
            `sha1`, `sha256` in hex, `format`, `width`, `height`, `frames`, `received`.
        occurrences: this person's, by time.
        viewed: whether some person has seen every frame of the whole file, unblurred, by the
            logged views. Nothing else makes it true.
        classification: `A1` to `B2` of the confirmation, or empty.
        annotations: codes of the confirmation (`cases.review.model.Annotation`).
        claims: what the file says of its own origin (`safehold.provenance.forms.claim_form`);
            empty where nothing was read.
        conflicts: what of it does not go together (codes).
        passages: words in it (`kind`, `text`, `place`): prompts, accounts, jobs.
        matches: what it matches, as decisions keep it.
        confirmed_at: when a person confirmed it; None where none did.
    """

    case_id: CaseId
    evidence_id: EvidenceId
    relevance: Relevance
    size: int
    manifest: Mapping[str, Any] = field(repr=False)
    occurrences: tuple[FactOccurrence, ...] = ()
    viewed: bool = False
    classification: str = ""
    annotations: frozenset[str] = frozenset()
    claims: tuple[Mapping[str, Any], ...] = ()
    conflicts: tuple[str, ...] = ()
    passages: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    matches: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    confirmed_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class FilingFacts:
    """All that is known for one report.

    Attributes:
        report_id, case_id: ids.
        authority, environment: to whom, and where.
        service: the service's name.
        opened: when the case was opened.
        files: in the order in which they are sent; the case's own first.
        prior: the authority's numbers of earlier reports about this person, by time.
        filed_elsewhere: authorities to which a report about the same person and case was filed,
            with their numbers.
        other_people: how many other people brought the same bytes; theirs are other reports.
        demo: whether the case is a demonstration's.
    """

    report_id: ReportId
    case_id: CaseId
    authority: AuthorityCode
    environment: Environment
    service: str
    opened: dt.datetime
    files: tuple[FactFile, ...]
    prior: tuple[str, ...] = ()
    filed_elsewhere: tuple[tuple[str, str], ...] = ()
    other_people: int = 0
    demo: bool = False


_MAX_TEXT = 3_000


@dataclass(frozen=True, slots=True)
class FilingDetails:
    """What an officer adds to what is known.

    Attributes:
        incident_type: a code of `cybertip.incidents` (NCMEC's incident type); empty for the
            one that stands for possession, manufacture and distribution.
        incident_time: RFC 3339 with zone, where the moment of the incident is another than
            that of the first occurrence; or empty.
        incident_time_words: about that moment.
        escalate: why it is urgent (immediate risk to a child), in words; empty where it is not.
        annotations: codes of report annotations, such as `sextortion`.
        platform: name of the application, where it is not the service's.
        screen_name, display_name, profile_url: of the person, where the context lacks them.
        profile_bio: a copy of it.
        url: where it was seen.
        person_words: anything more about the person.
        words: anything more about the incident.
        account_disabled: `temporarily`, `permanently`, or empty for neither; `account_disabled_at`
            RFC 3339 or empty; `user_notified`: `yes`, `no` or empty.
        agency, agency_case: law enforcement that was told already, and its case number.
        reference: for authorities with a form: what the officer wants to remember.
    """

    incident_type: str = ""
    incident_time: str = ""
    incident_time_words: str = ""
    escalate: str = ""
    annotations: tuple[str, ...] = ()
    platform: str = ""
    screen_name: str = field(default="", repr=False)
    display_name: str = field(default="", repr=False)
    profile_url: str = field(default="", repr=False)
    profile_bio: str = field(default="", repr=False)
    url: str = field(default="", repr=False)
    person_words: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    account_disabled: str = ""
    account_disabled_at: str = ""
    user_notified: str = ""
    agency: str = ""
    agency_case: str = ""
    reference: str = ""

    def as_json(self) -> bytes:
        """UTF-8 JSON of what is said, with sorted keys."""
        said = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(said, sort_keys=True, ensure_ascii=False).encode("utf-8")

    @classmethod
    def parse(cls, content: bytes) -> FilingDetails:
        """What `as_json` wrote; nothing for empty bytes.

        Raises:
            DetailsError: it is something else, or a text is too long.
        """
        try:
            found = json.loads(content) if content else {}
        except ValueError:
            raise DetailsError from None
        names = {one.name for one in fields(cls)}
        if not isinstance(found, dict) or not found.keys() <= names:
            raise DetailsError
        annotations = found.pop("annotations", [])
        texts = [*found.values(), *annotations]
        if not all(isinstance(text, str) and len(text) <= _MAX_TEXT for text in texts):
            raise DetailsError
        return cls(annotations=tuple(annotations), **found)


class DetailsError(UsageError):
    """What an officer added cannot be taken."""

    code = "report_details"
    default_message = "Something that was added to the report cannot be taken."
    default_hint = "Texts have at most 3,000 characters; times need a zone."

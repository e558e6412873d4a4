"""One engine for all authorities with a form: a checklist that fills itself. I/O-free.

A form is data: its questions, what to do before, while and after it is filled in, and when it
is not needed. Its draft has two documents, which say the same: `checklist.json` to show and copy
from, and `checklist.txt` to read; where the authority takes more languages, each has two more
(`checklist.fr.json`).

`checklist.json` is an object: `form` (`safehold checklist 1`), `authority` (code), `name`,
`language`, `report` (id), `test` (whether it is a trial), `items` (objects with `code`, `label`,
`value`, `help`), `steps` (objects with `when`: `before`, `during`, `after`, and `text`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from safehold.reporting import known
from safehold.reporting.authorities.names import NAMES
from safehold.reporting.authorities.phrases import Phrases
from safehold.reporting.authorities.values import VALUES, Sheet
from safehold.reporting.cybertip import completeness
from safehold.reporting.documents import Document, Draft, Finding, Level
from safehold.reporting.facts import FilingDetails, FilingFacts
from safehold.reporting.model import AuthorityCode
from safehold.reporting.options import ReporterOptions

FORM = "safehold checklist 1"

_TOLD = frozenset(
    {
        "no_file",
        "incident_time_wrong",
        "account_time_wrong",
        "account_state_wrong",
        "no_person",
        "no_ip",
        "no_port",
        "no_email",
        "no_screen_name",
        "no_profile_url",
        "no_time",
        "no_address",
        "urgency",
        "no_reporter_phone",
        "other_people",
        "filed_elsewhere",
        "demo",
        "never_viewed",
        "not_confirmed",
        "generated_claim",
    }
)
"""What of the CyberTipline's completeness matters to a form as well."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a form asks, or is known to need.

    Attributes:
        code: of the answer (`values.VALUES`), unique within the form.
        help: what to think of, in the form's language, or empty.
        label: in the form's language; empty for that of the phrases.
    """

    code: str
    help: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Checklist:
    """A form's questions and steps in one language."""

    phrases: Phrases
    questions: tuple[Question, ...]
    before: tuple[str, ...]
    during: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FormAuthority:
    """An authority whose form a person fills in.

    Attributes:
        code: which one.
        checklists: in each language that it takes, its own first.
        is_enough: whether what was filed elsewhere is enough by its rules.
        needs_address: whether it takes addresses alone, so that without one nothing can be
            reported to it.
    """

    code: AuthorityCode
    checklists: tuple[Checklist, ...]
    is_enough: Callable[[FilingFacts], bool]
    needs_address: bool = False

    @property
    def name(self) -> str:
        """Its name in its own language."""
        return NAMES[self.code]

    @property
    def language(self) -> str:
        """The language of what goes to it, ISO 639-1."""
        return self.checklists[0].phrases.language

    @property
    def by_machine(self) -> bool:
        """A person fills in the form."""
        return False

    def draft(self, facts: FilingFacts, details: FilingDetails, house: ReporterOptions) -> Draft:
        """The checklist, and what is to be known of it."""
        documents: list[Document] = []
        for number, checklist in enumerate(self.checklists):
            told = self._told(checklist, Sheet(facts, details, house, checklist.phrases))
            mark = f".{checklist.phrases.language}" if number else ""
            content = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
            text = _text(told, checklist.phrases)
            documents += [
                Document(f"checklist{mark}.json", "application/json", content),
                Document(f"checklist{mark}.txt", "text/plain", text),
            ]
        return Draft(tuple(documents), tuple(self._findings(facts, details, house)))

    def is_needed(self, facts: FilingFacts, house: ReporterOptions) -> bool:
        """Whether a report is needed beside those that were filed."""
        return not (is_filed(facts, self.code) or self.is_enough(facts))

    def _told(self, checklist: Checklist, sheet: Sheet) -> dict[str, Any]:
        labels = checklist.phrases.labels
        items = [
            {
                "code": one.code,
                "label": one.label or labels[one.code],
                "value": VALUES[one.code](sheet),
                "help": one.help,
            }
            for one in checklist.questions
        ]
        when = {"before": checklist.before, "during": checklist.during, "after": checklist.after}
        return {
            "form": FORM,
            "authority": self.code.value,
            "name": self.name,
            "language": checklist.phrases.language,
            "report": sheet.facts.report_id,
            "test": sheet.facts.demo,
            "items": items,
            "steps": [{"when": key, "text": text} for key in when for text in when[key]],
        }

    def _findings(
        self, facts: FilingFacts, details: FilingDetails, house: ReporterOptions
    ) -> Iterator[Finding]:
        if self.needs_address and not known.addresses(facts, details):
            yield Finding("address_required", Level.MISSING)
        if not (house.email and (house.organisation or house.last_name)):
            yield Finding("no_reporter", Level.ADVICE)
        for finding in completeness.findings(facts, details, house):
            if finding.code in _TOLD:
                yield finding
        if self.is_enough(facts):
            yield Finding("not_needed", Level.NOTE)


def is_filed(facts: FilingFacts, *codes: AuthorityCode) -> bool:
    """Whether the same was filed to one of some authorities."""
    return any(code in codes for code, _ in facts.filed_elsewhere)


def never_enough(facts: FilingFacts) -> bool:
    """No rule is known by which another report would do."""
    return False


def _text(told: dict[str, Any], phrases: Phrases) -> str:
    """A checklist to read: every line of an answer is indented, and nothing else is."""
    parts = [phrases.checklist.format(name=told["name"]), f"{phrases.report} {told['report']}"]
    if told["test"]:
        parts.append(phrases.test)
    steps = {"before": phrases.before, "during": phrases.during, "after": phrases.after}
    for when, heading in steps.items():
        if when == "after":
            parts += ["", phrases.answers]
            parts += [
                line
                for number, item in enumerate(told["items"], start=1)
                for line in _answer(number, item, phrases)
            ]
        parts += ["", heading]
        parts += [f"[ ] {step['text']}" for step in told["steps"] if step["when"] == when]
    return "\n".join(parts) + "\n"


def _answer(number: int, item: dict[str, str], phrases: Phrases) -> Iterator[str]:
    yield f"{number}. {item['label']}"
    for line in (item["value"] or phrases.by_hand).split("\n"):
        yield f"    {line}"
    if item["help"]:
        yield f"  > {item['help']}"

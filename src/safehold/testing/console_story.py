"""What happened in a filled house over five weeks, until now."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from safehold.cases.review.model import Annotation, Classification, ClearReason, ProposalKind
from safehold.ids import CaseId
from safehold.intake.model import Answer
from safehold.testing import console_pictures as drawn
from safehold.testing.console_crew import Crew, Story
from safehold.testing.console_door import SHOP, Door, Upload

DAYS = 35
"""Over so many days the house has worked."""

HOUR = 1 / 24
CLASSES = tuple(Classification)
CHANGES = tuple(drawn.CHANGES)
Do = Callable[[CaseId], object]


class _Teller:
    """Puts happenings into a story."""

    def __init__(self, story: Story, door: Door, crew: Crew) -> None:
        self._story = story
        self.door = door
        self.crew = crew

    def comes(
        self, days_ago: float, upload: Upload, *then: tuple[float, Do], again: int = 0
    ) -> Upload:
        """A file is uploaded, and some hours later each time something is done with its case.

        With `again` somebody else uploads the same bytes so often within the next day.
        """
        self._story.uploads.append(upload)
        self._story.at(days_ago, functools.partial(self.door.upload, upload))
        for number in range(again):
            other = replace(upload, uploader=f"{upload.uploader}-friend-{number}")
            later = max(days_ago - 0.2 * (number + 1), days_ago / 2)
            self._story.at(later, functools.partial(self.door.upload, other))
        for hours, do in then:
            moment = max(days_ago - hours * HOUR, 0.0)
            self._story.at(moment, functools.partial(self._with_case, upload, do))
        return upload

    def at(self, days_ago: float, do: Callable[[], object]) -> None:
        self._story.at(days_ago, do)

    def _with_case(self, upload: Upload, do: Do) -> None:
        do(self.door.case(upload))


def tell(story: Story, door: Door, crew: Crew) -> None:
    """All that happens."""
    teller = _Teller(story, door, crew)
    _weeks_that_are_over(teller)
    _waiting_matches(teller)
    _groups(teller)
    _faults(teller)
    _statements(teller)
    _work_under_way(teller)
    story.at(1.0, lambda: door.add_entries(drawn.PARTNER, [16]))


def _weeks_that_are_over(teller: _Teller) -> None:
    """What was decided: exact matches without a look, likenesses with one."""
    crew = teller.crew
    for number in range(8):
        teller.comes(
            DAYS - 1 - 4 * number,
            Upload(drawn.original(number), f"uploader-{number % 5}"),
            (2 + 5 * number % 20, _confirm(crew, "robin" if number % 3 else "ada", number)),
            again=number % 3,
        )
    for number in range(10):
        upload = Upload(
            drawn.edited(number, CHANGES[number % 7]),
            f"uploader-{number % 4}",
            surface=("public", "private_message")[number % 2],
        )
        done = _confirm(crew, "robin", number) if number % 5 else _clear(crew, "robin", "ada")
        teller.comes(DAYS - 2 - 3.1 * number, upload, (1 + 7 * number % 30, done))
    for number in range(20, 28):
        who, other = ("ada", "robin") if number % 2 else ("robin", "ada")
        done = _clear(crew, who, other) if number % 5 < 3 else _confirm(crew, who, number)
        upload = Upload(
            drawn.edited(number, CHANGES[number % 6]), f"seller-{number % 3}", SHOP, "storage"
        )
        teller.comes(DAYS - 5 - 3.3 * (number - 20), upload, (3 + 2 * (number - 20), done))
    for number in (60, 61):
        upload = Upload(drawn.original(number), "uploader-7")
        reason = ClearReason.NOT_LISTED_CONTENT
        teller.comes(20 - number % 60, upload, (9, _clear(crew, "robin", "ada", reason)))


def _waiting_matches(teller: _Teller) -> None:
    """What waits for a decision, of several tiers."""
    for number in range(8, 13):
        service = SHOP if number % 2 else "forum"
        upload = Upload(drawn.original(number), f"uploader-{number % 5}", service)
        teller.comes(0.3 + 0.4 * (number - 8), upload, again=number % 3)
    for number in range(10, 16):
        upload = Upload(drawn.edited(number, CHANGES[number % 7], 70), f"uploader-{number % 4}")
        teller.comes(0.2 + 0.5 * (number - 10), upload)
    for number in range(26, 30):
        upload = Upload(drawn.edited(number, "smaller"), f"seller-{number}", SHOP, "storage")
        teller.comes(1.0 + 0.7 * (number - 26), upload)
    for number in (40, 41):
        teller.comes(0.6, Upload(drawn.original(number), "uploader-2"))
    for number in (62, 63, 64):
        teller.comes(0.1 * (number - 60), Upload(drawn.original(number), "uploader-9"))
    teller.comes(0.15, Upload(drawn.animated(9), "uploader-3"))
    teller.comes(0.9, Upload(drawn.animated(24), "seller-1", SHOP))


def _groups(teller: _Teller) -> None:
    """Near-duplicates: one drawing in several edits, from several people."""
    for base, number, changes in (
        (0.4, 5, ("smaller", "captioned", "watermarked", "brighter", "noisy")),
        (1.4, 22, ("captioned", "noisy", "watermarked", "as it was")),
    ):
        for place, change in enumerate(changes):
            upload = Upload(drawn.edited(number, change, 62), f"group-{number}-{place}")
            teller.comes(base + 0.05 * place, upload)


def _faults(teller: _Teller) -> None:
    for number in range(drawn.UNLISTED, drawn.UNLISTED + 5):
        upload = Upload(drawn.cut_short(number), f"uploader-{number % 3}")
        teller.comes(0.5 + (number - drawn.UNLISTED), upload)


def _statements(teller: _Teller) -> None:
    """Flags of users, and appeals."""
    door = teller.door
    for number in range(drawn.UNLISTED + 10, drawn.UNLISTED + 14):
        upload = Upload(drawn.edited(number, "as it was"), f"uploader-{number % 6}")
        days = 0.4 + 0.6 * (number % 4)
        teller.comes(days, upload)
        teller.at(days - 0.1, _flag(door, upload, f"reporter-{number}"))
        # The service sends the bytes that are asked for, but for the last one.
        if number % 4:
            teller.at(days - 0.2, functools.partial(door.upload, upload))
    for number, who in ((13, "robin"), (14, "ada")):
        upload = Upload(drawn.edited(number, "mirrored", 66), f"appellant-{number}")
        teller.comes(6.0, upload, (5, _confirm(teller.crew, who, number)))
        teller.at(0.7, _appeal(door, upload))


def _work_under_way(teller: _Teller) -> None:
    """Escalated, more asked for, noted, held, proposed, taken."""
    crew = teller.crew
    reviews, robin, noor = crew.house.reviews, crew.user("robin"), crew.user("noor")

    def escalate(case_id: CaseId) -> None:
        crew.take(case_id, "robin")
        crew.look(case_id, "robin", 5)
        reviews.escalate(case_id, robin, "I am not sure whether this is the drawing of the entry.")

    def need_more(case_id: CaseId) -> None:
        crew.take(case_id, "robin")
        reviews.need_more(case_id, robin, "Which picture was this posted beside?")

    def propose_clear(case_id: CaseId) -> None:
        crew.take(case_id, "robin")
        crew.look(case_id, "robin", 7)
        crew.propose_clear(case_id, "robin", ClearReason.NOT_LISTED_CONTENT)

    def held(case_id: CaseId) -> None:
        reviews.set_hold(noor, "letter-2026-17", case_id=case_id)
        reviews.note(case_id, robin, "The authority has asked to keep this one.")

    def propose_export(case_id: CaseId) -> None:
        crew.confirm(case_id, "robin", Classification.B2)
        words = "Asked for in the letter of this morning."
        details = {"recipient": "officer"}
        reviews.propose(case_id, noor, ProposalKind.EXPORT, details, words)

    for number, change, do in (
        (1, "framed", escalate),
        (2, "noisy", need_more),
        (3, "watermarked", held),
        (4, "smaller", propose_export),
    ):
        upload = Upload(drawn.edited(number, change, 58), f"uploader-{number}")
        teller.comes(0.8 + 0.1 * number, upload, (4, do))
    teller.comes(0.5, Upload(drawn.original(15), "uploader-1"), (3, propose_clear))


def _confirm(crew: Crew, who: str, number: int) -> Do:
    annotations = frozenset({Annotation.VIRAL}) if number % 4 == 1 else frozenset[Annotation]()
    chosen = CLASSES[number % len(CLASSES)]
    return lambda case_id: crew.confirm(case_id, who, chosen, annotations)


def _clear(
    crew: Crew, who: str, second: str, reason: ClearReason = ClearReason.LEGAL_CONTENT
) -> Do:
    return lambda case_id: crew.clear(case_id, who, second, reason)


def _flag(door: Door, upload: Upload, reporter: str) -> Callable[[], Answer]:
    return lambda: door.flag(upload, door.receipt(upload), reporter, "Please look at this one.")


def _appeal(door: Door, upload: Upload) -> Callable[[], Answer]:
    return lambda: door.appeal(
        upload, door.receipt(upload), "I have drawn this landscape myself, last summer."
    )

"""Looking back, behind a whole server: what was allowed is held when a list has grown."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from safehold.cases.model import Case, OccurrenceKind
from safehold.cases.receipt import ReceiptSealer
from safehold.clock import SystemClock
from safehold.config import Settings
from safehold.hashing.exact import exact_digests
from safehold.hashing.model import SignalType
from safehold.hashing.pdq import pdq
from safehold.ids import EntryId, ListName
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft, EntryState, Tier
from safehold.outbound.model import OutboundOptions
from safehold.outbox.delivery import Deliverer, DeliverySettings
from safehold.policy.surfaces import SurfaceOptions
from safehold.retro.model import Mark, RetroOptions
from safehold.runtime.service import ServiceRuntime
from safehold.storage.kept_store import SqlKept
from safehold.testing.edits import encode, gamma
from safehold.testing.pictures import draw_any
from safehold.work.jobs.retro import LookBack
from safehold.work.looking_back import SurfaceRulings, make_retro, make_tidier
from safehold.work.ports import Outcome
from safehold.work.schedule import Timing
from tests.conftest import KERNEL_CACHE
from tests.server.site import Answer, Site, opened, running
from tests.service.receiver import receiving

NAME = ListName("growing")
SURFACES = {
    "kept": SurfaceOptions(keep_digests_days=30),
    "elsewhere": SurfaceOptions(keep_digests_days=30, lists=("partnerlist",)),
    "forgetful": SurfaceOptions(),
}


def picture(seed: int) -> Image.Image:
    return draw_any(seed, (320, 240))


def content(seed: int) -> bytes:
    return encode(picture(seed), "PNG")


def exact(seed: int) -> EntryDraft:
    found = exact_digests(content(seed))
    return EntryDraft(EntryId(f"x{seed}"), None, None, md5=found.md5, sha1=found.sha1)


def like(seed: int, name: str = "") -> EntryDraft:
    """The hash of a picture that looks like it, mirrored."""
    found = pdq(np.asarray(ImageOps.mirror(gamma(picture(seed), 1.1))))
    entry_id = EntryId(name or f"p{seed}")
    return EntryDraft(entry_id, None, None, pdq=found.bits, pdq_quality=found.quality)


class House:
    """A server, and its list that grows."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.runtime = site.runtime

    def keyed(self, draft: EntryDraft) -> EntryDraft:
        key, md5, sha1 = self.runtime.digest_key, draft.md5, draft.sha1
        return draft._replace(
            md5=None if md5 is None else key.keyed(SignalType.MD5, md5),
            sha1=None if sha1 is None else key.keyed(SignalType.SHA1, sha1),
        )

    def put(self, *drafts: EntryDraft, tier: Tier = Tier.SUSPECTED) -> None:
        with self.runtime.list_store.importing(NAME) as session:
            session.stage([self.keyed(draft) for draft in drafts])
            session.apply(ImportPlan(self.runtime.clock.now(), tier))

    def screen(self, seed: int, surface: str = "kept", **headers: str) -> Answer:
        return self.site.screen(content(seed), Safehold_Surface=surface, **headers)

    def look(self, options: RetroOptions | None = None) -> Outcome:
        keeper = self.site.runtime.keeper
        while keeper.waiting:
            assert keeper.flush()
        rulings = SurfaceRulings(self.runtime)
        job = LookBack(
            make_retro(self.runtime, rulings), make_tidier(self.runtime, rulings), Timing(60.0)
        )
        return job.run(lambda: False)

    def case(self, answer: Answer) -> Case | None:
        receipts = ReceiptSealer(self.runtime.digest_key)
        with self.runtime.records.read() as transaction:
            service = next(
                s.service_id for s in self.runtime.accounts.services() if s.name == "shop"
            )
            opened = receipts.open(service, answer.json["receipt"])
            return transaction.cases.find_content(service, opened.content)

    def now(self, answer: Answer) -> str:
        found = self.site.call("GET", f"/v1/receipts/{answer.json['receipt']}")
        return str(found.json["verdict"])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    loopback = OutboundOptions(allow_private=True, allow_http=True)
    folder = tmp_path_factory.mktemp("looking-back")
    with opened(folder, surfaces=SURFACES, outbound=loopback) as made, running(made):
        yield House(made)


def test_what_was_allowed_is_held_and_told(house: House) -> None:
    same, edit, clean = (house.screen(s, Safehold_Reference=f"photo-{s}") for s in (600, 601, 602))
    unkept = house.screen(603, "forgetful")
    uncounted = house.screen(604, "elsewhere")
    assert [a.status for a in (same, edit, clean, unkept, uncounted)] == [200] * 5
    assert house.look().counts["held"] == 0
    house.put(*(exact(s) for s in (600, 603, 604)), like(601), like(690))
    with receiving() as receiver:
        service = next(s for s in house.runtime.accounts.services() if s.name == "shop")
        hook, _ = house.runtime.webhooks.add(service.service_id, receiver.url)
        outcome = house.look()
        assert (outcome.code, outcome.counts["held"]) == ("ok", 2)
        settings = DeliverySettings(outbound=house.runtime.settings.outbound)
        Deliverer(
            house.runtime.records,
            SystemClock(),
            house.runtime.ids,
            house.runtime.secret_sealer,
            settings,
        ).run_once()
        told = {body["reference"]: body for body in (json.loads(b) for _, b in receiver.came)}
        house.runtime.webhooks.remove(service.service_id, hook.webhook_id)
    assert {r: (b["type"], b["verdict"]) for r, b in told.items()} == {
        "photo-600": ("retro.matched", "hold"),
        "photo-601": ("retro.matched", "hold"),
    }
    assert told["photo-600"]["receipt"] == same.json["receipt"]
    assert [house.now(a) for a in (same, edit, clean, unkept, uncounted)] == [
        "hold",
        "hold",
        "allow",
        "allow",
        "allow",
    ]
    for answer in (same, edit):
        case = house.case(answer)
        assert case is not None
        with house.runtime.records.read() as transaction:
            [occurrence] = transaction.cases.occurrences(case.case_id)
            assert occurrence.kind is OccurrenceKind.RETRO
            assert not transaction.cases.evidence(case.case_id)
    assert house.case(clean) is None
    # Nothing is left to look for; nothing is told twice.
    again = house.look()
    assert (again.code, again.counts.get("items", 0)) == ("ok", 0)
    # The same bytes, when they come again, bring what was missing.
    assert house.screen(600).status == 423
    case = house.case(same)
    assert case is not None
    with house.runtime.records.read() as transaction:
        assert len(transaction.cases.evidence(case.case_id)) == 1


def test_only_what_came_since_is_looked_for(house: House) -> None:
    first = house.screen(610)
    house.put(like(699))
    house.look()
    second = house.screen(611)
    house.put(like(610), EntryDraft(EntryId("p699"), None, EntryState.WITHDRAWN))
    counts = house.look().counts
    assert (counts["held"], counts["candidates"]) == (1, 1)
    assert (house.now(first), house.now(second)) == ("hold", "allow")
    # What is put aside, or only observed, holds nothing.
    house.put(like(611, "aside")._replace(state=EntryState.QUARANTINED))
    assert house.look().counts.get("held", 0) == 0
    assert house.now(second) == "allow"


class Killed(Exception):  # noqa: N818 - a process that ends here
    pass


def test_a_look_that_is_killed_before_its_mark_records_an_item_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = house.screen(620)
    house.look()
    house.put(like(620))

    def killed(self: SqlKept, mark: Mark) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(SqlKept, "save", killed)
        with pytest.raises(Killed):
            house.look()
    assert house.now(answer) == "hold"
    assert house.look().code == "ok"
    case = house.case(answer)
    assert case is not None
    with house.runtime.records.read() as transaction:
        assert len(transaction.cases.occurrences(case.case_id)) == 1
    assert house.look().counts.get("items", 0) == 0


def test_many_chunks_are_packed_and_found_all_the_same(house: House) -> None:
    answers = []
    for seed in range(630, 642):
        answers.append(house.screen(seed))
        assert house.runtime.keeper.flush()
    assert house.look().counts["packed"] >= 8
    with house.runtime.records.read() as transaction:
        heads = transaction.kept.heads()
    assert max(head.items for head in heads) >= 12
    house.put(*(like(seed) for seed in (630, 641)))
    assert house.look().counts["held"] == 2
    assert [house.now(answers[n]) for n in (0, 5, 11)] == ["hold", "allow", "hold"]


def test_nothing_is_kept_in_plain_nor_longer_than_it_may_be(house: House, tmp_path: Path) -> None:
    seed = 650
    house.screen(seed, Safehold_Reference="a-name-of-its-own")
    house.look()
    found = exact_digests(content(seed))
    hashed = pdq(np.asarray(picture(seed))).bits
    database = house.runtime.settings.home / "safehold.sqlite"
    files = [p for p in house.runtime.settings.home.iterdir() if p.name.startswith(database.stem)]
    assert files
    stored = b"".join(path.read_bytes() for path in files)
    for secret in (found.md5, found.sha1, found.sha256, hashed, b"a-name-of-its-own"):
        assert secret not in stored
        assert secret.hex().encode() not in stored
    with house.runtime.records.write() as transaction:
        heads = transaction.kept.heads()
        assert all(
            head.expires <= house.runtime.clock.now() + dt.timedelta(days=30) for head in heads
        )
    # A surface that keeps nothing any more: what was kept is forgotten at once.
    settings = Settings(
        home=house.runtime.settings.home,
        kernel_cache=KERNEL_CACHE,
        surfaces={"kept": SurfaceOptions()},
    )
    with ServiceRuntime(settings) as later:
        tidier = make_tidier(later, SurfaceRulings(later))
        assert tidier.forget() >= 1
        with later.records.read() as transaction:
            assert transaction.kept.heads() == []

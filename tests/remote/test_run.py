"""Remote matchers, asked over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from safehold.hashing.model import UNKNOWN_DISTANCE, Orientation, SignalType, VariantDigests
from safehold.lists.exchanges.model import Credentials
from safehold.outbound.client import Outbound
from safehold.outbound.model import OutboundOptions
from safehold.remote.model import (
    Answered,
    MatcherOptions,
    MatcherOptionsError,
    RemoteCode,
    RemoteItem,
    RemoteMatcher,
)
from safehold.remote.run import Bucket, Matchers
from safehold.testing.exchanges.door import Fault
from safehold.testing.remote import arachnid, hma, photodna
from safehold.testing.remote.arachnid import ArachnidDoor
from safehold.testing.remote.hma import HmaDoor
from safehold.testing.remote.photodna import PhotoDnaDoor

FLOOR = 50
LOOPBACK = OutboundOptions(allow_private=True, allow_http=True)
PICTURE = b"bytes of a picture"


def hashes(seed: int) -> tuple[bytes, ...]:
    """Eight hashes far from one another."""
    numbers = random.Random(seed)
    return tuple(numbers.randbytes(32) for _ in Orientation)


def flipped(pdq: bytes, bits: int) -> bytes:
    """A hash so many bits away."""
    return (int.from_bytes(pdq, "big") ^ ((1 << bits) - 1)).to_bytes(32, "big")


AS_STORED = VariantDigests("as_stored", 90, hashes(1))
TRIMMED = VariantDigests("trimmed", 90, hashes(2))
PLAIN = VariantDigests("as_stored", FLOOR - 1, hashes(3))


def item(
    *variants: VariantDigests, data: bytes | None = PICTURE, media_type: str = "image/jpeg"
) -> RemoteItem:
    """An item, that has no bytes where `data` is None."""

    async def read() -> bytes:
        assert data is not None
        return data

    known = variants or (AS_STORED, TRIMMED)
    size, reading = (0, None) if data is None else (len(data), read)
    return RemoteItem(known, media_type.startswith("image/"), media_type, size, reading)


def ask(
    matcher: RemoteMatcher, *items: RemoteItem, now: Callable[[], float] = lambda: 0.0
) -> list[Answered]:
    """What one matcher says of items, one after another."""

    async def main() -> list[Answered]:
        async with Outbound(LOOPBACK, tls=False) as way_out:
            matchers = Matchers([matcher], way_out, FLOOR, now)
            return [(await matchers.ask(one, [matcher.name]))[0] for one in items]

    return asyncio.run(main())


def by_arachnid(door: ArachnidDoor, **changed: object) -> RemoteMatcher:
    options = MatcherOptions(kind="arachnid", url=door.url, **changed)  # type: ignore[arg-type]
    return RemoteMatcher("shield", options, arachnid.CREDENTIALS)


def by_photodna(door: PhotoDnaDoor, **changed: object) -> RemoteMatcher:
    url = door.url + photodna.PATH
    options = MatcherOptions(kind="photodna", url=url, send="picture", **changed)  # type: ignore[arg-type]
    return RemoteMatcher("cloud", options, photodna.CREDENTIALS)


def by_hma(door: HmaDoor, **changed: object) -> RemoteMatcher:
    options = MatcherOptions(kind="hma", url=door.url, **changed)  # type: ignore[arg-type]
    return RemoteMatcher("peer", options, hma.CREDENTIALS)


@pytest.fixture
def shield() -> Iterator[ArachnidDoor]:
    with ArachnidDoor() as door:
        yield door


@pytest.fixture
def cloud() -> Iterator[PhotoDnaDoor]:
    with PhotoDnaDoor() as door:
        yield door


@pytest.fixture
def peer() -> Iterator[HmaDoor]:
    with HmaDoor() as door:
        yield door


def test_arachnid_is_asked_all_hashes_at_once_and_sent_no_byte_of_the_picture(
    shield: ArachnidDoor,
) -> None:
    turned = 3
    shield.hashes[flipped(TRIMMED.pdq[turned], 6)] = "csam"
    [said] = ask(by_arachnid(shield, tier="confirmed"), item(AS_STORED, TRIMMED, PLAIN))
    [match] = said.matches
    assert said.code is RemoteCode.ANSWERED and not said.is_missing
    assert (match.list_name, match.tier, match.classification) == (
        "remote.shield",
        "confirmed",
        "csam",
    )
    assert match.signal is SignalType.PDQ and match.distance == UNKNOWN_DISTANCE
    assert (match.variant, match.orientation) == ("trimmed", list(Orientation)[turned])
    # The digest that the answer names belongs to a list: nothing of it is kept.
    known = hashlib.sha256(flipped(TRIMMED.pdq[turned], 6)).hexdigest()
    assert match.entry_id and match.entry_id not in known and known[:12] not in match.entry_id
    [call] = shield.calls
    assert call.path == "/v1/pdq" and PICTURE not in call.body
    assert json.loads(call.body).keys() == {"hashes"}
    assert len(json.loads(call.body)["hashes"]) == 16  # none of the plain variant


def test_many_frames_take_several_calls_and_an_entry_is_told_once(shield: ArachnidDoor) -> None:
    frames = [VariantDigests(f"frame_{n}", 90, hashes(100 + n)) for n in range(40)]
    shield.hashes[frames[39].pdq[0]] = "harmful-abusive-material"
    [said] = ask(by_arachnid(shield), item(*frames))
    assert [len(json.loads(call.body)["hashes"]) for call in shield.calls] == [256, 64]
    assert [match.variant for match in said.matches] == ["frame_39"]
    # The same entry through two variants is one match, of the first.
    shield.hashes = {AS_STORED.pdq[0]: "csam"}
    twin = VariantDigests("trimmed", 90, (flipped(AS_STORED.pdq[0], 2), *hashes(5)[1:]))
    [said] = ask(by_arachnid(shield), item(AS_STORED, twin))
    assert [match.variant for match in said.matches] == ["as_stored"]


def test_arachnid_may_be_sent_the_picture(shield: ArachnidDoor) -> None:
    matcher = by_arachnid(shield, send="picture", tier="confirmed")
    sha1 = hashlib.sha1(PICTURE, usedforsecurity=False).digest()
    shield.pictures[sha1] = "csam"
    [said] = ask(matcher, item())
    [match] = said.matches
    assert (match.signal, match.distance, match.known_by) == (
        SignalType.SHA1,
        0,
        frozenset({SignalType.SHA1}),
    )
    assert (shield.calls[0].path, shield.calls[0].body) == ("/v1/media", PICTURE)
    shield.near_pictures, shield.pictures = shield.pictures, {}
    [said] = ask(matcher, item())
    assert said.matches[0].signal == "photodna" and said.matches[0].known_by == frozenset()
    [said] = ask(matcher, item(data=b"another"))
    assert said.code is RemoteCode.ANSWERED and said.matches == ()


def arachnid_says(**said: object) -> bytes:
    """An answer to one plain picture."""
    return json.dumps({"classification": "csam", "match_type": "near", **said}).encode()


def test_every_near_match_that_arachnid_names_is_one(shield: ArachnidDoor) -> None:
    """Or clearing the one would hide the other."""
    named = [{"sha256_hex": f"{n:064x}"} for n in (1, 2, 1)]
    for order in (named, named[::-1][1:]):
        shield.faults.append(Fault(body=arachnid_says(near_match_details=order)))
    first, other = ask(by_arachnid(shield, send="picture"), item(), item())
    assert len(first.matches) == 2
    assert {m.entry_id for m in first.matches} == {m.entry_id for m in other.matches}


def test_photodna(cloud: PhotoDnaDoor) -> None:
    cloud.known[hashlib.sha256(PICTURE).digest()] = ["A1", "B 2"]
    matcher = by_photodna(cloud)
    found, other = ask(matcher, item(), item(data=b"another"))
    [match] = found.matches
    assert (match.entry_id, match.classification) == ("Test:117721", "A1-B_2")
    assert match.signal == "photodna" and match.distance == UNKNOWN_DISTANCE
    assert match.orientation is None and match.tier == "suspected"
    assert other.code is RemoteCode.ANSWERED and other.matches == ()
    assert cloud.calls[0].headers["content-type"] == "image/jpeg"
    cloud.status = 3206  # a word of its own that it did not look
    [refused] = ask(matcher, item())
    assert refused.code is RemoteCode.REFUSED and refused.is_missing


def test_hma_is_asked_variants_as_they_are_and_only_its_named_banks(peer: HmaDoor) -> None:
    near = flipped(AS_STORED.pdq[0], 8)
    peer.banks = {"one": {7: near}, "two": {9: near}, "three": {5: TRIMMED.pdq[2]}}
    [said] = ask(by_hma(peer, banks=("one", "three")), item())
    [match] = said.matches
    assert (match.entry_id, match.classification, match.distance) == ("one:7", "one", 8)
    assert (match.variant, match.orientation) == ("as_stored", Orientation.ORIGINAL)
    assert [call.query["signal"] for call in peer.calls] == [
        AS_STORED.pdq[0].hex(),
        TRIMMED.pdq[0].hex(),
    ]
    assert all(not call.body for call in peer.calls)
    peer.old = True
    [said] = ask(by_hma(peer, banks=("two",)), item())
    assert [(m.entry_id, m.distance) for m in said.matches] == [("two", UNKNOWN_DISTANCE)]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(status=401), RemoteCode.REFUSED),
        (Fault(status=400), RemoteCode.REFUSED),
        (Fault(status=413), RemoteCode.TOO_LARGE),
        (Fault(status=415), RemoteCode.UNSUPPORTED_TYPE),
        (Fault(status=429, headers={"retry-after": "9"}), RemoteCode.OVER_BUDGET),
        (Fault(status=503), RemoteCode.UNAVAILABLE),
        (Fault(status=302, headers={"location": "/x"}), RemoteCode.UNAVAILABLE),
        (Fault(cut=1), RemoteCode.UNAVAILABLE),
        (Fault(chop=1), RemoteCode.BAD_ANSWER),
        (Fault(body=b"[1"), RemoteCode.BAD_ANSWER),
        (Fault(body=b"[" * 100_000), RemoteCode.BAD_ANSWER),
        (Fault(body=b" " * 5_000_000), RemoteCode.BAD_ANSWER),
        (Fault(body=b"null"), RemoteCode.BAD_ANSWER),
        (Fault(body=b'{"x": NaN}'), RemoteCode.BAD_ANSWER),
    ],
)
def test_whatever_is_no_answer_is_a_code_and_never_nothing_found(
    shield: ArachnidDoor, cloud: PhotoDnaDoor, peer: HmaDoor, fault: Fault, code: RemoteCode
) -> None:
    for door, matcher in (
        (shield, by_arachnid(shield)),
        (cloud, by_photodna(cloud)),
        (peer, by_hma(peer)),
    ):
        door.faults.append(fault)
        spoilt, good = ask(matcher, item(), item())
        assert (spoilt.code, spoilt.matches, spoilt.is_missing) == (code, (), True)
        assert good.code is RemoteCode.ANSWERED  # and it goes on


@pytest.mark.parametrize(
    "body",
    [
        arachnid_says(classification="something-new"),
        arachnid_says(classification=["csam"]),
        arachnid_says(match_type="likely"),
        arachnid_says(match_type=None),
        b'{"classification": "csam", "match_type": "near", "sha256_hex": "\\ud800"}',
        b'{"classification": NaN, "match_type": "near"}',
        b"{}",
        b"[]",
    ],
)
def test_words_that_arachnid_does_not_have_are_no_answer(shield: ArachnidDoor, body: bytes) -> None:
    shield.faults.append(Fault(body=body))
    [said] = ask(by_arachnid(shield, send="picture"), item())
    assert said.code is RemoteCode.BAD_ANSWER
    # Nor is an answer that leaves out what was asked.
    shield.faults.append(Fault(body=b'{"scanned_hashes": {}}'))
    [said] = ask(by_arachnid(shield), item())
    assert said.code is RemoteCode.BAD_ANSWER


@pytest.mark.parametrize(
    "body",
    [
        b'{"Status": {"Code": 3000}}',
        b'{"Status": {"Code": 3000}, "IsMatch": "true"}',
        b'{"Status": {"Code": true}, "IsMatch": false}',
        b'{"Status": {"Code": 3e3}, "IsMatch": false}',
        b'{"Status": {"Code": 3000}, "IsMatch": true, "MatchDetails": {"MatchFlags": 1}}',
        b'{"IsMatch": false}',
    ],
)
def test_what_photodna_does_not_say_is_no_answer(cloud: PhotoDnaDoor, body: bytes) -> None:
    cloud.faults.append(Fault(body=body))
    assert ask(by_photodna(cloud), item())[0].code is RemoteCode.BAD_ANSWER


def test_a_photodna_match_without_details_is_a_match(cloud: PhotoDnaDoor) -> None:
    for flags in (None, [], [None], [{"Violations": 5, "AdvancedInfo": [7]}]):
        said = {"Status": {"Code": 3000}, "IsMatch": True, "MatchDetails": {"MatchFlags": flags}}
        cloud.faults.append(Fault(body=json.dumps(said).encode()))
        [answer] = ask(by_photodna(cloud), item())
        assert [match.entry_id for match in answer.matches] == ["match"], flags


@pytest.mark.parametrize(
    "distance", [b"-1", b"257", b"true", b"1.5", b'"x"', b'"9999"', b"[]", b"NaN"]
)
def test_distances_that_are_none(peer: HmaDoor, distance: bytes) -> None:
    body = b'{"one": [{"bank_content_id": 1, "distance": ' + distance + b"}]}"
    peer.faults.append(Fault(body=body))
    assert ask(by_hma(peer), item())[0].code is RemoteCode.BAD_ANSWER


def test_words_of_a_service_are_bounded(peer: HmaDoor) -> None:
    name = "<b>\n" + "x" * 500
    peer.banks = {name: {10**40: AS_STORED.pdq[0]}}
    [match] = ask(by_hma(peer), item())[0].matches
    assert len(match.entry_id) < 100 and len(match.classification) <= 64
    assert "<" not in match.entry_id and "\n" not in match.classification


def test_waiting_for_a_place_counts_and_a_slow_matcher_times_out(shield: ArachnidDoor) -> None:
    shield.go.clear()
    matcher = by_arachnid(shield, max_concurrent=1, timeout_seconds=0.4)

    async def main() -> list[tuple[Answered, ...]]:
        async with Outbound(LOOPBACK, tls=False) as way_out:
            matchers = Matchers([matcher], way_out, FLOOR)
            return await asyncio.gather(*(matchers.ask(item(), ["shield"]) for _ in range(3)))

    try:
        answers = asyncio.run(main())
    finally:
        shield.go.set()
    assert [said.code for [said] in answers] == [RemoteCode.TIMEOUT] * 3
    assert all(said.is_missing for [said] in answers)


@pytest.mark.parametrize(("per_minute", "most"), [(0, 2), (1, 1)])
def test_no_more_items_are_read_than_there_are_places_and_budget(
    shield: ArachnidDoor, per_minute: int, most: int
) -> None:
    shield.go.clear()
    matcher = by_arachnid(shield, send="picture", max_concurrent=2, per_minute=per_minute)
    reads = 0

    async def read() -> bytes:
        nonlocal reads
        reads += 1
        return PICTURE

    async def main() -> list[RemoteCode]:
        async with Outbound(LOOPBACK, tls=False) as way_out:
            matchers = Matchers([matcher], way_out, FLOOR, lambda: 0.0)
            some = [replace(item(), read=read) for _ in range(9)]
            asked = [asyncio.create_task(matchers.ask(one, ["shield"])) for one in some]
            while reads < most:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)  # others would read now
            before = reads
            shield.go.set()
            codes = [(await one)[0].code for one in asked]
            assert before == most
            return codes

    expected = [RemoteCode.ANSWERED] * 9
    if per_minute:
        expected[1:] = [RemoteCode.OVER_BUDGET] * 8
    assert asyncio.run(main()) == expected


def test_a_budget_refuses_and_comes_back_with_time(shield: ArachnidDoor) -> None:
    clock = 100.0
    matcher = by_arachnid(shield, per_minute=2)

    async def main() -> list[RemoteCode]:
        nonlocal clock
        codes: list[RemoteCode] = []
        async with Outbound(LOOPBACK, tls=False) as way_out:
            matchers = Matchers([matcher], way_out, FLOOR, lambda: clock)
            for wait in (0.0, 0.0, 0.0, 29.0, 2.0, 0.0, 600.0, 0.0, 0.0):
                clock += wait
                codes.append((await matchers.ask(item(), ["shield"]))[0].code)
        return codes

    yes, no = RemoteCode.ANSWERED, RemoteCode.OVER_BUDGET
    assert asyncio.run(main()) == [yes, yes, no, no, yes, no, yes, yes, no]
    assert len(shield.calls) == 5


def test_no_bound_is_no_bound() -> None:
    bucket = Bucket(0, lambda: 0.0)
    assert all(bucket.take() for _ in range(1000))


def test_what_is_not_sent(shield: ArachnidDoor, cloud: PhotoDnaDoor) -> None:
    digests, picture = by_arachnid(shield), by_photodna(cloud, max_bytes=10)
    text = item(data=b"words", media_type="application/octet-stream")
    plain, heavy = item(PLAIN), item(data=b"x" * 11)
    said = {
        "plain": ask(digests, plain)[0],
        "text": ask(picture, text)[0],
        "heavy": ask(picture, heavy)[0],
        "webp": ask(picture, item(media_type="image/webp"))[0],
        "digests": ask(picture, item(data=None))[0],
    }
    assert {name: (one.code.value, one.is_missing) for name, one in said.items()} == {
        "plain": ("nothing_to_ask", False),
        "text": ("nothing_to_ask", False),
        "heavy": ("too_large", True),
        "webp": ("unsupported_type", True),
        "digests": ("no_bytes", True),
    }
    assert not shield.calls and not cloud.calls
    # Digests are asked about where they alone are known.
    assert ask(digests, item(AS_STORED, data=None))[0].code is RemoteCode.ANSWERED


def test_a_matcher_that_is_not_required_is_missed_by_nobody(shield: ArachnidDoor) -> None:
    shield.faults.append(Fault(status=503))
    [said] = ask(by_arachnid(shield, required=False), item())
    assert said.code is RemoteCode.UNAVAILABLE and not said.is_missing


def test_a_name_without_settings_counts_as_required(shield: ArachnidDoor) -> None:
    async def main() -> tuple[Answered, ...]:
        async with Outbound(LOOPBACK, tls=False) as way_out:
            matchers = Matchers([by_arachnid(shield)], way_out, FLOOR)
            return await matchers.ask(item(), ["shield", "nobody"])

    nobody, known = asyncio.run(main())
    assert (nobody.name, nobody.code, nobody.is_missing) == (
        "nobody",
        RemoteCode.NOT_CONFIGURED,
        True,
    )
    assert known.code is RemoteCode.ANSWERED


def test_addresses_that_may_not_be_called_are_not(shield: ArachnidDoor) -> None:
    async def main() -> Answered:
        async with Outbound(OutboundOptions(allow_http=True), tls=False) as way_out:
            [said] = await Matchers([by_arachnid(shield)], way_out, FLOOR).ask(item(), ["shield"])
            return said

    assert asyncio.run(main()).code is RemoteCode.DENIED and not shield.calls


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kind": "other"},
        {"kind": "hma"},
        {"kind": "hma", "url": "https://x", "send": "picture"},
        {"kind": "photodna"},
        {"kind": "arachnid", "tier": "negative"},
        {"kind": "arachnid", "tier": "local"},
        {"kind": "arachnid", "send": "all"},
        {"kind": "arachnid", "timeout_seconds": float("nan")},
        {"kind": "arachnid", "timeout_seconds": 0.0},
        {"kind": "arachnid", "max_concurrent": 0},
        {"kind": "arachnid", "per_minute": -1},
    ],
)
def test_settings_that_could_never_work(given: dict[str, object]) -> None:
    with pytest.raises(MatcherOptionsError):
        MatcherOptions(**given)  # type: ignore[arg-type]


def test_a_matcher_without_its_credentials_or_twice_is_refused() -> None:
    bare = RemoteMatcher("one", MatcherOptions(kind="arachnid"), Credentials(user="house"))
    whole = RemoteMatcher("one", MatcherOptions(kind="arachnid"), arachnid.CREDENTIALS)
    for matchers in ([bare], [whole, whole]):
        with pytest.raises(MatcherOptionsError):
            Matchers(matchers, Outbound(LOOPBACK, tls=False), FLOOR)


def test_nothing_secret_is_shown() -> None:
    options = MatcherOptions(kind="arachnid", url="https://secret.example")
    shown = repr(RemoteMatcher("one", options, arachnid.CREDENTIALS)) + repr(item())
    for secret in ("secret.example", "word", AS_STORED.pdq[0].hex()):
        assert secret not in shown

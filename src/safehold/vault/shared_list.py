"""A list on its way from one home to another: signed by the one, sealed to the other.

An age file (age-encryption.org/v1) to the receiving home. Within, UTF-8:

    {"format":"safehold-shared-list","version":1,"from":...,"to":...,"made":...,"serial":...,
     "entries":...,"sha256":...}                      one line
    <base64 of 64 bytes>                              the signature of the line above
    <JSON Lines>                                      the entries, as list files have them

What is signed is `safehold shared list v1`, a zero byte, and the first line. `sha256` is of the
entries' lines, so the signature covers them too; `to` is the receiving home's recipient, so that
nobody can pass a list on to a third as if it had been meant for it; `serial` rises with each list
that a home makes, so that an old one does not come back as a new one.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field

from safehold.lists.sync.model import SyncError
from safehold.vault.peers import Card, PeerKeys
from safehold.vault.sealing import DamagedError, KeyMismatchError, seal, unseal

FORMAT = "safehold-shared-list"
VERSION = 1
LARGEST_SERIAL = 1 << 53
"""Above what the number of a list can be: milliseconds since 1970."""

_SIGNED = b"safehold shared list v1\0"


class SharedListError(SyncError):
    """A shared list that is not taken."""

    code = "shared_damaged"
    default_message = "A shared list is damaged, or is none."
    default_hint = "Ask the peer for it again."


class SharedForeignError(SharedListError):
    """It is not from the peer that the settings name."""

    code = "shared_foreign"
    default_message = "A shared list is not signed by the peer that the settings name."
    default_hint = "Compare the keys with the peer, by another way than the one the list came by."


class SharedRecipientError(SharedListError):
    """It is not for this home."""

    code = "shared_recipient"
    default_message = "A shared list is sealed to another home than this one."
    default_hint = "Give the peer what 'safehold peer key' prints here, and ask for it again."


class SharedOlderError(SharedListError):
    """It is older than one that was taken before."""

    code = "shared_older"
    default_message = "A shared list is older than one that was taken before."
    default_hint = "Ask the peer for a new one. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Opened:
    """A shared list that was opened and is what it says.

    Attributes:
        serial: its number.
        rows: its entries, JSON Lines.
    """

    serial: int
    rows: bytes = field(repr=False)


def pack(rows: bytes, count: int, made: dt.datetime, keys: PeerKeys, to: Card) -> bytes:
    """Sign and seal a list.

    Args:
        rows: its entries, JSON Lines.
        count: how many there are.
        made: the present moment; its milliseconds since 1970 are the serial number.
        keys: this home's.
        to: the peer.
    """
    head = {
        "format": FORMAT,
        "version": VERSION,
        "from": base64.b64encode(keys.card.key).decode("ascii"),
        "to": to.recipient,
        "made": made.isoformat(timespec="milliseconds"),
        "serial": int(made.timestamp() * 1000),
        "entries": count,
        "sha256": hashlib.sha256(rows).hexdigest(),
    }
    line = json.dumps(head, separators=(",", ":")).encode("ascii")
    signature = base64.b64encode(keys.sign(_SIGNED + line))
    return seal([to.recipient], b"\n".join((line, signature, rows)))


def unpack(content: bytes, keys: PeerKeys, peer: Card, last: int) -> Opened:
    """Open a list and check it.

    Args:
        content: the age file.
        keys: this home's.
        peer: who must have made it.
        last: the number of the last one that was taken; 0 for none. The same is taken again.

    Raises:
        SharedRecipientError, SharedForeignError, SharedOlderError, SharedListError
    """
    try:
        plain = unseal([keys.identity], content)
    except KeyMismatchError:
        raise SharedRecipientError from None
    except DamagedError:
        raise SharedListError from None
    line, _, rest = plain.partition(b"\n")
    coded, _, rows = rest.partition(b"\n")
    try:
        signature = base64.b64decode(coded, validate=True)
    except (ValueError, binascii.Error):
        raise SharedListError from None
    if not peer.signed(_SIGNED + line, signature):
        raise SharedForeignError
    try:
        head = json.loads(line)
        form = (head["format"], head["version"])
        serial, to, digest = head["serial"], head["to"], head["sha256"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise SharedListError from None
    if type(serial) is not int or not 0 < serial < LARGEST_SERIAL:
        raise SharedListError
    if form != (FORMAT, VERSION) or digest != hashlib.sha256(rows).hexdigest():
        raise SharedListError
    if to != keys.card.recipient:
        raise SharedRecipientError
    if serial < last:
        raise SharedOlderError
    return Opened(serial, rows)

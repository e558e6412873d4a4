"""Peers: other homes with which lists are shared, and this home's own keys for that.

`peers.toml` names them, each with what `safehold peer key` prints there. Whoever can change the
file decides to whom lists go and whose lists are believed: it belongs to the operator.

This home's own two keys stand in one private file: an age identity, to which others seal, and an
Ed25519 key, by which they know who has made a list.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safehold.errors import UsageError
from safehold.vault.durable import create_file, replace_file
from safehold.vault.sealing import Identity, KeyMismatchError, RecipientError, check_recipient

MAX_PEERS = 256
MAX_FILE_BYTES = 256 * 1024
KEY_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
_PREFIX = "safehold-peer-1"


class PeersFileError(UsageError):
    """The file of peers, or this home's own keys for them, cannot be used."""

    code = "peers_file"
    default_message = "The file of peers, or this home's key for them, cannot be used."
    default_hint = "Look at peers.toml and peer.key in the data folder, and who owns them."


class UnknownPeerError(UsageError):
    """Nobody of that name is a peer."""

    code = "peer_unknown"
    default_message = "There is no peer of that name."
    default_hint = "'safehold peer list' shows them."


class PeerCardError(UsageError):
    """What was given is not what `safehold peer key` prints."""

    code = "peer_card"
    default_message = "That is not the key of a peer."
    default_hint = "It is the line that 'safehold peer key' prints there, 'safehold-peer-1:...'."


@dataclass(frozen=True, slots=True)
class Card:
    """The public halves of a home's keys for peers.

    Attributes:
        recipient: its age recipient.
        key: its Ed25519 public key (32 bytes).
    """

    recipient: str
    key: bytes

    @property
    def text(self) -> str:
        """As it is passed on: one word."""
        return f"{_PREFIX}:{self.recipient}:{base64.urlsafe_b64encode(self.key).decode('ascii')}"

    @classmethod
    def parse(cls, text: str) -> Card:
        """Read it. Raises `PeerCardError`."""
        prefix, _, rest = text.strip().partition(":")
        recipient, _, coded = rest.partition(":")
        try:
            key = base64.b64decode(coded.encode("ascii"), b"-_", validate=True)
            Ed25519PublicKey.from_public_bytes(key)
            found = cls(check_recipient(recipient), key)
        except (ValueError, RecipientError) as error:
            raise PeerCardError from error
        if prefix != _PREFIX or len(key) != KEY_BYTES:
            raise PeerCardError
        return found

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether it signed a text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PeerKeys:
    """The keys for peers that are this home's own.

    Attributes:
        identity: opens what is sealed to this home.
        seed: of its Ed25519 key (32 bytes).
    """

    identity: Identity
    seed: bytes = field(repr=False)

    @property
    def card(self) -> Card:
        """The public halves."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return Card(self.identity.recipient, key)

    def sign(self, text: bytes) -> bytes:
        """Sign a text: 64 bytes."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text)


def peer_keys(path: Path) -> PeerKeys:
    """The keys that are this home's own; made, with mode 0600, where there are none yet.

    Raises:
        PeersFileError: they cannot be read or written.
    """
    try:
        if not path.exists():
            made = Identity.generate().secret + "\n" + os.urandom(KEY_BYTES).hex() + "\n"
            with contextlib.suppress(FileExistsError):  # another process was first
                create_file(path, made.encode("ascii"))
        secret, seed = path.read_text("ascii").split()
        return PeerKeys(Identity.parse(secret), _seed(seed))
    except (OSError, ValueError, KeyMismatchError):
        # The cause is left out: its text may hold what was read.
        raise PeersFileError from None


def _seed(text: str) -> bytes:
    seed = bytes.fromhex(text)
    if len(seed) != KEY_BYTES:
        raise ValueError
    return seed


class PeersFile:
    """The peers, in a file. Each change is atomic, durable and made under a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Card]:
        """All peers by name; none where there is no file. Raises `PeersFileError`."""
        try:
            with self._path.open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
            if len(content) > MAX_FILE_BYTES:
                raise PeersFileError
            found = tomllib.loads(content.decode("utf-8"))
            peers = {name: Card.parse(str(one["key"])) for name, one in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, PeerCardError) as error:
            raise PeersFileError from error
        return peers

    def find(self, name: str) -> Card:
        """One of them. Raises `UnknownPeerError`, `PeersFileError`."""
        found = self.read().get(name)
        if found is None:
            raise UnknownPeerError
        return found

    def add(self, name: str, card: Card) -> None:
        """Add a peer.

        Raises:
            UsageError: the name is not possible or taken, or there are too many.
            PeersFileError: the file cannot be read or written.
        """
        if _NAME.fullmatch(name) is None:
            raise UsageError("A peer's name has letters, digits, '_' and '-' only.")
        with self._locked():
            present = self.read()
            if name in present:
                raise UsageError("There is a peer of that name already.")
            if len(present) >= MAX_PEERS:
                raise UsageError(f"There cannot be more than {MAX_PEERS} peers.")
            self._write({**present, name: card})

    def remove(self, name: str) -> None:
        """Remove a peer. Raises `UnknownPeerError`, `PeersFileError`."""
        with self._locked():
            present = self.read()
            if name not in present:
                raise UnknownPeerError
            self._write({other: card for other, card in present.items() if other != name})

    def _write(self, peers: dict[str, Card]) -> None:
        lines = [f'[{name}]\nkey = "{card.text}"\n' for name, card in sorted(peers.items())]
        try:
            replace_file(self._path, "\n".join(lines).encode("ascii"))
        except OSError as error:
            raise PeersFileError from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            descriptor = os.open(
                self._path.with_name(".peers.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise PeersFileError from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

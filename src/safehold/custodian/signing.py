"""The key that signs checkpoints of the audit log, and what it may sign.

    checkpoint.key.age    the Ed25519 private key (PKCS #8, PEM), encrypted to the officers
    checkpoint.pub        the public half, as a line of text (`safehold.audit.note.NoteKey`)
    checkpoint.last       JSON: for each log's id the number and hash of its last checkpoint

A log only grows. So no checkpoint is signed that is shorter than the last one of the same log,
or has another hash at the same length, or to which the log's events do not lead from there: who
can write to the database could otherwise rewrite the log, remove the checkpoints and have it
signed anew. What was signed last is on the disk before the signature is given out.

It also signs statements of the custodian's own making (evidence packages, records of
destruction). The first line of those is `safehold statement 1 KIND`, which no checkpoint has:
neither can be taken for the other.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from safehold.audit.chain import End
from safehold.audit.model import GENESIS, Checkpoint
from safehold.audit.note import NoteError, NoteKey, read_checkpoint
from safehold.custodian.interface import CheckpointRefusedError, CustodianError
from safehold.errors import UsageError
from safehold.vault.durable import create_file, replace_file
from safehold.vault.sealing import Identity, seal, unseal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_FILE = "checkpoint.key.age"
PUBLIC_FILE = "checkpoint.pub"
LAST_FILE = "checkpoint.last"
MAX_TEXT_BYTES = 1024
MAX_STATEMENT_BYTES = 64 * 1024
_MAX_FILE_BYTES = 64 * 1024
_STATEMENT = re.compile(rb"safehold statement 1 [a-z][a-z0-9-]{0,31}\n")
_NO_SIGNATURE = "\n\N{EM DASH} none AAAA\n"


class CheckpointKeyError(CustodianError):
    """The key that signs checkpoints is missing or cannot be opened."""

    code = "custodian_checkpoint_key"
    default_message = "The key that signs checkpoints cannot be opened."
    default_hint = "Restore checkpoint.key.age and checkpoint.pub, or start with another officer."


def new_checkpoint_key(folder: Path, name: str, officers: Sequence[str]) -> NoteKey:
    """Make the key that signs checkpoints, durably.

    Args:
        folder: the custodian's folder; it is there.
        name: of the key, as it stands in signed notes.
        officers: recipients to whom the private half is encrypted.

    Raises:
        UsageError: there is a key already.
        CheckpointKeyError: it cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if (folder / PUBLIC_FILE).exists():
        raise UsageError("There is a key that signs checkpoints already.")
    private = Ed25519PrivateKey.generate()
    key = NoteKey(name, private.public_key().public_bytes_raw())
    try:
        # The public half is last. A private one without it, of a run that was broken off, has
        # signed nothing.
        replace_file(folder / KEY_FILE, seal(officers, _pem(private)))
        create_file(folder / PUBLIC_FILE, f"{key}\n".encode("ascii"))
    except FileExistsError:
        raise UsageError("There is a key that signs checkpoints already.") from None
    except OSError as error:
        raise CheckpointKeyError("The key that signs checkpoints cannot be written.") from error
    return key


class StatementRefusedError(CustodianError):
    """What was to be signed is no statement."""

    code = "custodian_statement"
    default_message = "The custodian does not sign that as a statement."


class CheckpointSigner:
    """Signs checkpoints, each further on than the last.

    Args:
        folder: where the files are.
        identities: one of them opens the private half.
        leads: whether the log's events lead from one place to another (`audit.chain.leads`);
            without it only lengths are compared.

    Raises:
        CheckpointKeyError: it is missing or does not fit.
        KeyMismatchError: none of the identities opens it.
    """

    def __init__(
        self,
        folder: Path,
        identities: Sequence[Identity],
        leads: Callable[[End, End], bool] = lambda start, end: True,
    ) -> None:
        self._folder = folder
        self._leads = leads
        self._lock = threading.Lock()
        self._private = _private_key(unseal(identities, _content(folder / KEY_FILE)))
        self.key = _public_key(_content(folder / PUBLIC_FILE))
        if self._private.public_key().public_bytes_raw() != self.key.public:
            raise CheckpointKeyError("The two halves of the key that signs checkpoints differ.")

    def sign(self, text: bytes) -> bytes:
        """64 bytes of Ed25519 (RFC 8032) over a checkpoint's text. See `Custodian.sign`."""
        log, checkpoint = _parse(text)
        end = (checkpoint.seq, checkpoint.hash)
        with self._lock:
            ends = _ends(self._folder)
            last = ends.get(log, (0, GENESIS))
            further = end[0] > last[0] and self._leads(last, end)
            if not further and end != last:
                raise CheckpointRefusedError(
                    "The log is shorter than the last checkpoint says, or was altered."
                )
            ends[log] = end
            told = {name: (seq, digest.hex()) for name, (seq, digest) in ends.items()}
            try:
                replace_file(self._folder / LAST_FILE, json.dumps(told, sort_keys=True).encode())
            except OSError as error:
                raise CustodianError("The custodian's folder cannot be written.") from error
        return self._private.sign(text)

    def sign_statement(self, text: bytes) -> bytes:
        """64 bytes of Ed25519 over a statement of the custodian's own making.

        It has no call of its own: what callers bring is never signed so.

        Args:
            text: UTF-8 with a line end at its end, at most `MAX_STATEMENT_BYTES`; its first line
                is `safehold statement 1 KIND`, with a kind of `a-z`, `0-9` and `-`.

        Raises:
            StatementRefusedError: it is something else.
        """
        if (
            len(text) > MAX_STATEMENT_BYTES
            or not text.endswith(b"\n")
            or _STATEMENT.match(text) is None
        ):
            raise StatementRefusedError
        return self._private.sign(text)

    def rewrap(self, officers: Sequence[str]) -> None:
        """Encrypt the private half to other officers. Raises `CheckpointKeyError`."""
        try:
            replace_file(self._folder / KEY_FILE, seal(officers, _pem(self._private)))
        except OSError as error:
            raise CheckpointKeyError("The key that signs checkpoints cannot be written.") from error


def last_signed(folder: Path, log_id: bytes) -> End | None:
    """The last place of a log that was signed, where the custodian's folder is at hand.

    Raises:
        CustodianError: the file is damaged or cannot be read.
    """
    try:
        return _ends(folder).get(log_id.hex())
    except OSError as error:
        raise CustodianError("checkpoint.last cannot be read.") from error


def _ends(folder: Path) -> dict[str, End]:
    with contextlib.suppress(FileNotFoundError):
        try:
            content = json.loads((folder / LAST_FILE).read_bytes())
            return {log: (int(seq), bytes.fromhex(end)) for log, (seq, end) in content.items()}
        except (ValueError, TypeError, AttributeError) as error:
            # To sign without knowing the last one would undo what the file is for.
            raise CustodianError("checkpoint.last is damaged.") from error
    return {}


def _parse(text: bytes) -> tuple[str, Checkpoint]:
    """The log's id and what the text says of it. Raises `CheckpointRefusedError`."""
    try:
        if len(text) > MAX_TEXT_BYTES or not text.endswith(b"\n"):
            raise CheckpointRefusedError
        plain = text.decode("ascii")
        # A note is the text, an empty line and signatures, which are not there yet.
        checkpoint = read_checkpoint(plain + _NO_SIGNATURE)
        if "\n\n" in plain:
            raise CheckpointRefusedError
    except (UnicodeDecodeError, NoteError) as error:
        raise CheckpointRefusedError from error
    return plain.partition("\n")[0].rpartition("/")[2], checkpoint


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise CheckpointKeyError from error


def _public_key(content: bytes) -> NoteKey:
    try:
        return NoteKey.parse(content.decode("ascii"))
    except (UnicodeDecodeError, NoteError) as error:
        raise CheckpointKeyError from error


def _private_key(pem: bytes) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem, password=None)
    except ValueError:
        raise CheckpointKeyError from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CheckpointKeyError
    return key


def _pem(private: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

"""The data folder and the small secret files in it."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path

from safehold.config import CONFIG_FILE
from safehold.errors import SafeholdError
from safehold.hashing.keyed import KEY_BYTES, DigestKey
from safehold.kernels.accelerate import secure_folder

DATABASE_FILE = "safehold.db"
SNAPSHOT_FOLDER = "snapshots"
DIGEST_KEY_FILE = "digest.key"
CANARY_KEY_FILE = "canary.key"
OFFICERS_FILE = "officers.txt"
PEERS_FILE = "peers.toml"
PEER_KEY_FILE = "peer.key"
CUSTODIAN_FOLDER = "custodian"
VAULT_FOLDER = "vault"
KEY_FOLDER = "keys"


class HomeError(SafeholdError):
    """The data folder cannot be used."""

    code = "home"
    default_message = "The data folder cannot be used."
    default_hint = "Check that it belongs to you, or name another with --home."


class DigestKeyError(SafeholdError):
    """The key of the exact digests is not what it was."""

    code = "digest_key"
    default_message = "The digest key in the data folder is missing or damaged."
    default_hint = "Restore digest.key from your backup, or remove the home and add the lists anew."


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder and where things lie in it."""

    folder: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / DATABASE_FILE

    @property
    def snapshots(self) -> Path:
        """The folder of snapshots."""
        return self.folder / SNAPSHOT_FOLDER

    @property
    def feeds(self) -> Path:
        """The folder of feeds on their way; empty while none is fetched."""
        return self.folder / "feeds"

    @property
    def digest_key(self) -> Path:
        """The file of the key of exact digests."""
        return self.folder / DIGEST_KEY_FILE

    @property
    def canary_key(self) -> Path:
        """The file of the API key by which canaries ask."""
        return self.folder / CANARY_KEY_FILE

    @property
    def peers(self) -> Path:
        """The file of the peers' public halves."""
        return self.folder / PEERS_FILE

    @property
    def peer_key(self) -> Path:
        """The file of this home's own keys for peers."""
        return self.folder / PEER_KEY_FILE

    @property
    def officers(self) -> Path:
        """The file of the officers' public halves."""
        return self.folder / OFFICERS_FILE

    @property
    def custodian(self) -> Path:
        """The folder of the custodian's socket and checkpoint key."""
        return self.folder / CUSTODIAN_FOLDER

    @property
    def vault(self) -> Path:
        """The folder of evidence, where it is kept in the home."""
        return self.folder / VAULT_FOLDER

    @property
    def keys(self) -> Path:
        """The folder of wrapped keys, where they are kept in the home."""
        return self.folder / KEY_FOLDER

    def prepare(self) -> None:
        """Make the folder with mode 0700, or check that it is ours.

        Raises `HomeError`, also for a folder of other things that is open to others: closing
        it would shut them out (`--home /tmp`).
        """
        try:
            foreign = self._is_another_folder()
            if not foreign:
                secure_folder(self.folder)
        except (OSError, SafeholdError) as error:
            raise HomeError from error
        if foreign:
            raise HomeError(
                "The folder named as home is open to others and holds other things.",
                hint="Name a folder of its own with --home, or close this one: chmod 700.",
            )

    def _is_another_folder(self) -> bool:
        if not self.folder.is_dir() or not self.folder.stat().st_mode & 0o077:
            return False
        ours = (self.database, self.digest_key, self.folder / CONFIG_FILE)
        return any(self.folder.iterdir()) and not any(file.exists() for file in ours)

    def load_digest_key(self) -> DigestKey:
        """The home's key; made on first use, and never again while lists are there."""
        self.prepare()
        try:
            secret = self.digest_key.read_bytes()
        except FileNotFoundError:
            if self.database.exists():
                raise DigestKeyError from None
            secret = written_once(self.digest_key, secrets.token_bytes(KEY_BYTES))
        except OSError as error:
            raise DigestKeyError from error
        if len(secret) != KEY_BYTES:
            raise DigestKeyError
        return DigestKey(secret)


def written_once(path: Path, content: bytes) -> bytes:
    """Write a small secret file, whole or not at all, on the disk when this returns.

    Where another process was faster, what it wrote stands, and is what is returned.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return path.read_bytes()
    except OSError:
        fresh.replace(path)  # a file system without links
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return content

"""A real PostgreSQL server for tests and benchmarks, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

DATABASE = "safehold_test"
_OWNERS = ("postgres", "nobody")


def find_binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, the newest release first; None if there is none."""
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    on_path = shutil.which("pg_ctl")
    candidates = sorted(installed, key=lambda p: float(p.parent.name), reverse=True)
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    return next((p for p in candidates if (p / "initdb").exists()), None)


def missing_is_failure(environment: Mapping[str, str]) -> bool:
    """Whether tests must fail, not skip, where PostgreSQL is missing: so in CI."""
    return environment.get("CI", "").lower() in {"1", "true"}


def _owner() -> str | None:
    """The user under which the server runs: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in _OWNERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody")


@contextlib.contextmanager
def running_server(binaries: Path, *, durable: bool = False) -> Iterator[str]:
    """A server on a Unix socket alone; gives the address of an empty database.

    `durable`: commits reach the disk, as on a server that is used; without, tests are faster.
    """
    owner = _owner()
    # A short path: a socket's may have some hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="sh-pg-", dir="/tmp"))
    if owner is not None:
        user = pwd.getpwnam(owner)
        os.chown(folder, user.pw_uid, user.pw_gid)

    def run(*command: str) -> None:
        done = subprocess.run(
            command,
            cwd=folder,
            user=owner,
            group=None if owner is None else pwd.getpwnam(owner).pw_gid,
            extra_groups=None if owner is None else [],
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{Path(command[0]).name}: {done.stdout.decode(errors='replace')}")

    data = str(folder / "data")
    fsync = "on" if durable else "off"
    options = f"-k {folder} -c listen_addresses='' -c fsync={fsync} -c max_connections=50"
    try:
        run(str(binaries / "initdb"), "-D", data, "-U", "safehold", "-A", "trust", "-N")
        pg_ctl = str(binaries / "pg_ctl")
        log = str(folder / "log")
        run(pg_ctl, "-D", data, "-l", log, "-w", "-t", "30", "-o", options, "start")
        try:
            host = ("-h", str(folder), "-U", "safehold")
            run(str(binaries / "createdb"), *host, DATABASE)
            yield f"postgresql://safehold@/{DATABASE}?host={folder}"
        finally:
            run(pg_ctl, "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)

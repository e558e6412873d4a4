"""`safehold backup`: backups in two halves, putting them back, and drills."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service
from safehold.cli.passphrases import PassphraseOption
from safehold.errors import UsageError

if TYPE_CHECKING:
    from safehold.config import Settings
    from safehold.custodian.drilling import Drilled
    from safehold.runtime.service import ServiceRuntime
    from safehold.storage.backup.making import Source
    from safehold.vault.sealing import Identity

EXAMPLE = "Example: safehold backup make /mnt/a/today --keys /mnt/b/today"
_RESTORE_EXAMPLE = "Example: safehold backup restore /mnt/a/x --keys /mnt/b/x --home /srv/new"
_DRILL_EXAMPLE = "Example: safehold backup drill /mnt/a/x --keys /mnt/b/x --officer-key officer.key"
_PG_DUMP = 'pg_dump --format=custom --file=safehold.dump "${SAFEHOLD_DATABASE/+psycopg/}"'
"""For bash. The driver's name in the address is SQLAlchemy's, and pg_dump knows it not."""

app = typer.Typer(
    no_args_is_help=True, help="Backups: made while everything runs, and tried.", epilog=EXAMPLE
)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The first half.")]
KeysOption = Annotated[
    Path, typer.Option("--keys", metavar="DIR2", help="The second half, with the keys.")
]


@app.command("make", epilog=EXAMPLE)
def make_backup(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="New folder for database and sealed objects.")
    ],
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", metavar="DIR2", help="New folder for wrapped keys, in another place."
        ),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Make a backup of the home while it runs. Everything in it is sealed.

    Exit code 1 where the vault lacks something that the records name. With PostgreSQL the
    database is backed up by its own tools.
    """
    from safehold.cli.console import note
    from safehold.config import load_settings
    from safehold.storage.backup.making import make

    # Before it is opened: a database that is away has to be backed up by its own tools too.
    if load_settings(home=home or context.obj).database:
        raise UsageError("A database on PostgreSQL is backed up by its own tools.", hint=_PG_DUMP)
    progress = _progress("objects and keys", hidden=as_json)
    with open_service(context, home) as runtime, progress as advance:
        made = make(source_of(runtime), folder, keys, runtime.clock.now(), advance)
    missing = len(made.manifest.missing) + (len(made.keys.missing) if made.keys else 0)
    if as_json:
        told = {
            "backup": made.manifest.backup,
            "objects": made.manifest.objects,
            "keys": made.keys.keys if made.keys else None,
            "keys_expire": made.keys.expires if made.keys else None,
            "missing": missing,
        }
        print(json.dumps(told))
        return 1 if missing else 0
    print(f"{made.manifest.objects} objects in the backup, {missing} missing in the vault")
    if made.keys is None:
        note("Without --keys it has no key: what it holds opens only while the keys are kept.")
    else:
        print(f"{made.keys.keys} keys, to be destroyed at the latest on {made.keys.expires}")
    return 1 if missing else 0


@app.command("restore", epilog=_RESTORE_EXAMPLE)
def restore_backup(
    context: typer.Context, folder: FolderArgument, keys: KeysOption, home: HomeOption = None
) -> None:
    """Put a backup back into a new home. Everything stays sealed."""
    from safehold.cli.console import note
    from safehold.config import load_settings
    from safehold.storage.backup.forgetting import forget_destroyed
    from safehold.storage.backup.manifests import read_key_manifest, read_manifest
    from safehold.storage.backup.restoring import restore

    target = load_settings(home=home or context.obj).home
    together = read_manifest(folder).backup == read_key_manifest(keys).backup
    with _progress("objects and keys") as advance:
        restore(folder, keys, target, advance)
    forgotten = forget_destroyed(target)
    if forgotten:
        note(f"{forgotten} keys of what is destroyed were not put back.")
    if not together:
        note("The halves were not made together: keys of some cases may be missing.")
    note("Next: safehold audit verify, safehold vault verify, and docs/how-to/backups.md.")


@app.command("drill", epilog=_DRILL_EXAMPLE)
def drill_backup(
    context: typer.Context,
    folder: FolderArgument,
    keys: KeysOption,
    officer_key: Annotated[
        Path | None,
        typer.Option("--officer-key", metavar="FILE", help="An officer's identity, to open it."),
    ] = None,
    passphrase_file: PassphraseOption = None,
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="Open so many objects. Default: all.")
    ] = 0,
    scratch: Annotated[
        Path | None,
        typer.Option("--scratch", metavar="DIR", help="Where it is put back for a while."),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Put a backup back into a private folder, look whether it is whole, and remove it again.

    With an officer's identity each key and each object is opened too, to nowhere. Exit code 1
    where something is wrong.
    """
    import datetime as dt

    from safehold.clock import SystemClock
    from safehold.config import load_settings
    from safehold.custodian.drilling import Drill, DrillOptions, Restored
    from safehold.runtime.home import Home
    from safehold.storage.backup.manifests import read_key_manifest, read_manifest
    from safehold.storage.backup.restoring import restore

    settings: Settings = load_settings(home=home or context.obj)
    options = DrillOptions(
        identities=_identities(officer_key, passphrase_file),
        key_life=dt.timedelta(days=settings.retention.key_backup_days),
        sample=sample,
    )
    manifest, key_manifest = read_manifest(folder), read_key_manifest(keys)
    folder_of_it = tempfile.TemporaryDirectory(prefix="safehold-drill-", dir=scratch)
    with _ended_tidily(), folder_of_it as name:
        target = Path(name) / "home"
        with _progress("objects and keys", hidden=as_json) as advance:
            restore(folder, keys, target, advance, check=False)
            restored = Restored(Home(target), manifest, key_manifest)
            drilled = Drill(restored, options, SystemClock().now(), advance).run()
    _tell(drilled, opened=bool(options.identities), as_json=as_json)
    return 1 if drilled.findings else 0


def _tell(drilled: Drilled, *, opened: bool, as_json: bool) -> None:
    from safehold.cli.console import note

    if as_json:
        print(json.dumps(dataclasses.asdict(drilled) | {"whole": not drilled.findings}))
        return
    print(
        f"{drilled.events} events, {drilled.checkpoints} checkpoints, {drilled.objects} objects, "
        f"{drilled.keys} keys, {drilled.opened} objects opened"
    )
    for finding in drilled.findings:
        print(f"{finding.code}  {finding.subject}".rstrip())
    if not opened:
        note("Without --officer-key nothing was opened.")
    note("The backup is whole." if not drilled.findings else f"{len(drilled.findings)} findings.")


def _identities(file: Path | None, passphrase_file: Path | None) -> list[Identity]:
    from safehold.cli.serve import officer_identity

    return [] if file is None else [officer_identity(file, passphrase_file)]


def source_of(runtime: ServiceRuntime) -> Source:
    """What a backup of a home is made of."""
    import datetime as dt

    from safehold import __version__
    from safehold.config import CONFIG_FILE
    from safehold.custodian.compose import RECIPIENTS_FILE, SCHEMA_FILE
    from safehold.custodian.signing import KEY_FILE, LAST_FILE, PUBLIC_FILE
    from safehold.runtime.home import CUSTODIAN_FOLDER, OFFICERS_FILE
    from safehold.storage.backup.making import Source

    home = runtime.home
    chosen = runtime.settings.vault.officers
    names = (KEY_FILE, PUBLIC_FILE, LAST_FILE, RECIPIENTS_FILE, SCHEMA_FILE)
    own = {f"{CUSTODIAN_FOLDER}/{name}": home.custodian / name for name in names}
    secret = (
        home.digest_key,
        home.canary_key,
        home.peer_key,
        home.peers,
        home.folder / CONFIG_FILE,
    )
    return Source(
        engine=runtime.engine,
        objects=runtime.objects,
        keys=runtime.keys,
        files={OFFICERS_FILE: Path(chosen) if chosen else home.officers, **own},
        secret_files={path.name: path for path in secret},
        software=__version__,
        key_life=dt.timedelta(days=runtime.settings.retention.key_backup_days),
    )


@contextmanager
def _ended_tidily() -> Iterator[None]:
    """SIGTERM as Ctrl-C: a drill that is stopped leaves nothing behind either."""
    import signal

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(unit: str, *, hidden: bool = False) -> Iterator[Callable[[], None]]:
    """Something to call for each that is done; a bar shows it where somebody watches."""
    from safehold.cli.console import progress_bar

    with progress_bar(unit, hidden=hidden) as bar:
        if bar is None:
            yield lambda: None
            return
        task = bar.add_task("backup", total=None)
        yield lambda: bar.advance(task)

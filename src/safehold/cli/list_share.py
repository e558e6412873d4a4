"""`safehold list share`: what was confirmed here, sealed to a named peer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    from safehold.ids import ServiceId
    from safehold.runtime.service import ServiceRuntime

EXAMPLE = "Example: safehold list share --peer berta --as olga --output shared.age"


def share(
    context: typer.Context,
    peer: Annotated[str, typer.Option("--peer", metavar="NAME", help="To whom.")],
    user: Annotated[
        str,
        typer.Option("--as", metavar="USER", help="Who asks: a user with the role of officer."),
    ],
    output: Annotated[
        Path, typer.Option("--output", metavar="FILE", help="Written anew; must not be there.")
    ],
    service: Annotated[
        list[str] | None,
        typer.Option("--service", help="Only of this service; may be given several times."),
    ] = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Write what people have confirmed here as a list that PEER alone can open.

    Each confirmed case becomes an entry with the SHA-256 of its bytes and the PDQ hash of its
    picture; neither the case nor anything of a person goes with it. The custodian opens each
    original for its digest. The audit log says who had it made, for whom, and how many.
    """
    from safehold.cli.console import note
    from safehold.custodian.compose import custodian_client
    from safehold.custodian.sharing import Sharing, SharingParts
    from safehold.errors import UsageError
    from safehold.vault.durable import create_file
    from safehold.vault.peers import PeersFile, peer_keys

    if output.exists():
        raise UsageError("The output is there already.")
    with open_service(context, home, ready=False) as runtime:
        card = PeersFile(runtime.home.peers).find(peer)
        sharing = Sharing(
            SharingParts(
                runtime.records,
                custodian_client(runtime),
                runtime.digest_key,
                peer_keys(runtime.home.peer_key),
                runtime.clock,
            )
        )
        user_id = sharing.allow(user)
        cases = sharing.cases(_services(runtime, service or ()))
        with _progress(len(cases), hidden=as_json) as seen:
            made = sharing.share((peer, card), user_id, cases, seen)
    try:
        create_file(output, made.content)
    except OSError as error:
        raise UsageError("The output cannot be written.") from error
    told = {"entries": made.entries, "exact": made.exact, "left_out": made.left}
    if as_json:
        print(json.dumps(told))
    else:
        note(
            f"{made.entries:,} entries for {peer}, {made.exact:,} of them with the digest of their "
            f"bytes; {made.left:,} confirmed cases have nothing that could be shared."
        )
    return 0


def _services(runtime: ServiceRuntime, names: Sequence[str]) -> list[ServiceId]:
    """The services that are meant: all but trial ones, or those of these names."""
    from safehold.accounts.model import UnknownServiceError

    with runtime.records.read() as transaction:
        known = {one.name: one for one in transaction.accounts.services() if not one.demo}
    if not set(names) <= set(known):
        raise UnknownServiceError
    return [one.service_id for name, one in known.items() if not names or name in names]


@contextmanager
def _progress(total: int, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """A bar of how many cases were opened, where somebody watches."""
    from safehold.cli.console import progress_bar

    with progress_bar("cases", hidden=hidden) as progress:
        if progress is None:
            yield lambda count: None
            return
        task = progress.add_task("Opening", total=total)
        yield lambda count: progress.advance(task, count)

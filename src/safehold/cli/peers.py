"""`safehold peer`: other homes with which lists are shared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service

if TYPE_CHECKING:
    from safehold.runtime.service import ServiceRuntime

ADD_EXAMPLE = "Example: safehold peer add berta safehold-peer-1:age1...:..."

app = typer.Typer(
    no_args_is_help=True, help="Other homes with which lists are shared.", epilog=ADD_EXAMPLE
)

NameArgument = Annotated[str, typer.Argument(help="What the peer is called here.")]


@app.command("key", epilog="Example: safehold peer key")
def key(context: typer.Context, home: HomeOption = None) -> int:
    """Print this home's own key for peers: it may be shown to everybody.

    The private halves are made when it is printed first. Let a peer compare what arrived with
    what you see, by another way than the one you send it.
    """
    from safehold.vault.peers import peer_keys

    with open_service(context, home, ready=False) as runtime:
        print(peer_keys(runtime.home.peer_key).card.text)
    return 0


@app.command("add", epilog=ADD_EXAMPLE)
def add(
    context: typer.Context,
    name: NameArgument,
    card: Annotated[
        str, typer.Argument(metavar="KEY", help="What 'safehold peer key' prints there.")
    ],
    home: HomeOption = None,
) -> int:
    """Add a peer."""
    from safehold.cli.console import note
    from safehold.vault.peers import Card, PeersFile

    with open_service(context, home, ready=False) as runtime:
        PeersFile(runtime.home.peers).add(name, Card.parse(card))
        _audit(runtime, "list.peer_added", name)
    note(f"{name} is a peer.")
    return 0


@app.command("list", epilog="Example: safehold peer list")
def list_peers(context: typer.Context, as_json: JsonOption = False, home: HomeOption = None) -> int:
    """List the peers and their keys."""
    from safehold.vault.peers import PeersFile

    with open_service(context, home, ready=False) as runtime:
        found = PeersFile(runtime.home.peers).read()
    for name, card in sorted(found.items()):
        print(json.dumps({"name": name, "key": card.text}) if as_json else f"{name}  {card.text}")
    return 0


@app.command("remove", epilog="Example: safehold peer remove berta")
def remove(context: typer.Context, name: NameArgument, home: HomeOption = None) -> int:
    """Remove a peer: nothing of it is believed any more, and nothing is sealed to it.

    What it has shared stays in its list until that is removed.
    """
    from safehold.cli.console import note
    from safehold.vault.peers import PeersFile

    with open_service(context, home, ready=False) as runtime:
        PeersFile(runtime.home.peers).remove(name)
        _audit(runtime, "list.peer_removed", name)
    note(f"{name} is a peer no more.")
    return 0


def _audit(runtime: ServiceRuntime, kind: str, name: str) -> None:
    from safehold.audit.model import EventDraft

    event = EventDraft(kind, runtime.clock.now(), "system", subject=name)
    with runtime.records.write() as transaction:
        transaction.audit.append([event])

"""Making a home ready for the service: officer, keys, the first service and its API key."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from safehold.accounts.keys import KeyTerms
from safehold.accounts.model import DEFAULT_SCOPES
from safehold.audit.model import EventDraft
from safehold.custodian.signing import PUBLIC_FILE, new_checkpoint_key
from safehold.errors import UsageError
from safehold.kernels.accelerate import secure_folder
from safehold.runtime.home import written_once
from safehold.runtime.service import ServiceRuntime
from safehold.vault.officers import (
    identity_file,
    new_officer_identity,
    read_identity,
    write_identity,
)
from safehold.vault.sealing import Identity


class AlreadySetUpError(UsageError):
    """The home is set up already."""

    code = "already_initialised"
    default_message = "This home is set up already; nothing was changed."
    default_hint = "More services and keys: 'safehold service add', 'safehold key add'."


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made.

    Attributes:
        officer: name of the first officer.
        officer_key: file of the officer's identity; it is made, or taken where it is there.
        passphrase: that protects it; None to write it in the clear, for demonstrations alone.
        service: name of the first service.
        demo: whether that service is a demonstration's.
    """

    officer: str
    officer_key: Path
    passphrase: str | None = field(repr=False)
    service: str
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What was made.

    Attributes:
        api_key: of the first service, shown once.
        recipient: the officer's public half.
        checkpoint_key: the public half of the key that signs checkpoints.
    """

    api_key: str = field(repr=False)
    recipient: str
    checkpoint_key: str


def set_up(runtime: ServiceRuntime, plan: Plan) -> Made:
    """Make database, keys, the first officer and the first service.

    What is there from a run that was broken off is used, so that it can be run again.

    Raises:
        AlreadySetUpError: there are an officer and a service.
        UsageError: the officer's file cannot be written or opened.
    """
    home = runtime.home
    home.prepare()
    # The digest key is made with the home; a database without it is refused.
    named = [s.name for s in runtime.accounts.services()] if home.digest_key.exists() else []
    officers = runtime.officers.read()
    made = (home.canary_key, home.custodian / PUBLIC_FILE)
    if officers and plan.service in named and all(file.exists() for file in made):
        raise AlreadySetUpError
    identity = _officer_identity(plan)
    if identity.recipient not in {officer.recipient for officer in officers}:
        runtime.officers.add(plan.officer, identity.recipient)
        _note(runtime, "officer.added", f"officer:{plan.officer}")
    secure_folder(home.custodian)
    if not (home.custodian / PUBLIC_FILE).exists():
        new_checkpoint_key(home.custodian, _log_name(runtime), runtime.officers.recipients())
    public = (home.custodian / PUBLIC_FILE).read_text("ascii").strip()
    if not home.canary_key.exists():
        terms = KeyTerms("canary", DEFAULT_SCOPES)
        _, text = runtime.accounts.add_canary_key(terms)
        written_once(home.canary_key, text.encode("ascii"))
    if plan.service not in named:
        runtime.accounts.add_service(plan.service, demo=plan.demo)
    _, api_key = runtime.accounts.add_key(plan.service, KeyTerms("first", DEFAULT_SCOPES))
    runtime.objects.check()
    runtime.keys.check()
    return Made(api_key, identity.recipient, public)


def _officer_identity(plan: Plan) -> Identity:
    if plan.officer_key.exists():
        return read_identity(plan.officer_key, plan.passphrase)
    if plan.passphrase is None:
        identity = Identity.generate()
        write_identity(plan.officer_key, identity_file(identity))
        return identity
    content, identity = new_officer_identity(plan.passphrase)
    write_identity(plan.officer_key, content)
    return identity


def _log_name(runtime: ServiceRuntime) -> str:
    return f"safehold-{runtime.log_id.hex()}"


def _note(runtime: ServiceRuntime, kind: str, subject: str) -> None:
    event = EventDraft(kind, runtime.clock.now(), "system", subject=subject)
    with runtime.records.write() as transaction:
        transaction.audit.append([event])

"""`safehold user`: who works in the review console."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.cli import main as cli
from safehold.config import load_settings
from safehold.runtime.service import ServiceRuntime
from safehold.users.totp import code_at, step_at
from tests.cli.conftest import Command, Result
from tests.conftest import KERNEL_CACHE

CLIENT = b"a browser here.."


class InProcess:
    """Runs `safehold` in this process: what is looked at is what it does, not how it starts."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Result:
        self._capsys.readouterr()
        code = cli.main(["--home", str(self.home), *map(str, arguments)])
        shown = self._capsys.readouterr()
        return Result(code, shown.out, shown.err)


@pytest.fixture
def house(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> InProcess:
    """A home that is set up for the service."""
    monkeypatch.setenv("SAFEHOLD_KERNEL_CACHE", str(KERNEL_CACHE))
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase of several words")
    house = InProcess(tmp_path / "home", capsys)
    made = house("init", "--passphrase-file", passphrase)
    assert made.code == 0, made.err
    return house


@pytest.fixture
def runtime(house: InProcess) -> Iterator[ServiceRuntime]:
    """The parts of that home, in this process."""
    with ServiceRuntime(load_settings(home=house.home)) as runtime:
        yield runtime


def test_users_are_added_listed_and_changed(house: InProcess) -> None:
    added = house("user", "add", "alex", "--role", "reviewer", "--role", "approver")
    assert added.code == 0, added.err
    assert len(added.out.strip().replace("-", "")) == 28, "the code stands alone in the output"
    assert "alex" in added.err
    second = house("user", "add", "bo", "--role", "auditor", "--json").rows[0]
    assert set(second) == {"name", "id", "code", "until"}
    for wrong in (("bo", "admin"), ("cy", "painter"), ("No", "admin"), ("root", "")):
        refused = house("user", "add", wrong[0], "--role", wrong[1])
        assert refused.code == 64, refused.out
    mixed = house("user", "add", "cy", "--role", "admin", "--role", "reviewer")
    assert (mixed.code, "user_roles" in mixed.err) == (64, True)

    assert house("user", "role", "alex", "--role", "officer").code == 0
    assert house("user", "disable", "bo").code == 0
    linked = house("user", "link", "alex", "--issuer", "https://id.example", "--subject", "24")
    assert linked.code == 0, linked.err
    first, bo = house("user", "list", "--json").rows
    assert (first["name"], first["roles"], first["state"]) == ("alex", ["officer"], "setting_up")
    assert (first["linked"], first["factors"]) == (True, [])
    assert (bo["id"], bo["state"]) == (second["id"], "disabled")
    shown = house("user", "list").out
    assert second["code"] not in shown
    assert added.out.strip() not in shown
    assert shown.splitlines()[0].split() == ["alex", first["id"], "officer", "setting_up"]

    reset = house("user", "reset", "bo")
    assert reset.code == 0
    assert reset.out.strip() != second["code"]
    assert house("user", "enable", "bo").code == 0
    assert house("user", "list", "--json").rows[1]["state"] == "setting_up"
    unknown = house("user", "reset", "nobody")
    assert (unknown.code, "user_unknown" in unknown.err) == (64, True)


def test_a_code_of_the_command_line_opens_the_console(
    house: InProcess, runtime: ServiceRuntime
) -> None:
    """With the real parameters of passwords, and the stores and keys of a real home."""
    code = house("user", "add", "alex", "--role", "reviewer").out.strip()
    sign_in = runtime.sign_in
    token = sign_in.setup(code, CLIENT, "192.0.2.7")
    sign_in.set_password(token, CLIENT, "a kettle beside the window")
    enrolment = sign_in.begin_totp(token, CLIENT)
    secret = base64.b32decode(enrolment.secret)
    step = step_at(dt.datetime.now(dt.UTC))
    token = sign_in.confirm_totp(token, CLIENT, code_at(secret, step))
    assert sign_in.session(token, CLIENT)[0].name == "alex"
    again = sign_in.password("alex", "a kettle beside the window", CLIENT, "192.0.2.7")
    assert sign_in.totp(again, CLIENT, code_at(secret, step + 1))
    row = house("user", "list", "--json").rows[0]
    assert (row["state"], row["factors"]) == ("active", ["totp"])
    assert house("user", "disable", "alex").code == 0
    assert runtime.users.sessions(row["id"]) == ()
    with runtime.records.read() as transaction:
        kinds = [event.draft.kind for event in transaction.audit.events_of(row["id"])]
        actors = {event.draft.actor for event in transaction.audit.events_of(row["id"])}
    assert kinds[:1] + kinds[-2:] == ["user.added", "user.signed_in", "user.disabled"]
    assert actors == {"operator", f"user:{row['id']}"}


def test_a_home_must_be_set_up_first(safehold: Command) -> None:
    refused = safehold("user", "list")
    assert (refused.code, "not_initialised" in refused.err) == (64, True)

"""The files for deployment fit the program and each other.

No container engine and no service manager runs here: files are read, not carried out.
"""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml  # type: ignore[import-untyped]

from safehold.cli import main as cli
from safehold.config import load_settings
from safehold.media.sandbox import landlock
from tests.docs.pages import DOCS, ROOT, read

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
PAGES = [
    DOCS / "how-to" / f"{name}.md"
    for name in (
        "call-the-service",
        "deploy-on-debian",
        "deploy-with-containers",
        "operate-the-service",
    )
]
AGREED: dict[str, set[str]] = {"work": set(), "canary": set(), "up": {"--demo", "--officer-key"}}
"""Commands that may still be on their way, with options that they are sure to have."""
OURS = ("serve", "console", "custodian", "work", "init")


def commands() -> dict[str, set[str]]:
    """Every command of the program, with its options."""
    found: dict[str, set[str]] = {}

    def walk(name: str, command: Any) -> None:
        inner = getattr(command, "commands", {})
        for sub, below in inner.items():
            walk(f"{name} {sub}".strip(), below)
        if not inner:
            found[name] = {opt for p in command.params for opt in (*p.opts, *p.secondary_opts)}

    walk("", typer.main.get_command(cli.app))
    return AGREED | found


COMMANDS = commands()


def check(words: list[str]) -> str:
    """That `safehold WORDS...` names a command and options that exist; gives the command."""
    name = next((n for n in (" ".join(words[:2]), " ".join(words[:1])) if n in COMMANDS), None)
    assert name, words
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert options <= COMMANDS[name], (name, options - COMMANDS[name])
    return name


def parsed(unit: Path) -> configparser.RawConfigParser:
    """A unit as sections; of keys that stand more than once all values, by lines."""
    found = configparser.RawConfigParser(strict=False, delimiters=("=",), dict_type=Several)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read(unit)
    return found


class Several(dict[Any, Any]):
    """Joins the values of a key that stands more than once."""

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(value, list) and key in self and isinstance(self[key], list):
            value = [*self[key], *value]
        super().__setitem__(key, value)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_run_commands_that_exist(unit: Path) -> None:
    service = parsed(unit)["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program == "/opt/safehold/.venv/bin/safehold"
    assert f"safehold-{check(words)}.service" == unit.name


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_are_hardened_and_leave_the_sandbox_its_calls(unit: Path) -> None:
    service = parsed(unit)["Service"]
    for key in (
        "NoNewPrivileges",
        "ProtectHome",
        "PrivateTmp",
        "PrivateDevices",
        "ProtectKernelTunables",
        "ProtectControlGroups",
        "RestrictSUIDSGID",
        "LockPersonality",
        "RestrictNamespaces",
    ):
        assert service[key] == "yes", key
    assert service["ProtectSystem"] == "strict"
    assert service["User"] == "safehold"
    assert service["CapabilityBoundingSet"] == ""
    assert service["LimitCORE"] == "0"
    allowed = service["SystemCallFilter"].split()
    assert "@system-service" in allowed
    for call in ("seccomp", "landlock_create_ruleset", "landlock_restrict_self"):
        assert call in allowed
    assert landlock.CREATE_RULESET == 444  # landlock_create_ruleset
    # Kernels are compiled at run time.
    assert service["MemoryDenyWriteExecute"] == "no"


def test_only_the_custodian_gets_the_identity() -> None:
    by_name = {unit.stem.removeprefix("safehold-"): parsed(unit)["Service"] for unit in UNITS}
    assert set(by_name) == {"serve", "console", "custodian", "work"}
    for name, service in by_name.items():
        has = "LoadCredential" in service
        assert has is (name == "custodian")
        assert has or service["InaccessiblePaths"] == "-/etc/safehold/officer"
    assert by_name["custodian"]["PrivateNetwork"] == "yes"
    assert by_name["custodian"]["RestrictAddressFamilies"] == "AF_UNIX"
    for user in COMPOSE["services"]:
        secrets = set(COMPOSE["services"][user].get("secrets", []))
        assert bool(secrets & {"officer_key", "officer_passphrase"}) is (user == "custodian")


def test_units_are_taken_by_systemd(tmp_path: Path) -> None:
    """With a program in the place that the units name; else systemd looks for nothing more."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:  # then reading them as above must do
        assert all(parsed(unit).has_section("Install") for unit in UNITS)
        return
    for unit in UNITS:
        text = unit.read_text().replace("/opt/safehold/.venv/bin/safehold", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", *(str(tmp_path / unit.name) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )
    said = [line for line in done.stderr.splitlines() if "safehold" in line]
    assert not said
    bad = tmp_path / "bad.service"
    bad.write_text("[Service]\nExecStart=/no/such/program\n")
    worse = subprocess.run(
        [analyze, "verify", "--man=no", str(bad)], capture_output=True, text=True, check=False
    )
    assert "no/such/program" in worse.stderr  # it does look


def test_containers_run_commands_that_exist() -> None:
    services = COMPOSE["services"]
    assert set(OURS) | {"database"} == set(services)
    for name in OURS:
        assert check(services[name]["command"]) == name
    entry = re.search(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert entry and entry[1] == '["safehold"]'
    command = re.search(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    assert command
    assert check(yaml.safe_load(command[1])) == "serve"


def test_containers_are_closed() -> None:
    services, names = COMPOSE["services"], COMPOSE
    for name in OURS:
        one = services[name]
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["user"] == "10001:10001"
        assert "no-new-privileges:true" in one["security_opt"]
        assert not one.get("privileged")
        assert all("unconfined" not in option for option in one["security_opt"])
    assert [n for n in services if "ports" in services[n]] == ["serve", "console"]
    assert services["console"]["ports"] == ["127.0.0.1:8460:8460"]
    assert services["serve"]["ports"] == ["127.0.0.1:8450:8450"]
    assert names["networks"]["inside"]["internal"] is True
    assert services["custodian"]["networks"] == services["database"]["networks"] == ["inside"]
    # Canaries of `work` reach the door at the address that it says it listens on.
    assert services["work"]["network_mode"] == "service:serve"
    used = {s for one in services.values() for s in one.get("secrets", [])}
    assert used == set(names["secrets"])
    for one in services.values():
        for volume in one.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in names["volumes"] or source.startswith("./"), volume
        for other in one.get("depends_on", {}):
            assert other in services
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.search(r"(?i)password:[ \t]*\S", text)


def test_settings_of_containers_and_units_exist(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A name that no setting has is refused by the program, so it is asked."""
    found = dict(COMPOSE["services"]["serve"]["environment"])
    found |= COMPOSE["services"]["console"]["environment"]
    found |= dict(re.findall(r"(SAFEHOLD_\w+)=(\S+)", DOCKERFILE))
    for unit in UNITS:
        lines = parsed(unit)["Service"]["Environment"].splitlines()
        found |= dict(line.split("=", 1) for line in lines)
    for page in PAGES:
        found |= dict(re.findall(r"(SAFEHOLD_(?!URL|KEY)[A-Z_0-9]+)=([^\s'`\\]+)", read(page)))
    settings = {name: value for name, value in found.items() if name.startswith("SAFEHOLD_")}
    assert len(settings) >= 4
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SAFEHOLD_HOME", str(tmp_path))
    assert load_settings().database.startswith("postgresql")


def test_the_image_is_made_of_what_is_here() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source.split('/')[0]}" in ignored, source
    assert "*" in ignored
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.index("USER 10001") > DOCKERFILE.rindex("COPY --from")
    assert "HEALTHCHECK" in DOCKERFILE and "/health/live" in DOCKERFILE
    installs = re.findall(r"pip install.*", DOCKERFILE.replace("\\\n", ""))
    assert len(installs) == 2
    assert "--require-hashes" in installs[0] and "--no-deps" in installs[1]
    wanted = re.search(r'requires-python = ">=(\d+)\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    image = re.search(r"FROM python:(\d+)\.(\d+)-slim", DOCKERFILE)
    assert wanted and image
    assert tuple(map(int, image.groups())) >= tuple(map(int, wanted.groups()))


def test_the_lock_file_of_servers_is_that_of_the_tests() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert "--index-url" not in text and "://" not in re.sub(r"#.*", "", text)
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))

    service, dev = pins("service"), pins("dev")
    assert service.items() <= dev.items()
    assert {"psycopg", "obstore", "uvicorn", "pyrage"} <= set(service)
    assert not {"pytest", "moto", "django"} & set(service)


def lines(page: Path) -> Iterator[list[str]]:
    """The words of each `safehold ...` command in a page's shell blocks."""
    for block in re.findall(r"^```sh\n(.*?)^```$", read(page), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            found = re.match(
                r"(?:.*/bin/|docker compose exec \w+ )?safehold ((?:[a-z-]+ ?)+.*)", line
            )
            if found:
                yield shlex.split(found[1], comments=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_name_commands_that_exist(page: Path) -> None:
    used = [check(words) for words in lines(page)]
    for words in re.findall(r"`safehold ([a-z][^`]*)`", read(page)):
        if (plain := words.split())[0] != "up":
            check(plain)
    if page.stem == "deploy-on-debian":
        assert used[:1] == ["init"] and "list add" in used
    for path in re.findall(r"(?<![\w/])(?:deploy|requirements)/[\w./-]+\w", read(page)):
        assert (ROOT / path).exists() or path.startswith("deploy/secrets"), path


def test_nginx_keeps_bodies_and_receipts_to_itself() -> None:
    text = (DEPLOY / "nginx" / "safehold.conf").read_text()
    for line in ("proxy_request_buffering off;", "access_log off;", "proxy_buffering off;"):
        assert line in text
    assert text.count("{") == text.count("}")
    most = re.search(r"client_max_body_size (\d+)m;", text)
    assert most and int(most[1]) * 1024 * 1024 > load_settings().server.max_body_bytes

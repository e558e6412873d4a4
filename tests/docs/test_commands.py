"""The reference of commands, their help and the program say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from safehold.cli import main as cli
from tests.docs.pages import DOCS, ROOT, code, read, reference, rows, section

PAGE = reference("commands.md")


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and group, with its full name."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for sub, inner in sorted(getattr(command, "commands", {}).items()):
            yield from walk(f"{name} {sub}", inner)

    yield from walk("safehold", typer.main.get_command(cli.app))


COMMANDS = dict(commands())


def headings() -> dict[str, str]:
    """Each command's heading in the reference, by the command's name."""
    found = re.findall(r"^## `(safehold[^`]*)`$", PAGE, re.MULTILINE)
    return {re.sub(r" \[?[A-Z].*", "", title): title for title in found}


def own_section(name: str) -> str:
    return section(PAGE, f"`{headings()[name]}`")


def documented_options(name: str) -> set[str]:
    """Every option that the section's table names in its first cells."""
    cells = [row[0] for row in rows(own_section(name))]
    words = [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]
    return {word.split()[0] for word in words}


def real_options(command: Any) -> set[str]:
    options = {"-h", "--help"}
    for parameter in command.params:
        if parameter.param_type_name == "option":
            options.update(parameter.opts)
            options.update(parameter.secondary_opts)
    return options


def test_every_command_has_a_section_and_none_is_invented() -> None:
    assert set(headings()) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_and_none_is_invented(name: str) -> None:
    assert documented_options(name) == real_options(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_arguments_stand_in_the_heading(name: str) -> None:
    title = headings()[name]
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "argument":
            word = (parameter.metavar or parameter.name).upper().rstrip(".")
            assert word in title


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_exists(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*name.split()[1:], "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Example" in shown
    assert [command for command, _ in used(COMMANDS[name].epilog or "") if command in COMMANDS]


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_use_commands_and_options_that_exist(name: str) -> None:
    for command, options in used(f"{COMMANDS[name].epilog or ''}\n{own_section(name)}"):
        assert command in COMMANDS, command
        assert options <= real_options(COMMANDS[command]), command


def used(text: str) -> list[tuple[str, set[str]]]:
    """The commands in a text, as far as they are ones, and the options that they are given.

    Options that stand before the command are those of `safehold`.
    """
    found = []
    for line in re.findall(r"\bsafehold( [^\n&|>`]*)", text):
        words = [word for word in line.split() if re.fullmatch(r"-{0,2}[a-z][a-z-]*", word)]
        name = "safehold"
        while words and f"{name} {words[0]}" in COMMANDS:
            name += f" {words.pop(0)}"
        assert not hasattr(COMMANDS[name], "commands") or not words or words[0][0] == "-", line
        found.append((name, {word for word in words if word.startswith("--")}))
    return found


def test_pages_use_commands_and_options_that_exist() -> None:
    """Every command line in the blocks of every page."""
    lines = 0
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        blocks = re.findall(r"^```(?:sh|console)\n(.*?)^```$", read(page), re.M | re.S)
        shell = "\n".join(blocks).replace("\\\n", " ")
        for line in re.findall(r"^(?:\$ )?(?:\S*/)?safehold [^\n]*", shell, re.M):
            for command, options in used(line):
                lines += 1
                assert options <= real_options(COMMANDS[command]), (page, line)
    assert lines > 50


def test_exit_codes_are_those_of_the_program() -> None:
    table = section(PAGE, "Exit codes")
    said = [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert said == [0, 1, 2, cli.EXIT_USAGE, cli.EXIT_INTERNAL, cli.EXIT_INTERRUPTED]


def test_usage_is_refused_as_documented(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["scan", "--no-such-option"], ["no-such-command"], ["hash"]):
        assert cli.main(arguments) == cli.EXIT_USAGE
    assert code("`usage`") in reference("codes.md")
    capsys.readouterr()

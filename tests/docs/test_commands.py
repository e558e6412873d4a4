"""The reference of commands, their help and the program say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from safehold.cli import main as cli
from tests.docs.pages import code, reference, rows, section

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
    example = COMMANDS[name].epilog or ""
    used = re.findall(r"safehold (?:list )?[a-z]+", example)
    assert used
    assert all(command in COMMANDS for command in used)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_use_options_that_exist(name: str) -> None:
    example = f"{COMMANDS[name].epilog or ''}\n{own_section(name)}"
    lines = re.findall(r"safehold (?:list )?[a-z]+[^\n&|>]*", example)
    for line in lines:
        match = re.match(r"safehold (?:list )?[a-z]+", line)
        assert match
        if match[0] in COMMANDS:
            used = set(re.findall(r"(?<=\s)--[a-z-]+", line))
            assert used <= real_options(COMMANDS[match[0]]), line


def test_exit_codes_are_those_of_the_program() -> None:
    table = section(PAGE, "Exit codes")
    said = [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert said == [0, 1, 2, cli.EXIT_USAGE, cli.EXIT_INTERNAL, cli.EXIT_INTERRUPTED]


def test_usage_is_refused_as_documented(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["scan", "--no-such-option"], ["no-such-command"], ["hash"]):
        assert cli.main(arguments) == cli.EXIT_USAGE
    assert code("`usage`") in reference("codes.md")
    capsys.readouterr()

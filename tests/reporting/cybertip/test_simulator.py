"""The simulator by itself: its calls, its clocks, its process, and what it can do wrong."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from safehold.clock import FixedClock
from safehold.outbound.model import OutboundOptions
from safehold.reporting.cybertip.multipart import FileLengthError
from safehold.reporting.cybertip.replies import Reply, ResponseCode, read_reply
from safehold.reporting.cybertip.transport import (
    PRODUCTION_BASE,
    TEST_BASE,
    HttpTransport,
    NotSentError,
    RawReply,
    SimulatorAddressError,
    UnclearError,
    base_of,
)
from safehold.reporting.model import Environment, NotConfiguredError
from safehold.reporting.options import CybertipOptions
from safehold.testing.cybertip_simulator import Fault, Simulator

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
FILE = bytes(range(256)) * 3_000
REPORT = b"<report><incidentSummary/></report>"


def writes(content: bytes) -> object:
    def produce(output: BinaryIO) -> None:
        output.write(content)

    return produce


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(FixedClock(START)) as running:
        yield running


def transport(simulator: Simulator, password: str = "") -> HttpTransport:
    options = CybertipOptions(simulator=simulator.address, call_seconds=5.0)
    base = base_of(Environment.SIMULATOR, options)
    secret = password or simulator.password
    return HttpTransport(base, simulator.username, secret, options, OutboundOptions())


def read(raw: RawReply) -> Reply:
    return read_reply(raw.status, raw.body, raw.request_id)


def opened(client: HttpTransport) -> str:
    return read(client.submit(REPORT)).remote_report


def upload(client: HttpTransport, number: str, content: bytes = FILE) -> Reply:
    return read(client.upload(number, "file-1.jpg", len(content), writes(content)))  # type: ignore[arg-type]


def details(number: str, file_id: str) -> bytes:
    return (
        f"<fileDetails><reportId>{number}</reportId><fileId>{file_id}</fileId></fileDetails>"
    ).encode()


def test_a_report_from_its_opening_to_its_end(simulator: Simulator) -> None:
    client = transport(simulator)
    assert read(client.status()).code == 0
    assert b"schema" in client.schema().body
    number = opened(client)
    first, empty = upload(client, number), upload(client, number, b"")
    assert first.md5 == hashlib.md5(FILE, usedforsecurity=False).digest()
    assert empty.md5 == hashlib.md5(b"", usedforsecurity=False).digest()
    told = read(client.file_info(details(number, first.remote_file)))
    assert (told.code, told.remote_report) == (0, number)
    done = read(client.finish(number))
    assert (done.code, done.files) == (0, (first.remote_file, empty.remote_file))
    assert done.request_id == "simulated-000007"
    report = simulator.finished[int(number)]
    assert [file.size for file in report.files] == [len(FILE), 0]
    for reply in (
        read(client.finish(number)),
        read(client.retract(number)),
        upload(client, number),
        read(client.file_info(details(number, first.remote_file))),
    ):
        assert reply.code == ResponseCode.ALREADY_FINISHED


def test_what_it_refuses(simulator: Simulator) -> None:
    client = transport(simulator)
    refused = transport(simulator, "wrong").submit(REPORT)
    assert (refused.status, refused.body) == (401, b"")
    assert read(client.submit(b"<report")).code == ResponseCode.MALFORMED_XML
    assert read(client.submit(b"<other/>")).code == ResponseCode.VALIDATION_FAILED
    number = opened(client)
    assert read(client.file_info(details(number, "0" * 32))).code == ResponseCode.NO_SUCH_FILE
    assert read(client.finish("1")).code == ResponseCode.NO_SUCH_REPORT
    assert read(client.retract(number)).code == 0
    assert read(client.finish(number)).code == ResponseCode.ALREADY_RETRACTED


def test_a_schema_that_is_given_is_asked_and_told(tmp_path: Path) -> None:
    schema = tmp_path / "schema.xsd"
    schema.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="report">'
        '<xs:complexType><xs:sequence><xs:element name="one"/></xs:sequence></xs:complexType>'
        "</xs:element></xs:schema>"
    )
    with Simulator(FixedClock(START), schema) as simulator:
        client = transport(simulator)
        assert read(client.submit(b"<report><two/></report>")).code == 4100
        assert read(client.submit(b"<report><one/></report>")).code == 0
        assert client.schema().body == schema.read_bytes()


def test_unfinished_reports_go_after_a_day_or_an_hour_after_the_last_file(
    simulator: Simulator,
) -> None:
    clock = FixedClock(START)
    simulator.clock = clock
    client = transport(simulator)
    idle, used = opened(client), opened(client)
    clock.advance(dt.timedelta(hours=23, minutes=30))
    assert upload(client, used).code == 0
    clock.advance(dt.timedelta(minutes=45))
    assert read(client.finish(idle)).code == ResponseCode.NO_SUCH_REPORT
    assert simulator.reports[int(used)].state == "open"
    clock.advance(dt.timedelta(minutes=15))
    assert simulator.reports[int(used)].state == "deleted"


def test_what_goes_wrong_on_the_way(simulator: Simulator) -> None:
    client = transport(simulator)
    for fault in (Fault.DROP_BEFORE, Fault.DROP_MID, Fault.DROP_AFTER):
        simulator.fail("submit", fault)
        with pytest.raises(UnclearError):
            client.submit(REPORT)
    assert len(simulator.reports) == 1  # of the last, which nobody was told of
    simulator.fail("submit", Fault.EMPTY_401)
    simulator.fail("submit", Fault.ERROR_200)
    simulator.fail("submit", Fault.BAD_GATEWAY)
    simulator.fail("submit", 4200)
    seen = [read(client.submit(REPORT)) for _ in range(4)]
    assert [(one.status, one.code) for one in seen] == [
        (401, None),
        (200, 1000),
        (502, None),
        (400, 4200),
    ]
    number = opened(client)
    simulator.fail("upload", Fault.WRONG_MD5)
    assert upload(client, number).md5 == bytes(16)
    simulator.fail("schema", Fault.CHANGED_SCHEMA)
    assert client.schema().body != client.schema().body


def test_a_file_that_ends_early_or_breaks_is_not_taken(simulator: Simulator) -> None:
    client = transport(simulator)
    number = opened(client)

    def breaks(output: BinaryIO) -> None:
        output.write(FILE[:1000])
        raise LookupError("gone")

    for size in (len(FILE) - 1, len(FILE) + 1):
        with pytest.raises(FileLengthError):
            client.upload(number, "file-1.jpg", size, writes(FILE))  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        client.upload(number, "file-1.jpg", len(FILE), breaks)
    assert simulator.reports[int(number)].files == []


def test_calls_go_to_the_authority_or_to_this_machine_and_nowhere_else() -> None:
    for address in (
        "https://127.0.0.1:1",
        "http://localhost:1",
        "http://127.0.0.1",
        "http://127.0.0.1:1@example.org:2",
        "http://127.0.0.2:1/other",
        "http://10.0.0.1:1",
    ):
        with pytest.raises(SimulatorAddressError):
            base_of(Environment.SIMULATOR, CybertipOptions(simulator=address))
        with pytest.raises(SimulatorAddressError):
            HttpTransport(address, "u", "p", CybertipOptions(), OutboundOptions())
    options = CybertipOptions(simulator="http://[::1]:9/")
    assert base_of(Environment.SIMULATOR, options) == "http://[::1]:9/ispws"
    assert base_of(Environment.PRODUCTION, options) == PRODUCTION_BASE
    assert base_of(Environment.TEST, options) == TEST_BASE
    for environment in (Environment.FORM, Environment.SIMULATOR):
        with pytest.raises(NotConfiguredError):
            base_of(environment, CybertipOptions())


def test_what_surely_was_not_sent_is_told_apart(simulator: Simulator) -> None:
    client = transport(simulator)
    assert simulator.password not in repr(client).removeprefix("HttpTransport")
    simulator.__exit__(None, None, None)
    with pytest.raises(NotSentError):
        client.submit(REPORT)


@pytest.mark.parametrize("end", ["input", "signal"])
def test_it_runs_as_a_process_until_its_input_ends(end: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "safehold.testing.cybertip_simulator", "--port", "0", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        options = CybertipOptions(simulator=told["address"])
        base = base_of(Environment.SIMULATOR, options)
        names = (told["username"], told["password"])
        client = HttpTransport(base, *names, options, OutboundOptions())
        assert read(client.status()).code == 0
        if end == "input":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

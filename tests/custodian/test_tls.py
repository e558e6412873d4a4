"""The custodian between machines: mutual TLS 1.3, and nobody else."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from safehold.custodian.address import TlsAddress, TlsError, TlsFiles, client_context
from safehold.custodian.client import CustodianClient
from safehold.custodian.interface import CustodianAwayError
from safehold.custodian.protocol import json_frame
from safehold.custodian.server import ServeOptions
from safehold.vault.sealing import unseal
from tests.custodian.conftest import ACCESS, OBJECT, ORIGINAL, Room
from tests.custodian.serving import Authority, Serving, serving

LOOPBACK = "127.0.0.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ours")


def _address(state: Serving) -> TlsAddress:
    address = state.addresses[0]
    assert isinstance(address, TlsAddress)
    return address


def _client(state: Serving, files: TlsFiles) -> CustodianClient:
    return CustodianClient(replace(_address(state), files=files), 5.0)


def test_both_sides_with_certificates(room: Room, authority: Authority) -> None:
    listening = TlsAddress(LOOPBACK, 0, authority.issue("custodian"))
    with serving(room.custodian, listening) as state:
        client = _client(state, authority.issue("server"))
        assert client.status() == room.custodian.status()
        output = io.BytesIO()
        client.export(ACCESS, OBJECT, room.named.recipient, output)
        assert unseal([room.named], output.getvalue()) == ORIGINAL


def test_a_caller_of_another_authority(room: Room, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").issue("server")
    listening = TlsAddress(LOOPBACK, 0, authority.issue("custodian"))
    with serving(room.custodian, listening) as state:
        for files in (stranger, replace(stranger, authority=authority.path)):
            with pytest.raises(CustodianAwayError):
                _client(state, files).check(ACCESS, OBJECT)
        assert _client(state, authority.issue("server")).status().identities == 1
    assert room.events == []


def test_a_caller_without_a_certificate_or_with_old_tls(room: Room, authority: Authority) -> None:
    listening = TlsAddress(LOOPBACK, 0, authority.issue("custodian"))
    with serving(room.custodian, listening) as state:
        port = _address(state).port
        bare = ssl.create_default_context(cafile=str(authority.path))
        old = client_context(authority.issue("old"))
        old.minimum_version = ssl.TLSVersion.TLSv1_2
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        for context in (bare, old):
            received = b""
            with (
                socket.create_connection((LOOPBACK, port), 5.0) as plain,
                contextlib.suppress(ssl.SSLError, ConnectionError),
                context.wrap_socket(plain, server_hostname=LOOPBACK) as connection,
            ):
                # In TLS 1.3 a caller learns only here that its certificate was wanted.
                connection.sendall(json_frame({"version": 1, "call": "status"}))
                received = connection.recv(1)
            assert received == b""
        assert [call for call, _ in state.log if call != "connect"] == []
        assert _client(state, authority.issue("server")).status().identities == 1


def test_a_custodian_under_another_name_is_not_called(room: Room, authority: Authority) -> None:
    listening = TlsAddress(LOOPBACK, 0, authority.issue("elsewhere", host="192.0.2.1"))
    with serving(room.custodian, listening) as state, pytest.raises(CustodianAwayError):
        _client(state, authority.issue("server")).status()


def test_who_never_shakes_hands_holds_up_nobody(room: Room, authority: Authority) -> None:
    listening = TlsAddress(LOOPBACK, 0, authority.issue("custodian"))
    with serving(room.custodian, listening, options=ServeOptions(request_seconds=1.0)) as state:
        silent = [socket.create_connection((LOOPBACK, _address(state).port)) for _ in range(5)]
        assert _client(state, authority.issue("server")).status().identities == 1
        for connection in silent:
            with connection:
                connection.settimeout(5.0)
                assert connection.recv(1) == b""


def test_files_that_do_not_fit(room: Room, authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("custodian")
    other = authority.issue("other")
    for wrong in (
        replace(files, key=other.key),
        replace(files, authority=files.key),
        replace(files, certificate=tmp_path / "absent"),
    ):
        with pytest.raises(TlsError), serving(room.custodian, TlsAddress(LOOPBACK, 0, wrong)):
            pass
        with pytest.raises(TlsError):
            CustodianClient(TlsAddress(LOOPBACK, 1, wrong)).status()

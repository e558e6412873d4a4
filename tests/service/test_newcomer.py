"""What a new operator may do wrong, and how a server begins and ends."""

from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from safehold.config import Settings
from safehold.runtime.service import ServiceRuntime
from tests.conftest import KERNEL_CACHE
from tests.service.house import BLOCKED, CLEAN, LIKE_BLOCKED, SUSPECTED, House, serving, started

USAGE = 64


def _new(folder: Path, database: str = "") -> House:
    settings = Settings(home=folder, kernel_cache=KERNEL_CACHE)
    return House(folder, ServiceRuntime(settings), database)


def test_serve_on_an_empty_home_names_the_command_that_is_missing(tmp_path: Path) -> None:
    house = _new(tmp_path / "home")
    with started(house, "serve", "--port", "0", log="serve") as process:
        assert process.popen.wait(30) == USAGE
    said = process.err.read_text()
    assert "safehold init" in said
    assert "Traceback" not in said
    assert not (tmp_path / "home").exists() or not list((tmp_path / "home").iterdir())


def test_init_then_serve(tmp_path: Path) -> None:
    import json

    house = _new(tmp_path / "home")
    (tmp_path / "pass").write_text("a long passphrase for this test\n")
    made = house.command("init", "--json", "--passphrase-file", str(tmp_path / "pass"))
    assert made.code == 0, made.err
    house.keys["first"] = json.loads(made.out)["api_key"]
    again = house.command("init", "--passphrase-file", str(tmp_path / "pass"))
    assert again.code == USAGE
    assert "already" in again.err
    with serving(house) as server:
        assert {"no_required_lists", "reporting_unready"} <= set(server.ready().json["notes"])
        assert server.screen(BLOCKED, key="first").status == 200


def test_a_port_that_is_taken(house: House) -> None:
    with serving(house) as server:
        done = house.command("serve", "--port", str(server.port))
        assert done.code == USAGE
        assert "[listen]" in done.err
        assert server.screen(CLEAN).status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_loopback_without_tls(house: House, host: str) -> None:
    done = house.command("serve", "--port", "0", "--host", host)
    assert done.code == USAGE
    assert "--behind-proxy" in done.err
    assert "--tls-certificate" in done.err


def test_a_certificate_that_is_none(house: House, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("no certificate")
    pem = str(tmp_path / "c.pem")
    options = ("--tls-certificate", pem, "--tls-key", pem)
    done = house.command("serve", "--port", "0", *options)
    assert (done.code, "[listen]" in done.err) == (USAGE, True)
    alone = house.command("serve", "--port", "0", *options[:2])
    assert (alone.code, "[listen]" in alone.err) == (USAGE, True)


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    return folder / "cert.pem", folder / "key.pem"


def test_tls(house: House, tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    options = ("--tls-certificate", str(certificate), "--tls-key", str(key))
    with serving(house, "--host", "0.0.0.0", *options, ready=False) as server:
        trusted = ssl.create_default_context(cafile=str(certificate))

        def ask(content: bytes) -> int:
            connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=trusted)
            headers = {"Authorization": f"Bearer {house.keys['shop']}"}
            connection.request("POST", "/v1/screen", content, headers)
            status = connection.getresponse().status
            connection.close()
            return status

        server.wait(lambda: ask(CLEAN) == 200)
        assert ask(BLOCKED) == 451
        with pytest.raises(ConnectionError):
            server.screen(CLEAN)  # not in the clear


def test_settings_with_unknown_names(tmp_path: Path) -> None:
    house = _new(tmp_path / "home")
    house.folder.mkdir(mode=0o700)
    for text in ("[server]\nmax_boddy = 1\n", '[surfaces.public]\nfial = "open"\n', "serve = 1\n"):
        (house.folder / "config.toml").write_text(text)
        done = house.command("serve", "--port", "0")
        assert (done.code, "[settings]" in done.err) == (USAGE, True), text
        assert "Traceback" not in done.err


def test_a_database_address_that_is_wrong(house: House, tmp_path: Path) -> None:
    nobody = f"postgresql://safehold:geheimwort@/none?host={tmp_path}"
    for address in (nobody, "mysql://root@127.0.0.1/x", "no address"):
        house.database = address
        try:
            done = house.command("serve", "--port", "0")
        finally:
            house.database = ""
        assert done.code == 70, done.err
        assert "[database]" in done.err
        assert "geheimwort" not in done.err + done.out
        assert "Traceback" not in done.err


def test_told_to_end_it_answers_what_is_under_way_and_ends_well(house: House) -> None:
    before = sum(house.occurrences(case) for case in house.cases())
    with serving(house) as server:
        answers, told = [], threading.Event()

        def upload(content: bytes) -> None:
            half = len(content) // 2
            answers.append(
                server.talk(server.head(len(content)), content[:half], told, content[half:])
            )

        def refused() -> bool:
            try:
                server.screen(CLEAN)
            except ConnectionError:
                return True
            return False

        contents = [BLOCKED, SUSPECTED, LIKE_BLOCKED, CLEAN] * 4
        threads = [threading.Thread(target=upload, args=(content,)) for content in contents]
        for thread in threads:
            thread.start()
        server.wait(
            lambda: b"safehold_bodies 16.0\n" in server.call("GET", "/metrics", key=None).body
        )
        server.popen.terminate()
        server.wait(refused)
        told.set()
        for thread in threads:
            thread.join()
        assert server.popen.wait(20) == 0
        assert sorted(answer.status for answer in answers) == [200] * 4 + [423] * 8 + [451] * 4
    assert sum(house.occurrences(case) for case in house.cases()) == before + 12
    house.check_whole()
    with house.runtime.records.read() as transaction:
        assert not transaction.fleet.servers(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))

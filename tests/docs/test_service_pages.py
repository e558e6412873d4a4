"""The pages of the screening service do what they say, against a real server."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import io
import json
import re
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from safehold.client import Client, Context, Digests, Flag, Refused, errors
from safehold.client.protocol import HEADERS
from safehold.client.uploads import UploadOptions
from safehold.server import bodies
from safehold.server.context import LIMITS
from safehold.server.problems import _FAMILIES, KINDS
from tests.client import django_site
from tests.docs.console import matches
from tests.docs.pages import DOCS, code, read, reference, rows, section
from tests.docs.service import Service, environment, python_blocks, running_service, shell_blocks

HTTP = reference("http.md")
CALLING = read(DOCS / "how-to" / "call-the-service.md")
MIDDLEWARE = read(DOCS / "how-to" / "upload-middleware.md")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service")) as found:
        yield found


def test_the_curl_examples_are_true(service: Service) -> None:
    """Every block in turn, in one shell, as a reader would."""
    blocks = shell_blocks(CALLING)
    assert sum(said is not None for _, said in blocks) >= 6
    setting = blocks[0][0].replace("http://127.0.0.1:8450", service.url)
    assert setting != blocks[0][0]
    script = ["set -eu", setting]
    for number, (block, _) in enumerate(blocks[1:]):
        script += [f"echo '=== {number}'", block]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=service.folder,
        env={**environment(service.folder), "SAFEHOLD_KEY": service.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = re.split(r"^=== \d+\n|(?<=[^\n])=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    assert len(printed) == len(blocks) - 1
    for (block, said), lines in zip(blocks[1:], printed, strict=True):
        assert matches(tuple((said or "").splitlines()), lines.splitlines()), (block, lines)
    assert (service.folder / "key.curl").stat().st_mode & 0o077 == 0


def test_the_client_example_is_true(service: Service) -> None:
    with contextlib.chdir(service.folder):
        (block,) = python_blocks(CALLING)
        names: dict[str, Any] = {"url": service.url, "key": service.key}
        exec(block, names)
        assert names["stored"]
        exec(block.replace("picture.jpg", "listed.jpg"), names)
        assert names["stored"] is None
        names |= {"url": "http://127.0.0.1:1", "stored": "something"}
        exec(block, names)
        assert names["stored"] is None


def test_every_error_of_the_client_is_named() -> None:
    named = {code(row[0]) for row in rows(section(CALLING, "From Python"))}
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert named == kinds - {"ClientError"}


def test_the_fastapi_example_is_true(service: Service) -> None:
    block, _, _ = python_blocks(MIDDLEWARE)
    names: dict[str, Any] = {"url": service.url, "key": service.key}
    exec(compile(block, "example", "exec", dont_inherit=True), names)
    app, listed = names["app"], (service.folder / "listed.jpg").read_bytes()
    good = (service.folder / "picture.jpg").read_bytes()

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with (
            names["screening"],
            httpx.AsyncClient(transport=transport, base_url="http://app") as browser,
        ):
            return [
                await browser.post("/pictures", files={"file": ("a.jpg", data)})
                for data in (good, listed)
            ]

    allowed, refused = asyncio.run(ask())
    assert allowed.json()["bytes"] == len(good)
    assert allowed.json()["receipt"]
    assert (refused.status_code, refused.text) == (422, UploadOptions("x").refused_text)


def test_the_django_example_is_true(service: Service) -> None:
    django_site.configure()
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.http import HttpResponse
    from django.test import RequestFactory, override_settings

    from safehold.client.django import ScreenUploads

    _, block, _ = python_blocks(MIDDLEWARE)
    names: dict[str, Any] = {"url": service.url, "key": service.key}
    exec(block, names)
    assert "safehold.client.django.ScreenUploads" in names["MIDDLEWARE"]
    with override_settings(SAFEHOLD=names["SAFEHOLD"]):
        middleware = ScreenUploads(lambda request: HttpResponse(request.FILES["f"].receipt))
    user = SimpleNamespace(is_authenticated=True, pk=7)
    for name, status in (("picture", 200), ("listed", 422)):
        data = (service.folder / f"{name}.jpg").read_bytes()
        request = RequestFactory().post("/pictures", {"f": SimpleUploadedFile("a.jpg", data)})
        request.user = user
        assert middleware(request).status_code == status


def test_confirming_is_true(service: Service) -> None:
    _, _, block = python_blocks(MIDDLEWARE)
    with Client(service.url, service.key) as client:
        receipt = client.screen(b"stored", surface="public").receipt
        names = {"screening_sync": client, "receipt": receipt, "stored": b"stored"}
        exec(block, names)
        with pytest.raises(errors.BytesDiffer):
            exec(block, names | {"stored": b"swapped"})


def test_every_option_of_the_middleware() -> None:
    table = rows(section(MIDDLEWARE, "Options"))
    said = {code(row[0]): row[1] if len(row) > 2 else "" for row in table}
    real = {
        field.name: "" if field.default is dataclasses.MISSING else field.default
        for field in dataclasses.fields(UploadOptions)
    }
    assert {name: code(value).replace('"', "'") for name, value in said.items()} == {
        name: str(value) for name, value in real.items()
    }


def test_every_problem_is_documented() -> None:
    known = {(kind.code or name, kind.status) for name, kind in KINDS.items()}
    known |= {(kind.code, kind.status) for kind in _FAMILIES.values()}
    said = [(code(row[0]), int(row[1])) for row in rows(section(HTTP, "Problems"))]
    assert sorted(said) == sorted(known)


def test_every_field_of_the_context_is_documented() -> None:
    table = rows(section(HTTP, "Items and their context"))
    assert {code(row[0]): int(row[2]) for row in table} == LIMITS
    assert {code(row[0]): code(row[1]) for row in table} == HEADERS


@pytest.mark.parametrize(
    ("heading", "model"),
    [
        ("Digests", bodies.DigestsBody),
        ("Flags", bodies.FlagBody),
        ("Appeals", bodies.AppealBody),
    ],
)
def test_every_member_of_json_bodies_is_documented(heading: str, model: Any) -> None:
    said: dict[str, str] = {}
    for row in rows(section(HTTP, heading)):
        said |= dict.fromkeys(re.findall(r"`(\w+)`", row[0]), row[1])
    own = {name: f for name, f in model.model_fields.items() if name not in LIMITS}
    assert set(said) == set(own)
    for name, field in own.items():
        assert (said[name] == "yes") is field.is_required(), name


def test_every_call_is_documented(service: Service) -> None:
    described = httpx.get(f"{service.url}/openapi.json").json()
    real = {
        f"{method.upper()} {path}"
        for path, methods in described["paths"].items()
        for method in methods
        if method in ("get", "put", "post", "delete", "patch")
    }
    table = HTTP.split("## A verdict")[0]
    said = set(re.findall(r"`((?:GET|PUT|POST) [^`]+)`", table))
    assert real <= said
    assert said - real <= {"GET /openapi.json", "GET /metrics"}


def test_every_figure_is_documented(service: Service) -> None:
    lines = httpx.get(f"{service.url}/metrics").text.splitlines()
    kinds = dict(line.split()[2:4] for line in lines if line.startswith("# TYPE"))
    said = {code(row[0]) for row in rows(section(HTTP, "Health and figures"))}
    assert said == {name for name in kinds if not name.endswith("_created")}


def test_the_client_fits_the_real_server(service: Service) -> None:
    """The calls that no example makes."""
    with Client(service.url, service.key) as client:
        listed = client.screen(
            service.folder / "listed.jpg",
            surface="public",
            uploader="ü",
            context=Context("a@b.example", "2001:db8::1", 77, None, "ä %\u2028.jpg", "r/1"),
        )
        assert not listed.allowed
        assert client.receipt(listed.receipt).verdict is listed.verdict
        flag = Flag("report", "public", sha256="ab" * 32, context=Context(ip="::1"))
        wanted = client.receipt(client.flag(flag).receipt)
        assert wanted.bytes_wanted is (wanted.until is not None)
        for call, status in (
            (lambda: client.screen(b"", surface="public"), 422),
            (lambda: client.screen(b"x", surface="nowhere"), 422),
            (lambda: client.screen_digests(Digests("ab" * 32), surface="public"), 403),
            (lambda: client.receipt("unknown"), 404),
        ):
            with pytest.raises(Refused) as caught:
                call()
            assert caught.value.status == status


def test_logs_have_nothing_of_persons(service: Service) -> None:
    log = (service.folder / "serve.log").read_text()
    assert len(log.splitlines()) > 5
    digest = hashlib.sha256((service.folder / "listed.jpg").read_bytes()).hexdigest()
    for word in (service.key, "user-7", "b.example", "192.0.2.7", "trial", digest, "%C3%A4"):
        assert word not in log
    assert all(json.loads(line) for line in io.StringIO(log) if line.startswith("{"))
    assert (service.folder / "officer.key").is_file()

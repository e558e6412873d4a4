"""Calls that could be read in another way: refused, so that no 2xx is of other bytes."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator

import pytest

from safehold.engine.spool import Spool
from safehold.server.errors import MultipartError
from safehold.server.multipart import Form
from tests.server.site import BLOCKED, CLEAN, Answer, Site, opened, running
from tests.server.test_hostile import head, read_answer

TYPE = "multipart/form-data; boundary=edge"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(tmp_path_factory.mktemp("readings")) as made, running(made) as site:
        yield site


def part(content: bytes, disposition: str = 'name="file"; filename="x"', more: str = "") -> bytes:
    return f"--edge\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n".encode() + (
        content + b"\r\n"
    )


def send(site: Site, body: bytes, *headers: str) -> Answer:
    with site.raw() as connection:
        connection.sendall(head(site, *headers, f"Content-Length: {len(body)}") + body)
        return read_answer(connection)


def send_form(site: Site, body: bytes, *headers: str) -> Answer:
    return send(site, body + b"--edge--\r\n", f"Content-Type: {TYPE}", *headers)


def test_what_is_sent_by_these_is_read(site: Site) -> None:
    assert send_form(site, part(BLOCKED)).status == 451
    assert send_form(site, part(CLEAN)).status == 200
    assert send(site, CLEAN, "Content-Encoding: identity").status == 200
    assert send(site, CLEAN, "Content-Type: application/x-www-form-urlencoded").status == 200


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Content-Encoding: gzip", 415),
        ("Content-Encoding: identity, gzip", 415),
        ("Content-Encoding: identity\r\nContent-Encoding: gzip", 422),
        ("Content-Transfer-Encoding: base64", 415),
        ("Content-Range: bytes 0-9/90", 422),
        ("Content-Type: multipart/mixed; boundary=edge", 415),
        ("Content-Type: multipart/form-data, boundary=edge", 415),
        (f"Content-Type: {TYPE}\r\nContent-Type: image/png", 422),
    ],
)
def test_a_body_that_is_not_the_item_itself_is_refused(
    site: Site, header: str, status: int
) -> None:
    body = part(BLOCKED) + b"--edge--\r\n" if "multipart" in header else gzip.compress(BLOCKED)
    assert send(site, body, header).status == status


def test_a_compressed_transfer_is_refused(site: Site) -> None:
    body = gzip.compress(BLOCKED)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with site.raw() as connection:
        connection.sendall(head(site, "Transfer-Encoding: gzip, chunked") + chunks)
        assert read_answer(connection).status == 400


@pytest.mark.parametrize(
    "body",
    [
        part(CLEAN) + b"--edge--\r\n" + part(BLOCKED),
        part(CLEAN) + b"--edge--\r\n" + BLOCKED,
        part(CLEAN) + b"--edge-- \r\n" + part(BLOCKED),
        part(CLEAN) + part(BLOCKED),
        part(gzip.compress(BLOCKED), more="Content-Encoding: gzip\r\n"),
        part(b"--in\r\n\r\n", more="Content-Type: multipart/mixed; boundary=in\r\n"),
        part(CLEAN, 'name="reference"; name="file"; filename="x"'),
        part(CLEAN, 'name="file"; filename="x"; name="reference"'),
        part(CLEAN, 'name="file"; name*=utf-8\'\'other; filename="x"'),
        part(CLEAN) + part(b"x", 'name="reference"; filename="y"'),
        part(CLEAN) + part(b"x", "name=\"reference\"; filename*=utf-8''y"),
    ],
)
def test_a_form_that_can_be_read_in_two_ways_is_refused(site: Site, body: bytes) -> None:
    answer = send_form(site, body)
    assert (answer.status, answer.json["code"]) == (400, "multipart_invalid")


def test_a_boundary_stands_once(site: Site) -> None:
    body = part(CLEAN) + b"--edge--\r\n"
    kind = "Content-Type: multipart/form-data; boundary=other; boundary=edge"
    assert send(site, body, kind).status == 400


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_what_follows_the_end_is_found_wherever_pieces_are_cut(size: int) -> None:
    for rest, fits in ((b"", True), (b"\r\n", True), (b"\r\nx", False), (b"x", False)):
        body = part(b"0123456789") + b"--edge--" + rest
        item = Spool(1 << 20).body(1 << 20)
        form = Form(TYPE.encode(), item)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        if fits:
            for piece in pieces:
                form.write(piece)
            form.finish()
        else:
            with pytest.raises(MultipartError):
                for piece in pieces:
                    form.write(piece)
        item.close()


def test_headers_stand_before_a_form(site: Site) -> None:
    """Who passes on a form of somebody else says in headers where it belongs."""
    form = part(CLEAN) + part(b"storage", 'name="surface"')
    assert send_form(site, form).status == 200
    answer = send_form(site, form, "Safehold-Surface: nowhere")
    assert (answer.status, answer.json["code"]) == (422, "unknown_surface")
    unknown = part(CLEAN) + part(b"nowhere", 'name="surface"')
    assert send_form(site, unknown, "Safehold-Surface: public").status == 422
    empty = part(CLEAN) + part(b"", 'name="surface"')
    assert send_form(site, empty, "Safehold-Surface: nowhere").status == 422


def test_a_header_of_ours_has_one_spelling(site: Site) -> None:
    two = ("Safehold-File-Name: a", "Safehold-File_Name: b")
    assert send(site, CLEAN, *two).status == 422


def test_trailers_are_no_headers(site: Site) -> None:
    """A proxy looks at headers; what comes after the body passes it by."""
    start = b"POST /v1/screen HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    key = f"Authorization: Bearer {site.keys['shop']}\r\n".encode()
    with site.raw() as connection:
        connection.sendall(start + b"\r\n3\r\nabc\r\n0\r\n" + key + b"\r\n")
        assert read_answer(connection).status == 401
    with site.raw() as connection:
        trailer = b"Safehold-Surface: nowhere\r\n\r\n"
        connection.sendall(start + key + b"\r\n3\r\nabc\r\n0\r\n" + trailer)
        assert read_answer(connection).status == 200


@pytest.mark.parametrize("flood", [b"a: b\r\n", b"x"], ids=["trailers", "one-trailer"])
def test_trailers_are_bounded(site: Site, flood: bytes) -> None:
    with site.raw() as connection:
        connection.sendall(head(site, "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\na: ")
        sent, began = 0, time.monotonic()
        with pytest.raises(OSError):  # cut off, long before the body's time is over
            while time.monotonic() - began < 4:
                sent += connection.send(flood * 10_000)
    assert sent < 32 << 20

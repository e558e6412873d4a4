"""The reader of forms finds what is there, and refuses what could be read in two ways."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from safehold.client.multipart import FormReader, MalformedForm, Part, boundary_of
from tests.client.forms import BOUNDARY, CONTENT_TYPE, Field, form


def read(body: bytes, sizes: Sequence[int] = (), boundary: str = BOUNDARY) -> tuple[Part, ...]:
    reader = FormReader(boundary.encode())
    place = 0
    for size in sizes:
        reader.feed(body[place : place + size])
        place += size
    reader.feed(body[place:])
    return reader.finish()


data = st.binary(max_size=120) | st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b"--", BOUNDARY.encode()[:9], b"-", b"x"]), max_size=20
).map(b"".join)
names = st.text(
    st.characters(blacklist_characters='"\\\r\n', blacklist_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=12,
)
fields = st.lists(st.builds(Field, names, data, st.none() | names), min_size=1, max_size=5)


@given(fields, st.lists(st.integers(0, 50), max_size=30))
def test_what_was_put_in_is_found(given_fields: list[Field], sizes: list[int]) -> None:
    assume(not any(f"--{BOUNDARY}".encode() in field.data for field in given_fields))
    body = form(given_fields)
    parts = read(body, sizes)
    assert [body[part.start : part.end] for part in parts] == [f.data for f in given_fields]
    assert [(p.name, p.file_name) for p in parts] == [(f.name, f.file_name) for f in given_fields]
    assert [p.is_file for p in parts] == [f.file_name is not None for f in given_fields]


def starlette_reads(body: bytes) -> list[tuple[bool, bytes]] | None:
    """What the parser under Starlette finds: (is a file, bytes), or None where it refuses."""
    found: list[tuple[bool, bytes]] = []
    field, value, disposition, content = b"", b"", b"", b""
    over = False

    def on_header_field(chunk: bytes, start: int, end: int) -> None:
        nonlocal field
        field += chunk[start:end]

    def on_header_value(chunk: bytes, start: int, end: int) -> None:
        nonlocal value
        value += chunk[start:end]

    def on_header_end() -> None:
        nonlocal field, value, disposition
        if field.lower() == b"content-disposition":
            disposition = value
        field = value = b""

    def on_part_begin() -> None:
        nonlocal disposition, content
        disposition = content = b""

    def on_part_data(chunk: bytes, start: int, end: int) -> None:
        nonlocal content
        content += chunk[start:end]

    def on_part_end() -> None:
        found.append((b"filename" in parse_options_header(disposition)[1], content))

    def on_end() -> None:
        nonlocal over
        over = True

    parser = MultipartParser(
        BOUNDARY.encode(),
        {
            "on_header_field": on_header_field,
            "on_header_value": on_header_value,
            "on_header_end": on_header_end,
            "on_part_begin": on_part_begin,
            "on_part_data": on_part_data,
            "on_part_end": on_part_end,
            "on_end": on_end,
        },
    )
    try:
        parser.write(body)
        parser.finalize()
    except MultipartParseError:
        return None
    return found if over else None


lines = [
    b'Content-Disposition: form-data; name="a"',
    b'Content-Disposition: form-data; name="b"; filename="c"',
    b"Content-Disposition: form-data; name=a; filename=c",
    b'Content-Disposition: form-data; name="a\\"; filename="c"',
    b'Content-Disposition: form-data; name="a\\"; filename=\\"c"',
    b"Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''c",
    b"Content-Disposition: form-data; name=a; filename*0=c",
    b"content-disposition:form-data;name=x;FILENAME=y",
    b'Content-Disposition: form-data; name="x; filename=y"',
    b"Content-Type: image/png",
    b"Content-Transfer-Encoding: binary",
    b"X-Header: 1",
    b" folded",
    b"",
]
breaks = [
    f"--{BOUNDARY}".encode(),
    f"--{BOUNDARY}--".encode(),
    f"\r\n--{BOUNDARY}\r\n".encode(),
    f"\n--{BOUNDARY}\n".encode(),
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"-",
    b" ",
    b"\0",
    b"bytes",
]
odd_fields = st.builds(
    Field,
    names,
    st.lists(st.sampled_from([*breaks, *breaks[4:], *lines]), max_size=6).map(b"".join),
    header=st.lists(st.sampled_from(lines[:9] * 3 + lines), min_size=1, max_size=2).map(
        b"\r\n".join
    ),
)
COMPARED: list[bool] = []


@settings(max_examples=1500)
@given(
    st.lists(odd_fields, min_size=1, max_size=3).map(form),
    st.integers(0, 400),
    st.sampled_from([b""] * 4 + breaks),
)
def compare(body: bytes, place: int, inserted: bytes) -> None:
    body = body[:place] + inserted + body[place:]
    try:
        ours = read(body)
    except MalformedForm:
        COMPARED.append(False)
        return
    theirs = starlette_reads(body)
    COMPARED.append(theirs is not None)
    if theirs is None:
        return
    seen = [body[part.start : part.end] for part in ours]
    assert [content for _, content in theirs] == seen
    for part, (is_file, _) in zip(ours, theirs, strict=True):
        assert part.is_file or not is_file


def test_whatever_we_take_the_other_parser_reads_alike() -> None:
    """No file reaches the application that was not seen here."""
    COMPARED.clear()
    compare()
    assert sum(COMPARED) > 50, "forms that both read"
    assert COMPARED.count(False) > 300, "forms that are refused"


def header(line: bytes) -> bytes:
    return form([Field("", b"data", header=line)])


DISPOSITION = b'Content-Disposition: form-data; name="a"'


@pytest.mark.parametrize(
    ("line", "name", "file_name"),
    [
        (DISPOSITION + b'; filename="b.jpg"', "a", "b.jpg"),
        (DISPOSITION + b"; filename=b.jpg", "a", "b.jpg"),
        (DISPOSITION + b'; FileName="b.jpg"', "a", "b.jpg"),
        (DISPOSITION + b";filename=\"x\"; filename*=UTF-8''%e2%82%ac.jpg", "a", "€.jpg"),
        (DISPOSITION + b"; filename*=utf-8'en'b.jpg", "a", "b.jpg"),
        (DISPOSITION + b"; filename*=latin1''b.jpg", "a", None),
        (DISPOSITION + b"; filename*0=b; filename*1=c", "a", None),
        (DISPOSITION + b'; filename="\xc3\xa4.jpg"', "a", "ä.jpg"),
        (DISPOSITION + b'; filename="\xff.jpg"', "a", "\ufffd.jpg"),
        (DISPOSITION + b'; filename="a\\"b.jpg"', "a", 'a"b.jpg'),
        (b'content-disposition: FORM-DATA; name="a"; filename=""', "a", ""),
        (DISPOSITION + b"\r\nContent-Type: image/png", "a", None),
        (DISPOSITION + b"\r\nContent-Type: application/octet-stream", "a", None),
        (b'Content-Disposition: form-data; name="a\\"; filename=\\"b"', 'a"; filename="b', None),
    ],
)
def test_files(line: bytes, name: str, file_name: str | None) -> None:
    (part,) = read(header(line))
    assert (part.is_file, part.name, part.file_name) == (True, name, file_name)


@pytest.mark.parametrize(
    "line",
    [
        DISPOSITION,
        DISPOSITION + b"\r\nContent-Type: text/plain; charset=utf-8",
        DISPOSITION + b"\r\nContent-Type: application/json",
        b'Content-Disposition: form-data; name="filename"',
    ],
)
def test_fields(line: bytes) -> None:
    (part,) = read(header(line))
    assert not part.is_file


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Content-Type: image/png",
        b'Content-Disposition: attachment; name="a"; filename="b"',
        b"Content-Disposition: form-data",
        b'Content-Disposition: form-data; filename="b"',
        DISPOSITION + b'; filename="b"; filename="c"',
        DISPOSITION + b'; filename="b',
        DISPOSITION + b"; filename=b c",
        DISPOSITION + b" filename=b",
        DISPOSITION + b";",
        DISPOSITION + b"\r\n" + DISPOSITION,
        DISPOSITION + b';\r\n filename="folded"',
        DISPOSITION + b'\n; filename="b"',
        DISPOSITION + b"\r; filename=b",
        DISPOSITION + b"\0",
        DISPOSITION + b"\r\nContent-Transfer-Encoding: base64",
        DISPOSITION + b"\r\nContent-Transfer-Encoding: quoted-printable",
        DISPOSITION + b"\r\nContent-Type: multipart/mixed; boundary=x",
        DISPOSITION + b"\r\nX-Long: " + b"x" * 9000,
        DISPOSITION + f"\r\nX: --{BOUNDARY}".encode(),
        b" " + DISPOSITION,
        b"Content-Disposition : form-data; name=a",
    ],
)
def test_headers_that_are_refused(line: bytes) -> None:
    with pytest.raises(MalformedForm):
        read(header(line))


MARK = f"--{BOUNDARY}".encode()
GOOD = form([Field("a", b"data", "b.jpg")])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n",
        MARK,
        MARK + b"--",
        MARK + b"--\r\n",
        b"\r\n" + GOOD,
        b"preamble\r\n" + GOOD,
        GOOD + b"epilogue",
        GOOD + GOOD,
        GOOD[:-3],
        GOOD[:-4],
        GOOD[:60],
        GOOD.replace(MARK + b"\r\n", MARK + b" \r\n"),
        GOOD.replace(MARK + b"--", MARK + b"-x"),
        GOOD.replace(b"data", b"da" + MARK + b"ta"),
        GOOD.replace(b"data", b"da\r\n" + MARK + b"ta"),
        GOOD.replace(b"data", b"da\n" + MARK + b"\r\nta"),
        GOOD.replace(b"data\r\n", b""),
        GOOD.replace(b"\r\n", b"\n"),
    ],
)
def test_bodies_that_are_refused(body: bytes) -> None:
    for sizes in ((), [1] * len(body)):
        with pytest.raises(MalformedForm):
            read(body, sizes)


def test_a_form_without_end_of_line_after_it() -> None:
    assert len(read(GOOD[:-2])) == 1


def test_too_many_parts() -> None:
    reader = FormReader(BOUNDARY.encode(), max_parts=3)
    with pytest.raises(MalformedForm):
        reader.feed(form([Field("a", b"")] * 4))


@pytest.mark.parametrize(
    ("value", "boundary"),
    [
        (CONTENT_TYPE, BOUNDARY),
        ('multipart/form-data; boundary="a/b:c"', "a/b:c"),
        ("Multipart/Form-Data;BOUNDARY=x", "x"),
        ("multipart/form-data; charset=utf-8; boundary=x", "x"),
        ("multipart/form-data; boundary=x; charset=utf-8", "x"),
    ],
)
def test_boundaries(value: str, boundary: str) -> None:
    assert boundary_of(value) == boundary.encode()


@pytest.mark.parametrize(
    "value",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary*=utf-8''a",
        "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=a/b",
        'multipart/form-data; boundary="a\\"b"',
        'multipart/form-data; boundary="a"b',
        "multipart/form-data; x=y; boundary=a",
        "multipart/form-data, multipart/form-data; boundary=a",
        "multipart/mixed; boundary=a",
        "multipart/form-data; boundary=" + "a" * 71,
        "multipart/form-data; boundary=ä",
    ],
)
def test_boundaries_that_are_refused(value: str) -> None:
    with pytest.raises(MalformedForm):
        boundary_of(value)

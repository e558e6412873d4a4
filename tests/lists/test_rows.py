"""The readers of list files, and what each makes of good and bad rows."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.lists.csv_rows import CsvRows, ListHeaderError
from safehold.lists.detect import ListFormat, detect_format, open_reader
from safehold.lists.entry_rows import BadRowError, RowChecker
from safehold.lists.lines import BoundedLines
from safehold.lists.model import EntryDraft, EntryState, ListFileError
from safehold.lists.rows import COLUMNS, ROW_MESSAGES, BadRow, RawRow, RowFault

KEY = DigestKey(bytes(range(32)))
MD5, SHA1, SHA256, PDQ = "1f" * 16, "2e" * 20, "3d" * 32, "4c" * 32


def read(
    text: str | bytes, form: ListFormat, signal: SignalType | None = None
) -> list[tuple[int, dict[str, str] | str]]:
    """(line, non-empty columns) of good rows and (line, code) of bad ones."""
    data = text.encode() if isinstance(text, str) else text
    rows: list[tuple[int, dict[str, str] | str]] = []
    for row in open_reader(BoundedLines(io.BytesIO(data), 200), form, signal):
        if isinstance(row, BadRow):
            rows.append((row.line, row.fault.value))
        else:
            named = zip(COLUMNS, row.values, strict=True)
            rows.append((row.line, {name: value for name, value in named if value}))
    return rows


def check(**columns: str) -> EntryDraft:
    return RowChecker(KEY).draft(tuple(columns.get(name, "") for name in COLUMNS))


def test_csv_columns_in_any_order_and_case() -> None:
    text = f"\ufeffPDQ, Id ,Classification,MD5,note\r\n{PDQ},7,A1,{MD5},x\r\n\r\n,8,,{MD5},\r\n"
    assert read(text, ListFormat.CSV) == [
        (2, {"pdq": PDQ, "id": "7", "classification": "A1", "md5": MD5}),
        (4, {"id": "8", "md5": MD5}),
    ]


def test_names_that_other_programs_write() -> None:
    text = f"SHA-1,sha 256,Quality,pdq\n{SHA1},{SHA256},77,{PDQ}\n"
    row = {"sha1": SHA1, "sha256": SHA256, "pdq_quality": "77", "pdq": PDQ}
    assert read(text, ListFormat.CSV) == [(2, row)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_csv_delimiters_and_quotes(delimiter: str, quote: str) -> None:
    def line(*fields: str) -> str:
        return delimiter.join(f"{quote}{field}{quote}" for field in fields)

    text = "\n".join([line("id", "md5", "sha1"), line("1", MD5, ""), line("2", "", SHA1)])
    assert read(text, ListFormat.CSV) == [
        (2, {"id": "1", "md5": MD5}),
        (3, {"id": "2", "sha1": SHA1}),
    ]


def test_csv_one_column() -> None:
    assert read(f"sha1\n{SHA1}\n \n", ListFormat.CSV) == [(2, {"sha1": SHA1})]


def test_csv_quoted_fields_with_delimiters_quotes_and_line_ends() -> None:
    text = f'id,note,md5\n1,"a, ""b""\nc\n\nd",{MD5}\n2,,{MD5}\n'
    assert read(text, ListFormat.CSV) == [
        (2, {"id": "1", "md5": MD5}),
        (6, {"id": "2", "md5": MD5}),
    ]


@pytest.mark.parametrize("later", ["", f'5,"x,{MD5}\n', f'5,x","y,{MD5}\n'])
def test_csv_a_stray_quote_swallows_no_row(later: str) -> None:
    text = f'id,note,md5\n1,"a,{MD5}\n2,b,{MD5}\n3,c,{MD5}\n4,d,{MD5}\n{later}6,e,{MD5}\n'
    rows = read(text, ListFormat.CSV)
    good = [row["id"] for _, row in rows if isinstance(row, dict)]
    bad = [line for line, row in rows if row == "row_quotes"]
    assert good == ["2", "3", "4", "6"]
    assert bad == ([2, 6] if later else [2])


def test_csv_short_and_long_rows() -> None:
    text = f"id,md5,sha1\n1,{MD5}\n2,{MD5},,,\n3,{MD5},,x\n4\n"
    assert read(text, ListFormat.CSV) == [
        (2, {"id": "1", "md5": MD5}),
        (3, {"id": "2", "md5": MD5}),
        (4, "row_columns"),
        (5, {"id": "4"}),
    ]


@pytest.mark.parametrize(
    "text", ["", "\n\n", "id,classification\n", "a,b\n1,2\n", f"{MD5}\n", "md5,MD5\n", '"md5\n']
)
def test_csv_without_a_usable_header(text: str) -> None:
    with pytest.raises(ListHeaderError) as caught:
        CsvRows(BoundedLines(io.BytesIO(text.encode()), 100))
    assert caught.value.code == "list_header"


def test_csv_warns_once_of_unknown_columns() -> None:
    def warnings(header: str) -> tuple[str, ...]:
        return CsvRows(BoundedLines(io.BytesIO(header.encode()), 100)).warnings

    assert warnings("md5,,pdq-quality,State") == ()
    assert warnings("md5,x") == ("The header has 1 column that is not known; ignored.",)
    assert warnings("md5,x,y") == ("The header has 2 columns that are not known; ignored.",)


def test_jsonl() -> None:
    text = (
        f'{{"ID": 12, "md5": "{MD5}", "pdq": null, "extra": [1]}}\n\n'
        f'{{"id": "b", "pdq": "{PDQ}", "pdq_quality": 71.0}}\r\n'
        "[1]\n{\n"
        '{"md5": 5}\n{"md5": ["x"]}\n{"pdq_quality": true}\n{"pdq_quality": 1.5}\n'
        f'{{"md5": "{MD5}", "MD5": "{MD5}"}}\n' + "[" * 150 + "\n" + '{"id": 1' + "0" * 150 + "}\n"
    )
    assert read(text, ListFormat.JSONL) == [
        (1, {"id": "12", "md5": MD5}),
        (3, {"id": "b", "pdq": PDQ, "pdq_quality": "71"}),
        (4, "row_json_object"),
        (5, "row_json"),
        (6, "md5_malformed"),
        (7, "md5_malformed"),
        (8, "pdq_quality_malformed"),
        (9, "pdq_quality_malformed"),
        (10, "row_json_keys"),
        (11, "row_json"),
        (12, "id_malformed"),
    ]


@pytest.mark.parametrize("key", ["md5", "MD5"])
def test_jsonl_drops_no_digest_of_a_key_that_comes_twice(key: str) -> None:
    text = (
        f'{{"md5": "{MD5}", "{key}": "{"0" * 32}"}}\n{{"note": {{"a": 1, "a": 2}}, "md5": "{MD5}"}}'
    )
    assert read(text, ListFormat.JSONL) == [(1, "row_json_keys"), (2, {"md5": MD5})]


def test_jsonl_survives_depth_and_long_numbers() -> None:
    depth = b'{"md5": ' + b"[" * 60_000 + b"\n"
    number = b'{"id": ' + b"9" * 60_000 + b"}\n"
    rows = list(
        open_reader(BoundedLines(io.BytesIO(depth + number), 65536), ListFormat.JSONL, None)
    )
    assert [row.fault for row in rows if isinstance(row, BadRow)] == [RowFault.JSON] * 2


def test_jsonl_warns_once_of_unknown_keys() -> None:
    reader = open_reader(
        BoundedLines(io.BytesIO(b'{"a": 1}\n{"b": 2}\n'), 100), ListFormat.JSONL, None
    )
    list(reader)
    assert len(reader.warnings) == 1


def test_digest_lines() -> None:
    text = f"# comment\n {MD5.upper()} \r\n\n{SHA1}\n{SHA256}\nzz\n{'z' * 64}\n{MD5},{SHA1}\n"
    assert read(text, ListFormat.LINES) == [
        (2, {"md5": MD5.upper()}),
        (4, {"sha1": SHA1}),
        (5, "digest_ambiguous"),
        (6, "digest_malformed"),
        (7, "digest_malformed"),
        (8, "digest_malformed"),
    ]
    assert read(f"{SHA256}\n", ListFormat.LINES, SignalType.PDQ) == [(1, {"pdq": SHA256})]


def test_lines_are_bounded_and_decoded() -> None:
    data = b"a" * 199 + b"\n" + b"b" * 200 + b"\n" + b"c" * 5000 + b"\n\xff\xfe\nlast\r"
    lines = BoundedLines(io.BytesIO(data), 200)
    assert list(lines) == [
        (1, "a" * 199),
        (2, RowFault.TOO_LONG),
        (3, RowFault.TOO_LONG),
        (4, RowFault.ENCODING),
        (5, "last"),
    ]
    assert lines.bytes_read == len(data)


@pytest.mark.parametrize(
    ("name", "text", "signal", "form"),
    [
        ("a.csv", "x,y", None, ListFormat.CSV),
        ("a.TSV", "md5", None, ListFormat.CSV),
        ("a.jsonl", "", None, ListFormat.JSONL),
        ("a.ndjson", "", SignalType.MD5, ListFormat.JSONL),
        ("a.txt", f"\n\n{MD5}\n", None, ListFormat.LINES),
        ("a.txt", "\ufeff\nid;sha256\n", None, ListFormat.CSV),
        ("a", '  {"md5": 1}\n', None, ListFormat.JSONL),
        ("a", "", None, ListFormat.LINES),
        ("a.csv", MD5, SignalType.MD5, ListFormat.LINES),
        ("a.csv", "md5", SignalType.MD5, ListFormat.CSV),
    ],
)
def test_detecting_the_format(
    name: str, text: str, signal: SignalType | None, form: ListFormat
) -> None:
    stream = io.BytesIO(text.encode())
    assert detect_format(stream, name, signal, 200) is form
    assert stream.tell() == 0


def test_utf16_is_refused_with_advice() -> None:
    with pytest.raises(ListFileError, match="UTF-16"):
        detect_format(io.BytesIO("md5".encode("utf-16")), "a.csv", None, 200)


def test_an_entry_has_keyed_exact_digests_and_a_plain_pdq() -> None:
    draft = check(
        id=" x-1 ",
        classification=" A2 ",
        state="Withdrawn",
        md5=f" {MD5.upper()} ",
        sha1=SHA1,
        sha256=SHA256,
        pdq=PDQ,
        pdq_quality=" 100 ",
    )
    assert draft == EntryDraft(
        "x-1",  # type: ignore[arg-type]
        "A2",
        EntryState.WITHDRAWN,
        KEY.keyed(SignalType.MD5, bytes.fromhex(MD5)),
        KEY.keyed(SignalType.SHA1, bytes.fromhex(SHA1)),
        KEY.keyed(SignalType.SHA256, bytes.fromhex(SHA256)),
        bytes.fromhex(PDQ),
        100,
    )


def test_derived_ids_depend_on_digests_and_key_alone() -> None:
    one = check(md5=MD5, pdq=PDQ)
    assert one.entry_id == check(md5=MD5.upper(), pdq=PDQ, classification="B1").entry_id
    assert one.entry_id.startswith("k-")
    assert len(one.entry_id) == 22
    values = tuple(MD5 if name == "md5" else "" for name in COLUMNS)
    others = {
        check(md5=MD5).entry_id,
        check(pdq=PDQ).entry_id,
        check(sha256=PDQ).entry_id,
        check(md5=MD5, sha1=SHA1).entry_id,
        RowChecker(DigestKey(bytes(32))).draft(values).entry_id,
    }
    assert len(others | {one.entry_id}) == 6
    assert MD5[:8] not in one.entry_id


def test_quality_without_pdq_is_not_kept() -> None:
    assert check(md5=MD5, pdq_quality="90").pdq_quality is None


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({}, "row_no_digest"),
        ({"id": "1", "md5": "  "}, "row_no_digest"),
        ({"md5": MD5[:-1]}, "md5_malformed"),
        ({"md5": MD5 + "00"}, "md5_malformed"),
        ({"md5": "g" * 32}, "md5_malformed"),
        ({"md5": "1f " * 10 + "1f"}, "md5_malformed"),
        ({"md5": "\uff11" * 32}, "md5_malformed"),
        ({"sha1": MD5}, "sha1_malformed"),
        ({"sha256": SHA1, "md5": MD5}, "sha256_malformed"),
        ({"pdq": "0x" + "1" * 62}, "pdq_malformed"),
        ({"pdq": "0" * 64}, "pdq_degenerate"),
        ({"pdq": "f" * 64}, "pdq_degenerate"),
        ({"pdq": "1" * 64, "pdq_quality": "90"}, "pdq_degenerate"),
        ({"md5": "d41d8cd98f00b204e9800998ecf8427e"}, "digest_of_empty_file"),
        ({"md5": MD5, "pdq_quality": "101"}, "pdq_quality_malformed"),
        ({"md5": MD5, "pdq_quality": "-1"}, "pdq_quality_malformed"),
        ({"md5": MD5, "pdq_quality": "\u00b2"}, "pdq_quality_malformed"),
        ({"md5": MD5, "state": "gone"}, "state_unknown"),
        ({"md5": MD5, "id": "a\x00b"}, "id_malformed"),
        ({"md5": MD5, "id": "a" * 201}, "id_malformed"),
        ({"md5": MD5, "id": "\ud800"}, "id_malformed"),
        ({"md5": MD5, "classification": "a" * 65}, "classification_malformed"),
    ],
)
def test_bad_rows(columns: dict[str, str], fault: str) -> None:
    with pytest.raises(BadRowError) as caught:
        check(**columns)
    assert caught.value.fault == fault


def test_every_fault_has_a_message() -> None:
    assert set(ROW_MESSAGES) == set(RowFault)


@given(data=st.binary(max_size=600), form=st.sampled_from(ListFormat))
def test_no_bytes_end_a_reading(data: bytes, form: ListFormat) -> None:
    if form is ListFormat.CSV:
        data = b"md5,note,pdq\n" + data
    checker = RowChecker(KEY)
    lines = [0]
    for row in open_reader(BoundedLines(io.BytesIO(data), 100), form, None):
        lines.append(row.line)
        if isinstance(row, RawRow):
            try:
                checker.draft(row.values)
            except BadRowError:
                continue
    assert lines == sorted(set(lines))


@given(
    rows=st.lists(
        st.one_of(
            st.just(f"a,{MD5}"),
            st.just(f'"x ""y"" z",{MD5}'),
            st.text(alphabet='",ab', max_size=12).map(lambda s: f"!{s}"),
        ),
        max_size=12,
    )
)
def test_csv_rows_are_never_lost(rows: list[str]) -> None:
    """Every line without quote trouble is read, whatever stands around it."""
    text = "note,md5\n" + "\n".join(rows)
    seen = {line for line, _ in read(text, ListFormat.CSV)}
    good = {number for number, row in enumerate(rows, start=2) if row == f"a,{MD5}"}
    assert good <= seen


def test_a_pdq_that_would_match_too_much_is_not_taken() -> None:
    checker = RowChecker(DigestKey(bytes(32)), quality_floor=50)
    real = "5a" * 32
    for pdq, quality, code in (
        ("0" * 64, "", "pdq_degenerate"),
        ("01" * 32, "90", "pdq_degenerate"),
        (real, "49", "pdq_low_quality"),
    ):
        draft = checker.draft(("a", "", "", MD5, "", "", pdq, quality))
        assert (draft.pdq, draft.pdq_quality) == (None, None)
        assert draft.md5 is not None
        assert checker.take_dropped() == {code: 1}
        with pytest.raises(BadRowError) as caught:
            checker.draft(("a", "", "", "", "", "", pdq, quality))
        assert caught.value.fault.value == code
    for quality in ("50", ""):
        draft = checker.draft(("a", "", "", MD5, "", "", real, quality))
        assert draft.pdq == bytes.fromhex(real)
    assert not checker.take_dropped()

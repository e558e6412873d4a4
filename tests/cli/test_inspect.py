"""`safehold inspect`: what it tells, and what it tells only when it is asked to."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.provenance.containers import png, text_chunk
from tests.provenance.shapes import A1111, PROMPT, SHAPES
from tests.provenance.signing import chain, signed

SEED = "4279116933"
MADE = SHAPES["a1111 png text"].data


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "lamp.png"
    made.write_bytes(MADE)
    return made


def told(result: Any) -> Any:
    return json.loads(result.out)


def test_words_only_with_the_flag(safehold: Command, file: Path) -> None:
    plain = safehold("inspect", file)
    assert plain.code == 1, plain.err
    assert "a1111 (declared): a model had a part in it" in plain.out
    assert "shown with --prompts: 1 negative_prompt, 1 prompt" in plain.out
    asked = safehold("inspect", file, "--json")
    found = told(asked)
    assert found["generated"] is True and found["words"] == {"negative_prompt": 1, "prompt": 1}
    for said in (plain.out, plain.err, asked.out, asked.err):
        assert "lighthouse" not in said and "lamp" not in said
    shown = told(safehold("inspect", file, "--json", "--prompts"))
    assert {"prompt", PROMPT} <= set(shown["passages"][0].values())
    assert "lighthouse" in safehold("inspect", file, "--prompts").out


def test_every_piece_has_its_place_and_its_bytes(safehold: Command, tmp_path: Path) -> None:
    data = png(
        chunks=[text_chunk("parameters", A1111.replace(SEED, "1")), text_chunk("odd", "one")],
        late=[text_chunk("parameters", A1111.replace(SEED, "2"))],
    )
    file = tmp_path / "twice.png"
    file.write_bytes(data)
    found = told(safehold("inspect", file, "--json", "--prompts", "--raw"))
    assert len(found["pieces"]) == 3
    for piece in found["pieces"]:
        stored = data[piece["offset"] : piece["offset"] + piece["length"]]
        assert hashlib.sha256(stored).hexdigest() == piece["sha256"]
        assert base64.b64decode(piece["raw"]) == stored
    assert found["conflicts"] == ["repeated", "seeds_differ"]
    assert {claim["seed"] for claim in found["claims"]} == {"1", "2"}
    assert safehold("inspect", file, "--raw").code == 64


def test_nothing_is_said_of_a_file_without_claims(safehold: Command, tmp_path: Path) -> None:
    file = tmp_path / "plain.png"
    file.write_bytes(png())
    result = safehold("inspect", file)
    assert result.code == 0
    assert "That does not say who or what made it." in result.out
    assert told(safehold("inspect", file, "--json"))["generated"] is None
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    assert safehold("inspect", broken).code == 2
    assert safehold("inspect", tmp_path / "none.png").code == 64


def test_what_is_no_file_is_not_read(safehold: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "nothing"):
        done = safehold("inspect", path)
        assert (done.code, done.out) == (64, ""), path.name


def test_a_trust_list_of_the_operator(safehold: Command, tmp_path: Path) -> None:
    anchors = tmp_path / "trusted.pem"
    anchors.write_bytes(chain().root)
    file = tmp_path / "signed.png"
    file.write_bytes(signed())
    settings = {
        "SAFEHOLD_PROVENANCE__TRUST_LIST": str(anchors),
        "SAFEHOLD_PROVENANCE__TRUST_LIST_VERSION": "2026-03",
    }
    [claim] = told(safehold("inspect", file, "--json", **settings))["claims"]
    assert claim["tier"] == "verified" and claim["checks"]["trust_list"] == "2026-03"
    [claim] = told(safehold("inspect", file, "--json"))["claims"]
    assert claim["tier"] == "signed"


def test_scan_rows_have_claims_and_no_words(safehold: Command, file: Path) -> None:
    [row] = safehold("scan", file).rows
    assert row["provenance"][0]["form"] == "a1111" and row["verdict"] == "allow"
    assert "lighthouse" not in json.dumps(row)

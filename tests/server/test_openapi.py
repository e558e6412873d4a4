"""The OpenAPI document is true: schemathesis calls all that it allows and all that it forbids."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from safehold.server.problems import KINDS
from tests.server.site import Site


def test_schemathesis_finds_nothing(site: Site, tmp_path: Path) -> None:
    document = site.call("GET", "/openapi.json", key=None).json
    for path in document["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and "parameters" in operation:
                # Two calls with one key are no two calls; test_screen has what holds then.
                operation["parameters"] = [
                    p for p in operation["parameters"] if p["name"] != "Idempotency-Key"
                ]
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    # Headers that nobody knows are no error in HTTP: proxies add theirs.
    (tmp_path / "schemathesis.toml").write_text("[generation]\nallow-extra-parameters = false\n")
    program = Path(sys.executable).with_name("schemathesis")
    found = subprocess.run(
        [
            *(str(program), "run", str(file), "--url", f"http://127.0.0.1:{site.port}"),
            *("-H", f"Authorization: Bearer {site.keys['shop']}"),
            *("--seed", "7", "--max-examples", "25", "--phases", "examples,coverage,fuzzing"),
            *("--checks", "all", "--warnings", "off"),
            *("--generation-database", "none", "--no-shrink", "--continue-on-failure"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=120,
    )
    assert found.returncode == 0, found.stdout
    assert "Tested: 11" in found.stdout


def test_every_call_is_in_the_document(site: Site) -> None:
    document = site.call("GET", "/openapi.json", key=None).json
    operations = {
        (method, path)
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert operations == {
        ("post", "/v1/screen"),
        ("post", "/v1/screen/digests"),
        ("get", "/v1/receipts/{receipt}"),
        ("post", "/v1/receipts/{receipt}/confirm"),
        ("put", "/v1/receipts/{receipt}/bytes"),
        ("post", "/v1/flags"),
        ("post", "/v1/appeals"),
        ("get", "/health/live"),
        ("get", "/health/ready"),
        ("get", "/metrics"),
        ("get", "/openapi.json"),
    }


@pytest.mark.parametrize("path", ["/nowhere", "/v1/receipts/x"])
def test_problems_are_of_the_schema(site: Site, path: str) -> None:
    document = site.call("GET", "/openapi.json", key=None).json
    schema = document["components"]["schemas"]["Problem"]
    answer = site.call("GET", path)
    assert set(schema["required"]) <= set(answer.json) <= set(schema["properties"])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["code"] in KINDS

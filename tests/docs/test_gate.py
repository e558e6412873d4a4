"""The reference of the gate's routes has the very routes of the gate."""

from __future__ import annotations

import importlib

import pytest

from safehold.gate.interface import Adapter
from safehold.gate.model import Api, GateOptions
from tests.docs.pages import code, reference, rows, section

HEADINGS = {
    Api.OPENAI: "OpenAI",
    Api.A1111: "AUTOMATIC1111",
    Api.COMFYUI: "ComfyUI",
    Api.INVOKEAI: "InvokeAI",
}


def adapter(api: Api) -> Adapter:
    made: Adapter = importlib.import_module(f"safehold.gate.apis.{api}").adapter(GateOptions())
    return made


@pytest.mark.parametrize("api", list(Api))
def test_every_route_is_told_and_none_is_invented(api: Api) -> None:
    page = reference("gate-routes.md")
    told = {
        (code(row[0]), code(pattern))
        for row in rows(section(page, HEADINGS[api]))
        for pattern in row[1].split(", ")
    }
    given = adapter(api)
    routes = {(route.method, route.pattern) for route in given.routes()}
    assert told == routes | {("socket", route.pattern) for route in given.sockets()}


@pytest.mark.parametrize("api", list(Api))
def test_the_refusal_is_told(api: Api) -> None:
    text = section(reference("gate-routes.md"), HEADINGS[api])
    refusal = adapter(api).refusal()
    assert f"status {refusal.status}" in text
    assert refusal.body.decode() in text.replace("\n    ", "")

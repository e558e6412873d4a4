"""Upstreams with sockets."""

from tests.gate.upstreams_comfy import FakeComfy
from tests.gate.upstreams_invoke import FakeInvoke
from tests.gate.upstreams_social import serving

__all__ = ["FakeComfy", "FakeInvoke", "serving"]

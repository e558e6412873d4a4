"""Shared by all tests: compiled kernels are cached, and hypothesis is deterministic."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

from safehold.kernels.accelerate import KernelCache

settings.register_profile(
    "safehold",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("safehold")

KERNEL_CACHE = Path(__file__).parents[1] / ".venv" / "kernel-cache"
"""Compiled kernels are kept here between runs."""

KernelCache.configure(KERNEL_CACHE)

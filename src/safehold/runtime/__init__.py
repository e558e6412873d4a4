"""The one composition root: what joins settings, stores, keys, workers and policy."""

from safehold.runtime.core import Runtime
from safehold.runtime.home import DigestKeyError, Home, HomeError

__all__ = ["DigestKeyError", "Home", "HomeError", "Runtime"]

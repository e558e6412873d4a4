"""The one place that touches numba.

`kernel` marks a function to be compiled on its first call. Compiled code is cached on disk in
a private folder (mode 0700: a cache is code, and whoever can write to it can run code here).
The first compilation is announced through `on_compile`, because it takes some seconds.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from safehold.errors import SafeholdError

T = TypeVar("T", bound=np.generic)
P = ParamSpec("P")
R = TypeVar("R")


class UnsafeFolderError(SafeholdError):
    """A folder that must be private cannot be trusted: the home, or the kernels' cache."""

    code = "folder_unsafe"
    default_message = (
        "The folder for compiled kernels belongs to somebody else or is writable by others."
    )
    default_hint = (
        "Remove it, close it (chmod 700) if you trust what is in it, or name another one."
    )


class KernelCache:
    """Where compiled kernels are kept, and whom to tell when one must be compiled."""

    folder: ClassVar[Path | None] = None
    on_compile: ClassVar[Callable[[], None] | None] = None
    _prepared: ClassVar[bool] = False
    _announced: ClassVar[bool] = False

    @classmethod
    def configure(cls, folder: Path | None, on_compile: Callable[[], None] | None = None) -> None:
        """Set the cache folder (None: compile anew in each process) and the announcer."""
        cls.folder = folder
        cls.on_compile = on_compile
        cls._prepared = False
        cls._announced = False

    @classmethod
    def prepare(cls) -> bool:
        """Point numba at the folder. Returns whether compiled code may be cached."""
        import numba

        if cls.folder is None:
            return False
        if not cls._prepared:
            secure_folder(cls.folder)
            config: Any = numba.config
            config.CACHE_DIR = str(cls.folder)
            cls._prepared = True
        return True

    @classmethod
    def announce(cls) -> None:
        """Tell, once, that kernels are being compiled, unless a cache holds some already."""
        if cls._announced:
            return
        cls._announced = True
        cached = cls.folder is not None and any(cls.folder.glob("**/*.nbi"))
        if cls.on_compile is not None and not cached:
            cls.on_compile()


def secure_folder(folder: Path) -> None:
    """Make `folder` with mode 0700, or check that it is ours and that nobody else can write.

    A folder that others could only read is closed to them. Raises `UnsafeFolderError` when it is
    somebody else's, or when others could have put something in it.
    """
    for part in (*reversed(folder.parents), folder):
        # Unlike `parents=True`, this closes the folders above that are made here, too.
        if not part.is_dir():
            part.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise UnsafeFolderError
    if found.st_mode & 0o022:
        raise UnsafeFolderError("Others can write to a folder that must be private.")
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def frozen(array: NDArray[T]) -> NDArray[T]:
    """A read-only view of an array.

    A kernel is compiled once for writable and once for read-only arguments. What comes from
    decoders may be either; as a frozen view it is always the latter, so nothing is compiled
    where no compiler can run (a locked worker).
    """
    view = array.view()
    view.flags.writeable = False
    return view


def kernel(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile the decorated function with `numba.njit(**options)` on its first call."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        compiled: list[Callable[P, R]] = []

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if not compiled:
                import numba

                cache = KernelCache.prepare()
                KernelCache.announce()
                compiled.append(numba.njit(cache=cache, **options)(function))
            return compiled[0](*args, **kwargs)

        return call

    return decorate

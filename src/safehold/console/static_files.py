"""Files that never change under their address: the style sheet and the scripts.

Their address holds a digest of all of them, so that they may be kept for ever, and modules may
import one another by plain relative names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

PREFIX = "/static/"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
_TAG_CHARACTERS = 16


class StaticFiles:
    """The files of the package's folder `static`, held in memory."""

    def __init__(self, files: Mapping[str, bytes] | None = None) -> None:
        self._files = MappingProxyType(dict(files) if files is not None else _read())
        digest = hashlib.sha256()
        for name in sorted(self._files):
            digest.update(f"{name}\0{len(self._files[name])}\0".encode() + self._files[name])
        self._folder = f"{PREFIX}{digest.hexdigest()[:_TAG_CHARACTERS]}/"

    def url(self, name: str) -> str:
        """Address of a file. Raises KeyError where there is none of that name."""
        self._files[name]
        return self._folder + name

    def find(self, path: str) -> tuple[bytes, str, bool] | None:
        """Content, media type, and whether the address is the present one; None for no file.

        An address of an earlier version finds the present file, which must not be kept.
        """
        folder, _, name = path.removeprefix(PREFIX).partition("/")
        content = self._files.get(name)
        if content is None or not folder:
            return None
        suffix = name[name.rfind(".") :]
        return content, _TYPES[suffix], f"{PREFIX}{folder}/" == self._folder


def _read() -> dict[str, bytes]:
    folder = resources.files(__package__) / "static"
    return {
        file.name: file.read_bytes()
        for file in folder.iterdir()
        if file.is_file() and file.name[file.name.rfind(".") :] in _TYPES
    }

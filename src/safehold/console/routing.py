"""How an address becomes a page or an action, and the other way round."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, urlencode

from safehold.console.visit import Route

_VARIABLE = re.compile(r"\{([a-z_]+)\}")


class RouteTable:
    """Finds routes by address, and addresses by name."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises ValueError where two routes have one name, or one method and path."""
        self._named: dict[str, Route] = {}
        by_path: dict[str, dict[str, Route]] = {}
        for route in routes:
            if route.name in self._named:
                raise ValueError(f"two routes are named {route.name}")
            self._named[route.name] = route
            if by_path.setdefault(route.path, {}).setdefault(route.method, route) is not route:
                raise ValueError(f"two routes take {route.method} {route.path}")
        # What is written out goes before what is variable: /cases/next before /cases/{case_id}.
        ordered = sorted(by_path, key=lambda path: [part[:1] == "{" for part in path.split("/")])
        self._patterns = [(_pattern(path), by_path[path]) for path in ordered]

    def __iter__(self) -> Iterator[Route]:
        """All routes."""
        return iter(self._named.values())

    def __contains__(self, name: str) -> bool:
        """Whether there is a route of that name."""
        return name in self._named

    def find(self, path: str) -> tuple[Mapping[str, Route], Mapping[str, str]]:
        """The routes of a path by method, and the path's variable parts; empty for none."""
        for pattern, routes in self._patterns:
            if match := pattern.fullmatch(path):
                return routes, match.groupdict()
        return {}, {}

    def named(self, name: str) -> Route:
        """One route. Raises KeyError."""
        return self._named[name]

    def url(self, name: str, values: Mapping[str, object] | None = None) -> str:
        """Address of a route.

        Values that its path does not name go into the query; those that are None or empty are
        left out there. Raises KeyError for a route that does not exist, or for a part of the
        path that is missing.
        """
        path = self._named[name].path
        rest = dict(values or {})

        def part(match: re.Match[str]) -> str:
            return quote(str(rest.pop(match[1])), safe="")

        address = _VARIABLE.sub(part, path)
        query = urlencode(
            [(key, str(value)) for key, value in rest.items() if value not in (None, "")]
        )
        return f"{address}?{query}" if query else address


def _pattern(path: str) -> re.Pattern[str]:
    pieces = _VARIABLE.split(path)
    fixed = [re.escape(piece) for piece in pieces[0::2]]
    names = [rf"(?P<{name}>[^/]{{1,256}})" for name in pieces[1::2]] + [""]
    return re.compile("".join(a + b for a, b in zip(fixed, names, strict=True)))

"""Pages from templates.

Everything that is put into a page is escaped, unknown names are errors, and a template reaches
nothing but what its page gives it and the names of `Environment.render`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
from babel.dates import format_date, format_time, format_timedelta
from markupsafe import Markup

from safehold.console.flashes import FLASHES
from safehold.console.labels import label
from safehold.console.navigation import shown_to
from safehold.console.routing import RouteTable
from safehold.console.static_files import StaticFiles
from safehold.console.visit import Route, Visit
from safehold.users.roles import Permission

_JUST_NOW = dt.timedelta(seconds=5)


class Environment:
    """Makes pages; see `safehold.console.ports.Templates`."""

    def __init__(
        self,
        routes: Iterable[Route],
        static: StaticFiles | None = None,
        loader: jinja2.BaseLoader | None = None,
    ) -> None:
        self.routes = RouteTable(routes)
        self.static = static or StaticFiles()
        self._jinja = jinja2.Environment(
            loader=loader or jinja2.PackageLoader("safehold.console", "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._jinja.globals.update(static=self.static.url, Permission=Permission)

    def url(self, name: str, values: Mapping[str, object]) -> str:
        """Address of a route. Raises KeyError where there is none of that name."""
        return self.routes.url(name, values)

    def render(self, template: str, visit: Visit, values: dict[str, Any]) -> bytes:
        """A page as UTF-8.

        Templates, and macros that are imported `with context`, know beside `values`: `visit`,
        `t`, `n`, `number`, `label` (a code in words), `may` (a `Permission` or its name), `csrf`
        (the hidden field of forms), `csrf_token`, `moment`, `ago`, `url`, `has_route`, `static`,
        `nav` (entries of the navigation) and `flash` (the text of `?done=CODE`, or "").
        """
        # As values, never as Jinja's globals: a template that is loaded already shares those with
        # every other thread, and one visitor's token would stand in another's page.
        made = self._jinja.get_template(template)
        return made.render({**self._names(visit), **values}).encode("utf-8")

    def _names(self, visit: Visit) -> dict[str, Any]:
        catalog = visit.catalog
        moments = _Moments(visit)
        return {
            "visit": visit,
            "t": catalog.text,
            "n": catalog.plural,
            "number": catalog.number,
            "label": lambda value, family="": catalog.text(label(value, family)),
            "may": lambda permission: visit.may(Permission(permission)),
            "csrf": Markup('<input type="hidden" name="csrf" value="{}">').format(visit.csrf),
            "csrf_token": visit.csrf,
            "moment": moments.moment,
            "ago": moments.ago,
            "url": lambda name, /, **parts: self.routes.url(name, parts),
            "has_route": lambda name: name in self.routes,
            "nav": shown_to(visit, self.routes),
            "flash": catalog.text(FLASHES.get(visit.query.get("done", ""), "")),
        }


class _Moments:
    """Moments in the visitor's language, in UTC: colleagues may sit in several zones."""

    def __init__(self, visit: Visit) -> None:
        self._now = visit.now
        self._locale = visit.catalog.locale
        self._just_now = visit.catalog.text("just now")

    def moment(self, value: dt.datetime | None) -> Markup:
        """Day and time of day, with the zone; nothing for None."""
        if value is None:
            return Markup("")
        return Markup('<time datetime="{}">{}</time>').format(_machine(value), self._words(value))

    def ago(self, value: dt.datetime | None) -> Markup:
        """How long ago, or how long until; the moment itself as title. Nothing for None."""
        if value is None:
            return Markup("")
        words = self._just_now
        if abs(value - self._now) >= _JUST_NOW:
            words = format_timedelta(value - self._now, add_direction=True, locale=self._locale)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            _machine(value), self._words(value), words
        )

    def _words(self, value: dt.datetime) -> str:
        moment = value.astimezone(dt.UTC)
        day = format_date(moment, "medium", locale=self._locale)
        return f"{day}, {format_time(moment, 'HH:mm', locale=self._locale)} UTC"


def _machine(value: dt.datetime) -> str:
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

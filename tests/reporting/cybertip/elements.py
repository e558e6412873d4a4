"""Reports and file details of the CyberTipline made from the models themselves.

`maximal` sets every field; `made` is a strategy of all that the marks at the fields allow.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import types
import typing
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from safehold.reporting.cybertip.common_elements import Email, Person
from safehold.reporting.cybertip.file_elements import FileDetails, FileRelevance
from safehold.reporting.cybertip.marks import (
    Longest,
    Mark,
    Matching,
    Must,
    OneOf,
    Within,
    fields_of,
)
from safehold.reporting.cybertip.report_elements import (
    CybertipReport,
    EmailIncident,
    IncidentSummary,
    IncidentType,
    NewsgroupIncident,
    Reporter,
)

MOMENT = dt.datetime(2026, 11, 20, 9, 1, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))
_ZONES = [dt.UTC, *(dt.timezone(dt.timedelta(minutes=one)) for one in (-840, -210, 60, 345, 840))]


def least_report(**changes: Any) -> CybertipReport:
    """A report that keeps all rules, with no more than they need."""
    told: dict[str, Any] = {
        "incident_summary": IncidentSummary(
            incident_type=IncidentType.MISLEADING_DOMAIN, incident_date_time=MOMENT
        ),
        "reporter": Reporter(Person(email=(Email("reports@house.example"),))),
    }
    return CybertipReport(**(told | changes))


def maximal(model: Any) -> Any:
    """A model with every field set, repeated ones twice, choices with all of their models."""
    hints = typing.get_type_hints(model)
    told = {field.attribute: _full(hints[field.attribute]) for field in fields_of(model)}
    for field in fields_of(model):
        for bound in field.bounds:
            if isinstance(bound, OneOf):
                told[field.attribute] = min(bound.codes)
            elif isinstance(bound, Matching) and "+[" in bound.pattern and field.name[0] == "c":
                told[field.attribute] = "+7"
            elif bound is Must.IP_ADDRESS:
                told[field.attribute] = "192.0.2.7"
    return model(**told)


def made(model: Any) -> st.SearchStrategy[Any]:
    """A strategy of a model: any values that its fields' marks allow."""
    return _made(model)


def kept_reports() -> st.SearchStrategy[CybertipReport]:
    """Reports that keep the rules between their fields as well."""
    return made(CybertipReport).map(_keep_report)


def kept_files() -> st.SearchStrategy[FileDetails]:
    """File details that keep the rules between their fields as well."""
    return made(FileDetails).map(keep_file)


def keep_file(details: FileDetails) -> FileDetails:
    """File details as the rules want them."""
    annotations, viewed = details.file_annotations, details.file_viewed_by_esp
    return dataclasses.replace(
        details,
        exif_viewed_by_esp=viewed and details.exif_viewed_by_esp,
        potential_meme=None if annotations is not None else details.potential_meme,
        file_relevance=FileRelevance.REPORTED,
    )


def _keep_report(report: CybertipReport) -> CybertipReport:
    quiet = (EmailIncident, NewsgroupIncident)
    person = dataclasses.replace(
        report.reporter.reporting_person, email=(Email("reports@house.example"),)
    )
    return dataclasses.replace(
        report,
        batched_report=None,
        reporter=dataclasses.replace(report.reporter, reporting_person=person),
        person_or_user_reported=report.person_or_user_reported[:1],
        internet_details=tuple(
            dataclasses.replace(one, email_address=()) if isinstance(one, quiet) else one
            for one in report.internet_details
        ),
    )


def _plain(hint: Any) -> list[Any]:
    """The alternatives of a type, without None."""
    if isinstance(hint, types.UnionType):
        return [one for one in hint.__args__ if one is not type(None)]
    return [hint]


def _full(hint: Any) -> Any:
    """A value of a type, none of it missing."""
    alternatives = _plain(hint)
    one = alternatives[0]
    if typing.get_origin(one) is tuple:
        inner = _plain(typing.get_args(one)[0])
        return tuple(_full(kind) for kind in (inner if len(inner) > 1 else inner * 2))
    values: dict[Any, Any] = {
        str: "7",
        bool: True,
        int: 7,
        float: 7.5,
        dt.date: MOMENT.date(),
        dt.datetime: MOMENT,
    }
    if one in values:
        return values[one]
    return next(iter(one)) if issubclass(one, Enum) else maximal(one)


@functools.cache
def _made(model: Any) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(model)
    told = {}
    for field in fields_of(model):
        hint = hints[field.attribute]
        value = _value(hint, field.bounds)
        if field.mark is not Mark.FLAG and type(None) in getattr(hint, "__args__", ()):
            value = st.none() | value
        told[field.attribute] = value
    if model.__name__ == "Hash":
        told["hash_type"], told["value"] = (
            st.just("SHA-1"),
            st.text("0123456789abcdef", max_size=40),
        )
        told["value"] = told["value"].map(lambda text: text.ljust(40, "0"))
    return st.builds(model, **told)


def _value(hint: Any, bounds: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    alternatives = _plain(hint)
    if len(alternatives) > 1:
        return st.one_of(*(_made(one) for one in alternatives))
    one = alternatives[0]
    if typing.get_origin(one) is tuple:
        least = 1 if "NameValuePair" in str(one) else 0
        inner = _value(typing.get_args(one)[0], bounds)
        return st.lists(inner, min_size=least, max_size=2).map(tuple)
    if one is str:
        return _text(bounds)
    if one in (int, float):
        low, high = next(((b.low, b.high) for b in bounds if isinstance(b, Within)), (0, 9))
        return st.integers(int(low), int(high)) if one is int else st.floats(low, high)
    plain: dict[Any, st.SearchStrategy[Any]] = {
        bool: st.booleans(),
        dt.date: st.dates(),
        dt.datetime: st.datetimes(timezones=st.sampled_from(_ZONES)),
    }
    if one in plain:
        return plain[one]
    return st.sampled_from(one) if issubclass(one, Enum) else _made(one)


def _text(bounds: tuple[Any, ...]) -> st.SearchStrategy[str]:
    for bound in bounds:
        if isinstance(bound, OneOf):
            return st.sampled_from(sorted(bound.codes))
        if isinstance(bound, Matching):
            # The longest of those that have a bound as well is ten.
            return st.from_regex(bound.pattern, fullmatch=True).map(lambda text: text[:10])
        if bound is Must.IP_ADDRESS:
            return st.ip_addresses().map(str)
        if bound is Must.URL:
            path = st.text("abc/~%&?=0", max_size=9)
            return path.map(lambda found: f"https://pictures.example/{found}")
    longest = next((one.characters for one in bounds if isinstance(one, Longest)), 9)
    text = st.text(st.characters(), max_size=min(longest - 1, 9))
    return text.map(lambda found: f"x{found}") if Must.NOT_BLANK in bounds else text

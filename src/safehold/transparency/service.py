"""Figures of a period, from the records to what may be published."""

from __future__ import annotations

import datetime as dt

from safehold.accounts.model import UnknownServiceError
from safehold.errors import UsageError
from safehold.transparency.counting import publish
from safehold.transparency.model import Publication, Window
from safehold.transparency.options import TransparencyOptions
from safehold.transparency.records import TransparencyRecords


class PeriodError(UsageError):
    """A period that ends before it begins, or without a time zone."""

    code = "transparency_period"
    default_message = "The period must end after it begins."


class TransparencyService:
    """Makes publications. Safe to use from several threads."""

    def __init__(self, records: TransparencyRecords, options: TransparencyOptions) -> None:
        self._records = records
        self._options = options

    def publication(self, since: dt.datetime, until: dt.datetime, service: str = "") -> Publication:
        """Figures of a period, of one service or of all.

        Raises:
            PeriodError: it is no period.
            UnknownServiceError: there is no such service.
        """
        if since.tzinfo is None or until.tzinfo is None or since >= until:
            raise PeriodError
        with self._records.read() as transaction:
            found = transaction.accounts.service_named(service) if service else None
            if service and found is None:
                raise UnknownServiceError
            window = Window(since, until, None if found is None else found.service_id)
            store = transaction.transparency
            histories, orders = store.histories(window), store.orders(window)
            return publish(histories, orders, window, service, self._options.least)

"""What tells exchanges what people decided, joined from a home."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from typing import TYPE_CHECKING

from safehold.config.credentials import CredentialsError, read_credentials
from safehold.lists.exchanges import registry
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeOptions,
    ExchangeSettingsError,
)
from safehold.work.jobs.opinions import OpinionParts

if TYPE_CHECKING:
    from safehold.outbound.model import Call, Reply
    from safehold.runtime.service import ServiceRuntime


def opinion_parts(runtime: ServiceRuntime) -> OpinionParts:
    """What opinions are made and sent with.

    Raises:
        ExchangeSettingsError: an exchange takes no opinions, or lacks what they need.
    """
    settings = runtime.settings
    taking = {name: one for name, one in settings.exchanges.items() if one.opinions}
    lists = Counter(options.list or name for name, options in taking.items())
    if any(count > 1 for count in lists.values()):
        raise ExchangeSettingsError(
            "Two exchanges with one list both take opinions.",
            hint="Leave 'opinions' with the one whose entries they are.",
        )
    for name, options in taking.items():
        module = registry.opinions(name, options)
        # What cannot be read now may be when an opinion is sent; everything else has to go on.
        with contextlib.suppress(CredentialsError):
            module.check(options, _credentials(options))

    def send(call: Call) -> Reply:
        from safehold.outbound.client import send_once

        return send_once(call, settings.outbound)

    return OpinionParts(
        records=runtime.records,
        lists=runtime.list_store,
        exchanges=taking,
        credentials=_credentials,
        send=send,
        ids=runtime.ids,
        clock=runtime.clock,
        chance=random.random,
        messages=runtime.alarm_messages,
    )


def _credentials(options: ExchangeOptions) -> Credentials:
    return read_credentials(options.credentials_file, options.credentials_env)

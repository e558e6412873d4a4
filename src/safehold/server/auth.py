"""Who asks, what they may, and how often.

`Authorization: Bearer KEY` (RFC 6750). Whatever is wrong with a key, the answer is the same.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from safehold.accounts.budgets import Call, Charge
from safehold.accounts.keys import Caller
from safehold.accounts.model import ApiKeyError, Scope
from safehold.engine.errors import OverloadedError
from safehold.ids import ServiceId
from safehold.policy.surfaces import SurfaceOptions
from safehold.server.errors import BudgetError, ForbiddenError, RequestError
from safehold.server.ports import ServerParts
from safehold.server.request import Request

_MAX_KEY = 256
_MAX_LOOK_UPS = 256


class Gate:
    """Lets calls in."""

    def __init__(self, parts: ServerParts) -> None:
        self._keys = parts.door.keys
        options = parts.options
        self._most_calls = max(1, int(options.max_connections * options.service_share))
        self._calls: Counter[ServiceId] = Counter()
        self._looking: dict[str, asyncio.Future[Caller]] = {}
        self._threads = ThreadPoolExecutor(2, "keys")
        self._seconds = parts.options.answer_seconds

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    async def admit(self, request: Request, scope: Scope) -> Caller:
        """The caller, who may do this.

        Raises:
            ApiKeyError: there is no key that is good.
            ForbiddenError: it has not the scope.
            OverloadedError: too many unknown keys are being looked up, or it takes too long, or
                the service has more calls under way than its share.
        """
        text = _bearer(request)
        caller = self._keys.recall(text) or await self._look_up(text)
        request.caller = caller
        if scope not in caller.key.scopes:
            raise ForbiddenError
        service = caller.service.service_id
        if self._calls[service] >= self._most_calls:
            raise OverloadedError
        self._calls[service] += 1
        request.admitted = True
        return caller

    def leave(self, request: Request) -> None:
        """A call is over; its place is free."""
        if not request.admitted or request.caller is None:
            return
        service = request.caller.service.service_id
        self._calls[service] -= 1
        if not self._calls[service]:
            del self._calls[service]

    async def _look_up(self, text: str) -> Caller:
        """Ask the database, once for all who come with the same key at the same moment."""
        looking = self._looking.get(text)
        if looking is None:
            if len(self._looking) >= _MAX_LOOK_UPS:
                raise OverloadedError
            loop = asyncio.get_running_loop()
            looking = loop.run_in_executor(self._threads, self._keys.refresh, text)
            self._looking[text] = looking
            looking.add_done_callback(lambda done: self._looked_up(text, done))
        try:
            return await asyncio.wait_for(asyncio.shield(looking), self._seconds)
        except TimeoutError:
            raise OverloadedError from None

    def _looked_up(self, text: str, done: asyncio.Future[Caller]) -> None:
        self._looking.pop(text, None)
        if not done.cancelled():
            done.exception()


def _bearer(request: Request) -> str:
    try:
        value = request.header(b"authorization")
    except RequestError:
        raise ApiKeyError from None
    if value is None or len(value) > _MAX_KEY or not value.isascii():
        raise ApiKeyError
    kind, _, text = value.decode("ascii").partition(" ")
    if kind.lower() != "bearer" or not text:
        raise ApiKeyError
    return text.strip(" ")


class Purse:
    """Charges budgets: by key, and by end user within a service. Each kind of call has its own."""

    def __init__(self, parts: ServerParts) -> None:
        self._spend = parts.door.spend
        self._names = parts.names
        self._budgets = parts.budgets
        self._clock = parts.clock

    def key(self, caller: Caller, call: Call) -> Charge:
        """What one call costs its key."""
        limit = self._budgets.of_key(call, caller.key.per_minute)
        return self._charge(caller, f"{call.value}:key:{caller.key.key_id}", limit)

    def user(
        self, caller: Caller, call: Call, person: str, surface: tuple[str, SurfaceOptions] | None
    ) -> Charge:
        """What one call costs an end user; nothing where nobody is named.

        `surface` is where the item belongs and its settings, which may have a budget of its own.
        """
        name, own = "", -1
        if surface is not None and surface[1].user_per_minute >= 0:
            name, own = surface[0], surface[1].user_per_minute
        limit = self._budgets.of_user(call, own) if person else 0
        return self._charge(caller, f"{call.value}:user:{name}:{person}", limit)

    def charge(self, *charges: Charge) -> None:
        """Charge all, or none and raise `BudgetError`."""
        bounded = [charge for charge in charges if charge[1] > 0]
        if not bounded:
            return
        seconds = self._spend(bounded, self._clock.now())
        if seconds > 0:
            raise BudgetError(seconds)

    def _charge(self, caller: Caller, subject: str, limit: int) -> Charge:
        return self._names.budget(caller.service.service_id, subject), limit

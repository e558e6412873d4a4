"""A simulated Hasher-Matcher-Actioner: banks of PDQ hashes, and the look-up by one hash."""

from __future__ import annotations

from safehold.lists.exchanges.model import Credentials
from safehold.testing.exchanges.door import Asked
from safehold.testing.remote.waiting import WaitingDoor

CREDENTIALS = Credentials(key="token")


class HmaDoor(WaitingDoor):
    """Finds hashes within 31 bits.

    Attributes:
        banks: hashes by number, by the bank's name.
        old: whether it answers as older versions do: with the names of all banks alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.banks: dict[str, dict[int, bytes]] = {}
        self.old = False

    def knows(self, asked: Asked) -> bool:
        """Whether the caller may ask."""
        return asked.headers.get("authorization") == f"Bearer {CREDENTIALS.key}"

    def told(self, asked: Asked) -> object | None:
        """The banks that know a hash."""
        if (asked.method, asked.path) != ("GET", "/m/lookup"):
            return None
        assert asked.query["signal_type"] == "pdq"
        pdq = int(asked.query["signal"], 16)
        banks = asked.query.get("banks", "")
        wanted = self.banks.keys() if self.old or not banks else set(banks.split(","))
        found: dict[str, list[dict[str, object]]] = {}
        for bank, known in self.banks.items():
            for number, one in known.items():
                distance = (pdq ^ int.from_bytes(one, "big")).bit_count()
                if bank in wanted and distance <= 31:
                    entry = {"bank_content_id": number, "distance": str(distance)}
                    found.setdefault(bank, []).append(entry)
        return list(found) if self.old else found

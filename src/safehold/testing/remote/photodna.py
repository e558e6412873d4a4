"""A simulated PhotoDNA Cloud Service, version 1.0. It knows the pictures that it is told."""

from __future__ import annotations

import hashlib

from safehold.lists.exchanges.model import Credentials
from safehold.testing.exchanges.door import Asked
from safehold.testing.remote.waiting import WaitingDoor

CREDENTIALS = Credentials(key="subscription")
PATH = "/photodna/v1.0/Match"


class PhotoDnaDoor(WaitingDoor):
    """Finds pictures by their bytes, which stands for the likeness that the original compares.

    Attributes:
        known: SHA-256 of pictures, with the violations that are told.
        status: the code of its own in every answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[bytes, list[str]] = {}
        self.status = 3000

    def knows(self, asked: Asked) -> bool:
        """Whether the caller may ask."""
        return asked.headers.get("ocp-apim-subscription-key") == CREDENTIALS.key

    def told(self, asked: Asked) -> object | None:
        """What is known of a picture."""
        if (asked.method, asked.path) != ("POST", PATH):
            return None
        answer: dict[str, object] = {
            "Status": {"Code": self.status, "Description": "", "Exception": None},
            "TrackingId": "tracking",
            "ContentId": None,
        }
        if self.status == 3000:
            violations = self.known.get(hashlib.sha256(asked.body).digest())
            flag = {
                "AdvancedInfo": [{"Key": "MatchId", "Value": "117721"}],
                "Source": "Test",
                "Violations": violations,
            }
            answer["IsMatch"] = violations is not None
            answer["MatchDetails"] = {"MatchFlags": [] if violations is None else [flag]}
        return answer

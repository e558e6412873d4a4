"""The list of the canaries' picture, made and kept up to date as any other list."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from safehold.lists.detect import ListFormat
from safehold.lists.model import ListInfo, Tier
from safehold.work.canary.model import CANARY_LIST, CanaryLists
from safehold.work.canary.picture import CanaryPicture


def canary_list_file(picture: CanaryPicture) -> str:
    """The list as JSON Lines: the picture's PDQ as one entry, the SHA-256 of each file as others.

    They are apart so that the exact path and the path by likeness are proved each by itself.
    """
    rows: list[dict[str, object]] = [
        {
            "id": "likeness",
            "classification": "canary",
            "pdq": picture.hash.bits.hex(),
            "pdq_quality": picture.hash.quality,
        }
    ]
    rows += [
        {"id": f"exact-{number:02d}", "classification": "canary", "sha256": sha256.hex()}
        for number, sha256 in enumerate(picture.sha256s())
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def ensure_list(lists: CanaryLists, picture: CanaryPicture) -> ListInfo:
    """Make the list as it must be, where it is not; the list afterwards.

    Doing it again changes nothing, and the list's version stays.

    Raises:
        SafeholdError: the database or the folder of snapshots cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="safehold-canary-") as folder:
        file = Path(folder) / "canary.jsonl"
        file.write_text(canary_list_file(picture), "ascii")
        report = lists.add(
            CANARY_LIST, file, tier=Tier.CONFIRMED, format=ListFormat.JSONL, replace=True
        )
    assert report.list_info is not None
    return report.list_info

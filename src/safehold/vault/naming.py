"""What stores take for a name of an object: 26 to 64 lower-case letters and digits, ASCII.

Names are made by `safehold.cases.names`, keyed, so that who sees the store learns nothing.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[0-9a-z]{26,64}")


def is_object_name(name: str) -> bool:
    """Whether stores take it for a name."""
    return _NAME.fullmatch(name) is not None


def check_object_name(name: str) -> str:
    """The name itself; it is joined to paths and addresses.

    Raises:
        ValueError: it is not one (a mistake of the program, never of its user).
    """
    if not is_object_name(name):
        raise ValueError("not a name of an object")
    return name

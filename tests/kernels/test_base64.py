"""Long base64, beside the standard library's."""

from __future__ import annotations

import base64
import binascii

from hypothesis import example, given
from hypothesis import strategies as st

from safehold.kernels.base64 import decode_base64


def plain(text: bytes) -> bytes | None:
    """What the standard library makes of it, strictly."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None


@given(st.binary(min_size=4, max_size=400))
def test_what_was_encoded_is_decoded(data: bytes) -> None:
    assert decode_base64(base64.b64encode(data)) == data


@given(
    st.binary(min_size=6, max_size=60).map(base64.b64encode),
    st.integers(0, 200),
    st.sampled_from([*b'=-_ \n\r\t\0\\"%', 0x7F, 0x80, 0xFF]),
)
@example(b"QUJDREVG", 7, ord("="))
def test_another_sign_anywhere_is_as_the_library_has_it(text: bytes, at: int, sign: int) -> None:
    changed = bytearray(text)
    changed[at % len(text)] = sign
    found = decode_base64(bytes(changed))
    assert found == plain(bytes(changed)) or found is None
    if sign != ord("="):
        assert found is None


def test_lengths_that_are_no_whole_fours() -> None:
    assert [decode_base64(b"QUJDREVGR0hJ"[:n]) for n in range(12)] == [
        *[None] * 8,
        b"ABCDEF",
        *[None] * 3,
    ]

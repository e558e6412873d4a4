"""Small files that are read before a sandbox closes.

Libraries load parts of themselves when they are first used, which a locked worker cannot do. So
each of them is used once: for XMP, for Exif in the rarer encodings, for signatures over pixels,
for the colours of a JPEG.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator

import numpy as np
from PIL import Image, PngImagePlugin

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.interface import Pixels

_SIDE = 256
"""Watermarks are not looked for in smaller pictures."""

_XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="a program"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
_USER_COMMENT = 0x9286
_EXIF_IFD = 0x8769


def samples() -> Iterator[tuple[Buffer, str, Pixels]]:
    """Files, their formats and their pixels."""
    ramp = Image.linear_gradient("L").resize((_SIDE, _SIDE))
    picture = Image.merge("RGB", (ramp, ramp.rotate(90), ramp.rotate(180)))
    rgb = np.asarray(picture)
    for prefix in (b"JIS\0\0\0\0\0", b"UNICODE\0", b"ASCII\0\0\0", b""):
        exif = Image.Exif()
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = prefix + b"some words\0\xff"
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=95, subsampling=0, exif=exif, xmp=_XMP)
        yield stream.getvalue(), "jpeg", Pixels("jpeg", rgb, None)
    said = PngImagePlugin.PngInfo()
    said.add_text("Software", "NovelAI")
    signature = base64.b64encode(bytes(64)).decode("ascii")
    said.add_text("Comment", json.dumps({"prompt": "", "signed_hash": signature}))
    said.add_itxt("XML:com.adobe.xmp", _XMP.decode("ascii"), zip=True)
    stream = io.BytesIO()
    picture.save(stream, "PNG", pnginfo=said)
    yield stream.getvalue(), "png", Pixels("png", rgb, np.asarray(ramp))

"""After `warm_up`, decoding opens no file and loads no module."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

from tests.media.decode_samples import all_cases
from tests.media.test_decode_frames import sequence

_CHILD = """
import base64, json, resource, sys
from safehold.media.decode import open_picture, warm_up
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError

cases = {name: base64.b64decode(text) for name, text in json.load(sys.stdin).items()}
warm_up()
modules = set(sys.modules)
# No descriptor beyond those that are open: every open fails, in C code too.
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    open("/dev/null")
except OSError:
    pass
else:
    raise SystemExit("files can still be opened")
for name, data in cases.items():
    picture = open_picture(data, MediaLimits())
    count = sum(1 for _ in picture.frames())
    if picture.damaged or count != picture.frame_count:
        raise SystemExit(name)
    try:
        for _ in open_picture(data[: len(data) * 9 // 10], MediaLimits()).frames():
            pass
    except DecodeError:
        pass
loaded = set(sys.modules) - modules
if loaded:
    raise SystemExit(f"loaded late: {sorted(loaded)}")
print("decoded", len(cases))
"""


def test_nothing_is_opened_after_warm_up() -> None:
    files = {case.name: case.data for case in all_cases()}
    files |= {name: sequence(name, 3) for name in ("GIF", "PNG", "WEBP", "AVIF", "TIFF", "MPO")}
    texts = {name: base64.b64encode(data).decode() for name, data in files.items()}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _CHILD],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"decoded {len(files)}\n"


def test_warming_up_twice_is_harmless_and_silent() -> None:
    child = "from safehold.media.decode import warm_up; warm_up(); warm_up()"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", child],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

"""What Safehold, sd-parsers and exiftool read of the same files, in one run.

Run as `python -m benchmarks.provenance_readers`. The files are the shapes that the tests build:
what each generator writes, in every container. For each, what it says (that a model made it,
generator, model, seed, prompt) is looked for in what each tool answers. Prints a Markdown table
of how many were found of how many are said, family by family, and keeps it as JSON, shape by
shape, in `benchmarks/results/`.

- sd-parsers is asked for all that it can do (`EAGER`), in a process with a time limit.
- exiftool shows fields and judges nothing. It is given the most: whatever of its output holds
  the value counts, within whichever field; a file counts as told to be generated when the output
  has the generator's name or one of the terms for generated pictures.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib.metadata
import io
import json
import multiprocessing
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.provenance import hostile
from tests.provenance.shape import Shape

from safehold.media.sniff import HEAD_BYTES, sniff
from safehold.provenance.model import PassageKind, ProvenanceOptions
from safehold.provenance.read import Reader

RESULTS = Path(__file__).parent / "results"
MOST_SECONDS = 10.0
ASPECTS = ("generated", "generator", "model", "seed", "prompt")
TERMS = ("trainedalgorithmicmedia", "compositesynthetic", "ai generated", "aigc")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool says of one file.

    Attributes:
        generated: whether it says that a model made it.
        generators, models, seeds, words: what it says; `words` are prompts.
        trouble: how it failed, or empty.
    """

    generated: bool = False
    generators: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    trouble: str = ""


@dataclass
class Row:
    """One shape: what it says, and which of it each tool found."""

    shape: str
    said: dict[str, list[str]]
    found: dict[str, dict[str, bool]] = field(default_factory=dict)
    trouble: dict[str, str] = field(default_factory=dict)


def said(shape: Shape) -> dict[str, list[str]]:
    """What a shape says, aspect by aspect; those that it does not say are missing."""
    claims = [claim for claim in shape.expected if claim["generative"]]
    values = {
        "generated": ["yes"] if claims else [],
        "generator": [claim.get("generator", "") for claim in claims],
        "model": [claim.get("model", "") for claim in claims],
        "seed": [claim.get("seed", "") for claim in claims],
        "prompt": [text for kind, text in shape.passages if kind == PassageKind.PROMPT],
    }
    filled = {aspect: [value for value in given if value] for aspect, given in values.items()}
    return {aspect: given for aspect, given in filled.items() if given}


def ask_safehold(files: Mapping[str, bytes]) -> dict[str, Answer]:
    """Safehold's reader."""
    reader = Reader(ProvenanceOptions())
    reader.warm_up()
    answers = {}
    for name, data in files.items():
        reading = reader.read(data, sniff(data[:HEAD_BYTES]), hostile.first_frame(data))
        claims = [claim for claim in reading.claims if claim.generative]
        answers[name] = Answer(
            reading.says_generated,
            tuple(claim.generator for claim in claims),
            tuple(claim.model for claim in claims),
            tuple(claim.seed for claim in claims),
            tuple(one.text for one in reading.passages if one.kind is PassageKind.PROMPT),
        )
    return answers


def ask_sd_parsers(files: Mapping[str, bytes]) -> dict[str, Answer]:
    """sd-parsers, in a process for each file, since it may never come back."""
    context = multiprocessing.get_context("fork")
    answers = {}
    for name, data in files.items():
        near, far = context.Pipe(duplex=False)
        process = context.Process(target=_sd_parsers, args=(data, far))
        process.start()
        far.close()
        if near.poll(MOST_SECONDS):
            with contextlib.suppress(EOFError):
                answers[name] = Answer(**near.recv())
        else:
            answers[name] = Answer(trouble=f"no answer in {MOST_SECONDS:.0f} s")
            process.kill()
        process.join()
        answers.setdefault(name, Answer(trouble="died"))
    return answers


def _sd_parsers(data: bytes, answer: Connection) -> None:
    from sd_parsers import Eagerness, ParserManager

    try:
        found = ParserManager(eagerness=Eagerness.EAGER).parse(io.BytesIO(data))
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        answer.send({"trouble": type(error).__name__})
        return
    if found is None:
        answer.send({})
        return
    # Not `found.models`, which raises where a name is no text.
    models = [sampler.model for sampler in found.samplers if sampler.model is not None]
    told: dict[str, list[object]] = {
        "generators": [found.generator.value],
        "models": [name for model in models for name in (model.name, model.hash)],
        "seeds": [one.parameters.get("seed") for one in found.samplers],
        "words": [found.full_prompt],
    }
    # Of ComfyUI some are links between nodes, which tell nothing.
    kept = {key: [str(one) for one in said if _is_plain(one)] for key, said in told.items()}
    answer.send({"generated": True, **{key: tuple(said) for key, said in kept.items()}})


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int)


def ask_exiftool(files: Mapping[str, bytes]) -> dict[str, Answer]:
    """exiftool, with everything that it can be asked to show."""
    folder = Path(tempfile.mkdtemp(prefix="safehold-readers-"))
    try:
        names = {}
        for number, (name, data) in enumerate(files.items()):
            path = folder / f"{number:04d}"
            path.write_bytes(data)
            names[str(path)] = name
        command = ["exiftool", "-json", "-a", "-u", "-ee", "-G1", "-charset", "utf8", str(folder)]
        done = subprocess.run(
            [*command, "-ext", "*"], capture_output=True, timeout=60 * MOST_SECONDS, check=False
        )
        told = json.loads(done.stdout)
    finally:
        shutil.rmtree(folder)
    answers = {name: Answer(trouble="no answer") for name in files}
    for one in told:
        path = one.pop("SourceFile")
        kept = {key: value for key, value in one.items() if not key.startswith("System:")}
        whole = tuple(f"{key.split(':')[-1]}: {value}" for key, value in kept.items())
        plain = _plain(" ".join(whole))
        answers[names[path]] = Answer(
            any(term in plain for term in TERMS), whole, whole, whole, whole
        )
    return answers


TOOLS: dict[str, Callable[[Mapping[str, bytes]], dict[str, Answer]]] = {
    "Safehold": ask_safehold,
    "sd-parsers": ask_sd_parsers,
    "exiftool": ask_exiftool,
}


def judge(given: Mapping[str, list[str]], answer: Answer) -> dict[str, bool]:
    """Which of what is said is found in an answer."""
    told: dict[str, Iterable[str]] = {
        "generator": answer.generators,
        "model": answer.models,
        "seed": answer.seeds,
        "prompt": answer.words,
    }
    found = {}
    for aspect, values in given.items():
        if aspect == "generated":
            named = judge({"generator": given.get("generator", [])}, answer)
            found[aspect] = answer.generated or named.get("generator", False)
        else:
            texts = [_plain(text) for text in told[aspect] if text]
            found[aspect] = any(_plain(value) in text for value in values for text in texts)
    return found


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()


def table(rows: list[Row]) -> Iterator[str]:
    """The Markdown table: found of said, family by family."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        families.setdefault(row.shape.split(" ", 1)[0], []).append(row)
    heads = [f"{tool}: {aspect}" for tool in TOOLS for aspect in ASPECTS]
    yield f"| shapes | files | {' | '.join(heads)} |"
    yield f"|---|---|{'---|' * len(heads)}"
    for family, own in [*sorted(families.items()), ("all", rows)]:
        cells = [_cell(own, tool, aspect) for tool in TOOLS for aspect in ASPECTS]
        yield f"| {family} | {len(own)} | {' | '.join(cells)} |"


def _cell(rows: list[Row], tool: str, aspect: str) -> str:
    asked = [row for row in rows if aspect in row.said]
    found = sum(row.found[tool][aspect] for row in asked)
    return f"{found}/{len(asked)}" if asked else "-"


def versions() -> dict[str, str]:
    """Which versions were compared."""
    tool = subprocess.run(["exiftool", "-ver"], capture_output=True, text=True, check=True)
    return {
        "Safehold": importlib.metadata.version("safehold"),
        "sd-parsers": importlib.metadata.version("sd-parsers"),
        "exiftool": tool.stdout.strip(),
    }


def main() -> int:
    """Ask, judge, print, keep."""
    if shutil.which("exiftool") is None:
        print("exiftool is missing: apt-get install libimage-exiftool-perl", file=sys.stderr)
        return 1
    files = hostile.shapes()
    rows = [Row(name, said(shape)) for name, shape in files.items()]
    for tool, ask in TOOLS.items():
        answers = ask({name: shape.data for name, shape in files.items()})
        for row in rows:
            row.found[tool] = judge(row.said, answers[row.shape])
            if answers[row.shape].trouble:
                row.trouble[tool] = answers[row.shape].trouble
    compared = versions()
    print(f"Found of said. {', '.join(f'{name} {version}' for name, version in compared.items())}.")
    print()
    for line in table(rows):
        print(line)
    troubles = [(tool, row.shape, row.trouble[tool]) for row in rows for tool in row.trouble]
    print(f"\n{len(troubles)} files gave a tool trouble")
    for one in troubles[:20]:
        print(f"- {': '.join(one)}")
    RESULTS.mkdir(exist_ok=True)
    kept: dict[str, Any] = {"versions": compared, "rows": [asdict(row) for row in rows]}
    now = dt.datetime.now(dt.UTC)
    target = RESULTS / f"provenance-readers-{now:%Y%m%dT%H%M%SZ}.json"
    target.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    missed = [row.shape for row in rows if not all(row.found["Safehold"].values())]
    for name in missed:
        print(f"Safehold misses something of: {name}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

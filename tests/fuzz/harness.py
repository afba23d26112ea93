"""Coverage-guided fuzzing of one target, going on from the corpus that is kept.

    python tests/fuzz/harness.py TARGET [--runs N] [--seconds S]

Needs atheris. Inputs that reach new code are kept in corpus/TARGET, the smallest first, a few kilobytes in all; inputs
that break a rule in findings/TARGET, one for each place and kind. tests/test_fuzz_findings.py replays both without
atheris. runs.json tells how many inputs were run in all.
"""

import argparse
import codecs
import hashlib
import importlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
CORPUS, FINDINGS, RUNS = HERE / "corpus", HERE / "findings", HERE / "runs.json"
MOST_KEPT_BYTES, LARGEST_KEPT = 50_000, 24_000
_HARD_TIMEOUT_S = 60
_SHAPED = 0.7
"""The share of mutations that are made in the format's own way; the others are of bytes."""


def main() -> None:
    options = _options()
    sys.path.insert(0, str(HERE.parent))
    if options.inner is None:
        _run_slices(options)
    else:
        _fuzz(
            options.target,
            options.inner,
            options.home,
            runs=options.runs,
            seconds=options.seconds,
            seed=options.seed,
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("--inner", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _run_slices(options: argparse.Namespace) -> None:
    """Fuzzes in a process of its own, which an input may end; then keeps the corpus small and counts."""
    from fuzz.guard import new_home

    kept, started = CORPUS / options.target, time.monotonic()
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        arguments = [sys.executable, __file__, options.target, "--inner", work, "--seed", str(options.seed)]
        arguments += ["--runs", str(options.runs), "--seconds", str(options.seconds)]
        home = new_home()
        code = subprocess.run([*arguments, "--home", str(home)], check=False).returncode
        shutil.rmtree(home)
        for path in Path(work).glob("end-*"):  # of an input that ended the process
            _keep_finding(options.target, path.read_bytes(), f"ended the process: {path.name}")
        n_inputs = (Path(work) / "count").stat().st_size
        _keep_corpus(kept, Path(work) / "corpus")
    seconds = time.monotonic() - started
    _count(options.target, n_inputs, seconds)
    size = sum(path.stat().st_size for path in kept.iterdir())
    print(
        f"{options.target}: {n_inputs:,} inputs in {seconds:.0f} s, corpus {size:,} bytes, exit {code}",
        flush=True,
    )
    sys.exit(code)


def _count(target: str, n_inputs: int, seconds: float) -> None:
    counts = json.loads(RUNS.read_text()) if RUNS.exists() else {}
    before = counts.get(target, {"inputs": 0, "seconds": 0})
    counts[target] = {"inputs": before["inputs"] + n_inputs, "seconds": round(before["seconds"] + seconds)}
    RUNS.write_text(json.dumps(dict(sorted(counts.items())), indent=1) + "\n")


def _keep_corpus(kept: Path, made: Path) -> None:
    """Adds what is new, the smallest first, up to the bytes that a target may keep."""
    size = sum(path.stat().st_size for path in kept.iterdir())
    for path in sorted(made.iterdir(), key=lambda path: path.stat().st_size):
        n_bytes = path.stat().st_size
        if size + n_bytes > MOST_KEPT_BYTES or n_bytes > LARGEST_KEPT:
            break
        if not (kept / path.name).exists():
            shutil.copy(path, kept / path.name)
            size += n_bytes


def _keep_finding(target: str, data: bytes, said: str) -> None:
    folder = FINDINGS / target
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(data).hexdigest()[:16]
    (folder / name).write_bytes(data)
    print(f"FINDING {target}/{name} ({len(data)} bytes): {said}", file=sys.stderr, flush=True)


def _fuzz(name: str, work: Path, home: Path, *, runs: int, seconds: int, seed: int) -> None:
    atheris = importlib.import_module("atheris")
    from fuzz import guard

    with atheris.instrument_imports(include=["umurl_search", "encoder"]):
        from fuzz.targets import TARGETS, run_in
    target = TARGETS[name]
    seen, count = set[tuple[str, ...]](), open(work / "count", "wb", buffering=0)  # noqa: SIM115 - until the end
    for encoding in ("ascii", "latin1", "utf-16", "utf-32"):
        codecs.lookup(encoding)
    for data in target.seeds():
        run_in(home, target, data, guarded=False)  # imports what is imported late
    guard.limit_address_space()

    def one(data: bytes) -> None:
        count.write(b".")  # survives whatever the input does to the process
        try:
            run_in(home, target, data)
        except Exception as error:
            place = _place_of(error)
            if place not in seen:
                seen.add(place)
                _keep_finding(
                    name, data, f"{type(error).__name__}: {str(error)[:300]} at {' < '.join(place[1:])}"
                )

    def mutate(data: bytes, max_size: int, chosen: int) -> bytes:
        chance = random.Random(chosen)
        if chance.random() > _SHAPED:
            return bytes(atheris.Mutate(data, max_size))
        for _ in range(chance.choice((1, 1, 2, 3))):
            data = target.mutate(data, chance)
        return data[:max_size]

    arguments = [
        sys.argv[0],
        f"-runs={runs}",
        f"-max_total_time={seconds}",
        f"-max_len={target.max_len}",
        f"-timeout={_HARD_TIMEOUT_S}",
        "-rss_limit_mb=0",
        f"-artifact_prefix={work}/end-",
        "-verbosity=0",
        f"-seed={seed}",
        str(_corpus(name, work, target.seeds())),
    ]
    atheris.Setup(arguments, one, custom_mutator=mutate)
    atheris.Fuzz()


def _corpus(name: str, work: Path, seeds: Sequence[bytes]) -> Path:
    """A folder with the kept corpus and the seeds."""
    folder = work / "corpus"
    shutil.copytree(CORPUS / name, folder)
    for data in seeds:
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)
    return folder


def _place_of(error: Exception) -> tuple[str, ...]:
    """The kind of an error and the last places of our own code that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f"{Path(f.filename).name}:{f.name}:{f.lineno}" for f in frames if "site-packages" not in f.filename
    ]
    kind = type(error).__name__
    return (kind, *ours[-2:]) if kind != "BrokenRuleError" else (kind, str(error)[:20])


if __name__ == "__main__":
    main()

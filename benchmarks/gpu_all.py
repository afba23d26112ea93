"""All that is to be known of a GPU, in one unattended run: checks against the CPU first, then figures, a table last.

    python benchmarks/gpu_all.py [--minutes 8] [--device cpu --tiny]

Runs from the checkout without installation, on Python 3.11 or newer with torch, numpy and safetensors. What needs
FAISS, DuckDB or platformdirs is left out where they are missing, and says so. Each row prints as it comes; one that
fails prints a line and takes no other with it. Exit code 1 where a row failed, or was left out for another reason than
these packages.
`--device cpu --tiny` runs every line of it in a minute or two.
"""

import argparse
import contextlib
import importlib.util
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import torch  # noqa: E402
from gpu_checks import CHECKS  # noqa: E402
from gpu_figures import FIGURES  # noqa: E402
from gpu_setting import Row, Setting  # noqa: E402


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a row: done, FAILED or LEFT OUT; counts: whether that is a failure of the run."""

    row: Row
    word: str
    said: str
    seconds: float
    counts: bool

    def __str__(self) -> str:
        lead = "" if self.word == "done" else f"{self.word} "
        joint = ": " if self.said else ""
        return f"{lead}{self.row.name}{joint}{self.said}  ({self.seconds:.0f} s)"


def run(row: Row, setting: Setting, *, left_s: float) -> Outcome:
    """Of one row, whatever happens in it."""
    begun = time.monotonic()

    def end(word: str, said: str, *, counts: bool) -> Outcome:
        return Outcome(row=row, word=word, said=said, seconds=time.monotonic() - begun, counts=counts)

    missing = [name for name in row.needs if importlib.util.find_spec(name) is None]
    if missing:
        return end("LEFT OUT", f"needs {' and '.join(missing)}", counts=False)
    if left_s < (0 if setting.tiny else row.takes_s):
        return end("LEFT OUT", f"takes {row.takes_s:.0f} s, {left_s:.0f} s are left", counts=True)
    try:
        said = row.work(setting)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the other rows are still wanted
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return end("FAILED row", reason, counts=True)
    finally:
        if setting.device.type == "cuda":
            with contextlib.suppress(RuntimeError):  # what broke the device for good was told by its row
                torch.cuda.empty_cache()
    return end("done", said, counts=False)


def describe(device: torch.device) -> str:
    """What it runs on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "CPU"
    return f"{name}, torch {torch.__version__}, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small sizes: whether all rows run")
    parser.add_argument("--only", default="", help="rows whose names have this in them")
    words = parser.parse_args()
    device = torch.device(words.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("no CUDA device here: these figures are owed", file=sys.stderr)
        return 1
    until = time.monotonic() + 60 * words.minutes
    setting, outcomes = Setting(device=device, tiny=words.tiny), list[Outcome]()
    print(describe(device), flush=True)
    for row in (*CHECKS, *FIGURES):
        if words.only not in row.name:
            continue
        outcomes.append(run(row, setting, left_s=until - time.monotonic()))
        print(outcomes[-1], flush=True)
    print(f"\n{describe(device)}{', tiny sizes' if words.tiny else ''}")
    for outcome in outcomes:
        print(outcome)
    bad = sum(outcome.counts for outcome in outcomes)
    print(f"{len(outcomes)} rows, {bad} failed or out of time")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""Watches one input at a time: what it opens and runs, how much memory it takes, and for how long."""

import os
import resource
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

MEMORY_TIMES, MEMORY_FREE = 16, 64 * 2**20
"""An input of n bytes may raise the peak of resident memory by MEMORY_TIMES * n + MEMORY_FREE bytes."""
LONGEST_S = 10.0
_ADDRESS_SPACE = 6 * 2**30
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = (
    "os.remove",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.chmod",
    "os.chown",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.utime",
    "shutil.",
)
_NEVER = (
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.kill",
    "os.putenv",
    "pty.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "pickle.find_class",
    "code.__new__",
    "builtins.input",
    "webbrowser.",
    "urllib.",
    "ftplib.",
    "http.",
    "tempfile.",
)
_PARSED = "<unknown>"
"""The file name of what `ast.literal_eval` parses (npy headers): compiled to a tree, not run."""


class BrokenRuleError(Exception):
    """An input made the code do what no input may."""


class _Watch:
    """The process's audit hook; it judges nothing while `home` is None."""

    def __init__(self) -> None:
        self.home: Path | None = None
        self.may_write = False
        self.broken: list[str] = []
        paths = {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, *sys.path}
        self._code = (*(path for path in paths if path), "/dev/null", "/dev/urandom", "/proc/self/")

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.home is not None and (said := self._judge(event, arguments)):
            self.broken.append(said)

    def _judge(self, event: str, arguments: tuple[Any, ...]) -> str:
        if event == "open":
            return self._judge_open(*arguments)
        if event in ("compile", "exec") and _is_importing():  # named tuples of a module that is imported late
            return ""
        if event == "compile":
            return (
                ""
                if arguments[1] in (_PARSED, None) or self._is_code(arguments[1])
                else f"compiles {arguments}"
            )
        if event == "exec":
            return "" if self._is_code(arguments[0].co_filename) else f"runs {arguments}"
        if event.startswith(_NEVER):
            return f"{event} {arguments!r}"
        if event.startswith(_CHANGING) and not (self.may_write and self._is_home(arguments[0])):
            return f"{event} {arguments!r}"
        return ""

    def _judge_open(self, path: Any, mode: Any, flags: Any) -> str:
        if not isinstance(path, str | bytes):  # a descriptor that is open already
            return ""
        writes = bool((flags or 0) & _WRITING)
        allowed = self._is_home(path) if not writes else self.may_write and self._is_home(path)
        return "" if allowed or (not writes and self._is_code(path)) else f"opens {path!r} ({mode}, {flags})"

    def _is_home(self, path: Any) -> bool:
        return os.path.realpath(os.fsdecode(path)).startswith(str(self.home) + os.sep)

    def _is_code(self, path: Any) -> bool:
        named = os.fsdecode(path)
        return (
            named.startswith("<frozen") if named[:1] == "<" else os.path.abspath(named).startswith(self._code)
        )


_WATCH = _Watch()
_HOOKED: list[bool] = []


def _is_importing() -> bool:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


def new_home() -> Path:
    """A folder in memory where there is one, of which the guard allows all files to be opened."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="umurl_fuzz_", dir=memory if memory.is_dir() else None)).resolve()


def limit_address_space() -> None:
    """The last resort against an input that would take all of the machine's memory."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))


@contextmanager
def watch(home: Path, *, n_bytes: int, may_write: bool = False) -> Iterator[None]:
    """Raises BrokenRuleError when what is done inside opens files outside `home`, writes without leave, runs
    code, or takes more memory or time than an input of this size may.
    """
    if not _HOOKED:
        sys.addaudithook(_WATCH)
        _HOOKED.append(True)
    _reset_peak()
    before, peak, started = _resident(), _peak(), time.process_time()
    _WATCH.home, _WATCH.may_write, _WATCH.broken = home, may_write, []
    try:
        yield
    finally:
        _WATCH.home = None
    seconds, now = time.process_time() - started, _peak()
    if _WATCH.broken:
        raise BrokenRuleError("; ".join(_WATCH.broken[:3]))
    if seconds > LONGEST_S:
        raise BrokenRuleError(f"took {seconds:.0f} s of processor time")
    if now > peak and now - before > MEMORY_TIMES * n_bytes + MEMORY_FREE:
        raise BrokenRuleError(f"{n_bytes} bytes took {(now - before) / 2**20:.0f} MiB")


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _reset_peak() -> None:
    with suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _peak() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024

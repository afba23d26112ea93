"""What a command that failed says on stderr: one line, or with `--json` one document."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from encoder.errors import DeviceError, UmurlError, one_line, reason_of

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130

CODES = {
    "usage": "the command line cannot be: an unknown option, a value outside its set, an option given twice",
    "not-found": "what is named is not there: a dataset, encoder, index, protocol, clip, file or folder",
    "bad-input": "a file, an array or a filter that is given cannot be read as what it should be",
    "busy": "another process holds or changed what is needed; the same command may work later",
    "damaged": "files of the library are not as they were written",
    "storage": "a file or a disk cannot be read or written, or is full",
    "device": "a GPU is not there, is unknown to torch, failed, or has too little memory; or memory is full",
    "missing-package": "a package that the command needs is not installed",
    "refused": "all of it is understood, and cannot be done with what there is; the message says why",
    "interrupted": "stopped by the user or a signal",
}
"""Code of an error document -> what it says. Programs rely on these words."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """error: what is wrong, and where. hint: what mends it, as it is typed. line: both, for people."""

    error: str
    code: str
    exit_code: int
    line: str
    hint: str | None = field(default=None)

    def __post_init__(self) -> None:
        assert self.code in CODES, self.code

    def write(self, *, as_json: bool) -> str:
        """One line, without its end."""
        if not as_json:
            return f"umurl-search: {one_line(self.line)}"
        return json.dumps(self.document(), ensure_ascii=False)

    def document(self) -> Mapping[str, str | None]:
        """What `--json` prints."""
        hint = None if self.hint is None else one_line(self.hint)
        return {"error": one_line(self.error), "hint": hint, "code": self.code}


def describe_wrong_usage(said: str, *, see: str) -> Problem:
    """see: the command whose help says what is right."""
    error = " ".join(said.split())
    return Problem(error=error, hint=see, code="usage", exit_code=WRONG_USAGE, line=f"{error} (see: {see})")


def describe_user_error(error: UmurlError) -> Problem:
    """A problem that the user can mend."""
    hint = None if error.hint is None else error.hint.typed
    return Problem(error=error.message, hint=hint, code=error.code, exit_code=FAILED, line=error.typed)


def describe_device_error(error: DeviceError, *, flags: Collection[str]) -> Problem:
    """A device that cannot do the work. flags: the options that the command has: of the remedies, those are named."""
    possible = [one.typed for one in error.remedies if f"--{(one.option or '').replace('_', '-')}" in flags]
    hint = f"give {' or '.join(possible)}" if error.hint is None and possible else None
    hint = error.hint.typed if error.hint is not None else hint
    line = error.message if hint is None else f"{error.message}; {hint}"
    return Problem(error=error.message, hint=hint, code=error.code, exit_code=FAILED, line=line)


def describe_interruption(said: str) -> Problem:
    """said: what the command had done when it was stopped, or nothing."""
    hint = said or "the library is whole, the same command does the rest or starts anew"
    return Problem(
        error="interrupted", hint=hint, code="interrupted", exit_code=INTERRUPTED, line=f"interrupted; {hint}"
    )


def describe_system_error(error: OSError) -> Problem:
    """A file or disk that cannot be used, met where no command looked for it."""
    where = f"{error.filename}: " if error.filename else ""
    said, hint = f"{where}{reason_of(error)}", "mend that and run the command again"
    return Problem(error=said, hint=hint, code="storage", exit_code=FAILED, line=f"{said}; {hint}")

"""The base of every error that a user can mend, and what of a library's own error is worth a place in its line."""

import re
import shlex
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

MOST_SAID = 160
"""Characters of a library's own message that a line of ours quotes."""
_SENTENCE_END = re.compile(r"(?<=[^\s.]{2})\. (?=[A-Z])")


@dataclass(frozen=True)
class Hint:
    """What mends a problem, as data: a terminal words it as what to type, Python and HTTP have its fields.

    text: what to do, with `{command}` and `{option}` where these stand: "{command}, then build it again".
    command: the words of an `umurl-search` command. option: the name of an option, without dashes, as the field of a
    request is called; value: what to give it.
    """

    text: str
    _: KW_ONLY
    command: tuple[str, ...] | None = None
    option: str | None = None
    value: str | None = None

    def __post_init__(self) -> None:
        for name in ("command", "option"):
            if (f"{{{name}}}" in self.text) != (getattr(self, name) is not None):
                raise ValueError(f"a hint has its {name} where its text has a place for it: {self.text!r}")

    @property
    def typed(self) -> str:
        """As words for a terminal."""
        option = "" if self.option is None else f"--{self.option.replace('_', '-')}"
        return self._fill(option=option if self.value is None else f"{option} {self.value}")

    @property
    def said(self) -> str:
        """As words for who has no terminal: an option is the field of a request."""
        option = self.option or ""
        return self._fill(option=option if self.value is None else f"{option} {self.value}")

    def _fill(self, *, option: str) -> str:
        command = "" if self.command is None else shlex.join(("umurl-search", *self.command))
        return self.text.replace("{command}", command).replace("{option}", option)

    def to_dict(self) -> dict[str, Any]:
        """What HTTP tells: the text, and the command, option and value, or null."""
        command = None if self.command is None else list(self.command)
        return {"text": self.said, "command": command, "option": self.option, "value": self.value}


class UmurlError(Exception):
    """A problem the user can mend: a message that says what and where, and apart from it a hint how.

    A hint may be given as its text alone, where it names no command and no option. `code` is the kind of problem, for
    programs: subclasses have one of their own.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, hint: Hint | str | None = None) -> None:
        super().__init__(message, hint)
        self.hint = Hint(hint) if isinstance(hint, str) else hint

    @property
    def message(self) -> str:
        """What is wrong, and where."""
        return str(self.args[0])

    def __str__(self) -> str:
        return self.message

    @property
    def typed(self) -> str:
        """Message and hint in one line, for a terminal."""
        if self.hint is None:
            return self.message
        joint = ": " if self.hint.text.startswith("{command}") else "; "
        return f"{self.message}{joint}{self.hint.typed}"

    def with_message(self, message: str) -> "UmurlError":
        """The same problem, said in other words."""
        return type(self)(message, self.hint)


class NotFoundError(UmurlError):
    """What is named is not there."""

    code = "not-found"


class BadInputError(UmurlError):
    """What is given cannot be read as what it should be."""

    code = "bad-input"


class BusyError(UmurlError):
    """Another process holds or changed what is needed."""

    code = "busy"


class DamagedError(UmurlError):
    """Files of a library are not as they were written."""

    code = "damaged"


class StorageError(UmurlError):
    """A file or disk cannot be read or written, or is full."""

    code = "storage"


class MissingPackageError(UmurlError):
    """A package that is needed is not installed."""

    code = "missing-package"


class DeviceError(UmurlError):
    """The device, or torch on it, cannot do the work: a GPU that fails, is not there or is unknown to torch.

    remedies: what else may be given, the likeliest first; a command names those that it has.
    """

    code = "device"
    remedies: ClassVar[tuple[Hint, ...]] = (Hint("{option}", option="device", value="cpu"),)


class HostMemoryError(DeviceError):
    """The machine's own memory is full."""

    remedies = (Hint("a smaller {option}", option="batch_size"),)


class DeviceMemoryError(DeviceError):
    """The GPU's memory is full."""

    remedies = (
        Hint("a smaller {option}", option="batch_size"),
        Hint("{option}", option="precision", value="bf16"),
        *DeviceError.remedies,
    )


def error_codes() -> list[str]:
    """The codes that problems have."""
    kinds = [UmurlError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return sorted({kind.code for kind in kinds})


def one_line(text: str) -> str:
    """The text in one line; what a terminal would obey instead of showing it is written out."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def reason_of(error: BaseException) -> str:
    """What a library's exception says, in one line that reads as whole: its first sentence, `shorten`ed. What follows
    that sentence is advice to who wrote the call, not to who gave the command.
    """
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror)
    if isinstance(error, KeyError):
        return f"{one_line(str(error))} is missing"
    lines = [line for line in str(error).splitlines() if line.strip()]
    if not lines:
        return (
            f"it ends too soon ({type(error).__name__})"
            if isinstance(error, EOFError)
            else type(error).__name__
        )
    first = _SENTENCE_END.split(one_line(lines[0]))[0]
    return shorten(first.rstrip(".:;, "))


def shorten(line: str) -> str:
    """The line, cut where it is longer than MOST_SAID: between words, unless the last is a very long one."""
    if len(line) <= MOST_SAID:
        return line
    words, _, _ = line[: MOST_SAID + 1].rpartition(" ")
    return f"{words} ..." if len(words) > MOST_SAID // 2 else f"{line[:MOST_SAID]}..."

"""Becomes a user who may read neither this Python nor this checkout, such as one below a private home.

For programs that tests start: everything that a command will import is imported before, by running it once.
"""

import importlib
import os
import pkgutil
from collections.abc import Iterable

import cli
import encoder
import umurl_search
from cli.main import run

NOBODY = 65534


def become(user: int, *, rehearsals: Iterable[list[str]]) -> None:
    """rehearsals: the commands that are to come, each in a library that may be changed and is thrown away."""
    for room in (encoder, umurl_search, cli):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if not module.name.endswith(".__main__"):  # which runs
                importlib.import_module(module.name)
    for words in rehearsals:
        run(words)
    os.setgid(user)
    os.setuid(user)

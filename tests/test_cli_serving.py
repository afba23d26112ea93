"""The command `serve`: what it prints, how it ends, what it refuses."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import Result
from serving import PATIENCE_S

from umurl_search.library.library import Library

Command = Callable[..., Result]


@contextmanager
def serving(library: Library, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the line it prints once it serves."""
    run = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0", *words]
    here = Path(__file__).parents[1]
    process = subprocess.Popen(
        [*run, "--library", str(library.root), "--device", "cpu"],
        cwd=here,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def fetch(url: str, body: bytes | None = None, **headers: str) -> Any:
    if body is not None:
        headers["Content-Type"] = "application/json"
    asked = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
        return json.load(answer)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_interrupted(indexed: Library, how: int) -> None:
    with serving(indexed, "--json") as (process, line):
        document = json.loads(line)
        assert document == {
            "url": f"http://127.0.0.1:{document['port']}/",
            "host": "127.0.0.1",
            "port": document["port"],
            "token": None,
            "library": str(indexed.root),
            "index": "mine@e",
        }
        assert fetch(f"{document['url']}api/health")["status"] == "ok"
        os.kill(process.pid, how)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (0, "", "stopped\n")


@pytest.mark.slow
@pytest.mark.parametrize("wait", [True, False])
def test_it_ends_without_a_word_after_longer_work(indexed: Library, wait: bool) -> None:
    """A thread that is left behind keeps DuckDB alive, which then complains at length."""
    with serving(indexed, "--json") as (process, line):
        evaluations = f"{json.loads(line)['url']}api/evaluations"
        job = fetch(evaluations, b"{}")
        while wait and job["state"] == "running":
            job = fetch(f"{evaluations}/{job['id']}")
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (0, "", "stopped\n")


@pytest.mark.slow
def test_other_addresses_need_a_token_which_the_line_carries(indexed: Library) -> None:
    with serving(indexed, "--host", "0.0.0.0") as (_, line):
        here, _, token = line.strip().partition("?token=")
        assert here.startswith("http://127.0.0.1:")
        assert len(token) >= 32
        assert fetch(f"{here}api/library", Authorization=f"Bearer {token}")["default_index"] == "mine@e"
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch(f"{here}api/library")


def problem(result: Result) -> str:
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    return result.err


def test_problems_are_one_line_with_a_remedy(
    indexed: Library, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "umurl-search demo" in problem(command("serve", "--library", tmp_path / "none"))
    assert "no index 'x'; there are mine@e" in problem(command("serve", "--index", "x", "--port", "0"))
    assert "address of this machine" in problem(command("serve", "--host", "no such host", "--port", "0"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = problem(command("serve", "--port", port))
    assert f"umurl-search: port {port} on 127.0.0.1: " in line
    assert "0 for any free one" in line
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "umurl_search.serve.server", raising=False)
    assert "pip install 'umurl-search[serve]'" in problem(command("serve"))


def test_wrong_usage(command: Command) -> None:
    assert command("serve", "--port", "65536").code == 2
    assert command("serve", "--token", "").code == 2
    assert "--token" in command("serve", "--token", "a b").err

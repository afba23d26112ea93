"""The server under load, slow clients and malformed requests: how fast, how many errors, how much memory.

    python benchmarks/bench_serve.py [--seconds 600] [--rate 200] [--clips 10000] [--slow 100] [--malformed 10000]
                                     [--library DIR] [--direct]

Makes a library of made-up clips with a `small` encoder and an index (in DIR, which is kept and used again, if given),
starts `umurl-search serve` as a process of its own, and makes RATE requests a second for SECONDS, at times that do
not wait for answers: half of the queries by a clip of the library, half by one that is sent first, which is two
requests, so that three requests are two queries; with --direct, half by a file that is the query's own body.
Latencies run from when a query was due. Meanwhile SLOW connections send a byte a second. Then come MALFORMED
requests. Prints a line for every tenth of the time and one JSON document at the end. Exit code 1 after any error, any
answer of 500, growth of memory above 5 % from the first tenth to the last, or where the server does not keep up: one
query in twenty later than a second.
"""

import argparse
import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the malformed requests of its fuzzing
from fuzz import malformed

GROWTH, LATE_MS = 0.05, 1000
_BASE = 240
_CONNECTIONS = 64
_REQUESTS_A_QUERY = 1.5
_SENT = 200


def make_library(root: Path, *, n_clips: int) -> Library:
    """A library of made-up clips, variants of a few hundred, a `small` encoder barely trained, and the index."""
    library = Library(root / "library")
    if library.exists():
        return library
    rng, names = np.random.default_rng(0), []
    for i in range(_BASE):
        names.append(f"S{1 + i // 120:03d}C001P{1 + i // 5 % 24:03d}R001A{1 + i % 5:03d}")
    clips = [make_clip(name) for name in names]
    for folder, n in (("few", 60), ("many", n_clips)):
        (root / folder).mkdir(parents=True)
        for i in range(n):
            clip = clips[i % _BASE]
            varied = clip * rng.uniform(0.9, 1.1) + (clip != 0) * rng.normal(0, 0.01, clip.shape)
            setup, rest = divmod(i, 720)
            who = (
                f"C{1 + rest // 240:03d}P{1 + rest // 10 % 24:03d}R{1 + rest // 5 % 2:03d}A{1 + rest % 5:03d}"
            )
            name = f"S{1 + setup:03d}{who}"
            np.save(root / folder / f"{name}.npy", varied.astype(np.float32))
        ingest(library, Request(name=folder, source=root / folder))
    request = TrainRequest(
        dataset="few", preset="small", epochs=1, batch_size=16, name="e", looks=0, device="cpu"
    )
    train_encoder(library, request)
    build_index(library, BuildRequest(dataset="many", encoder="e", device="cpu"))
    return library


@contextlib.contextmanager
def serving(library: Library) -> Iterator[tuple[tuple[str, int], psutil.Process]]:
    """A server's address and process, stopped in the end."""
    words = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0", "--json"]
    running = subprocess.Popen([*words, "--library", str(library.root)], stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        started = json.loads(running.stdout.readline())
        yield (started["host"], started["port"]), psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait(20)


@dataclass
class Told:
    """What came of the queries: milliseconds by kind, and problems counted."""

    stored: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)


class Connection:
    """One kept open, for one request after the other."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes, kind: str) -> dict[str, Any]:
        """The document of the answer. Raises OSError for any status but 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(answer.split("content-length:")[1].split("\r\n")[0])
            content = await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError) as error:
            self._streams = None
            raise OSError(f"the connection ended: {type(error).__name__}") from error
        status = answer.split(" ")[1]
        if status != "200":
            raise OSError(f"status {status}: {content[:80]!r}")
        document: dict[str, Any] = json.loads(content)
        return document


async def ask(connection: Connection, i: int, n_clips: int, files: list[bytes], *, direct: bool) -> None:
    """The i-th query: by a stored clip, or by one that is sent first, or with it."""
    if i % 2 and direct:
        path = "/api/query-file?name=clip.npy&index=many@e&k=10"
        return _require(await connection.post(path, files[i % len(files)], "application/octet-stream"))
    if i % 2 == 0:
        clip: object = {"id": 61 + i * 7919 % n_clips}  # the first sixty are of the other dataset
    else:
        path = "/api/uploads?name=clip.npy&index=many@e"
        clip = (
            "upload:"
            + (await connection.post(path, files[i % len(files)], "application/octet-stream"))["token"]
        )
    body = json.dumps({"clip": clip, "index": "many@e", "k": 10}).encode()
    return _require(await connection.post("/api/query", body, "application/json"))


def _require(found: dict[str, Any]) -> None:
    if len(found["hits"]) != 10:
        raise OSError(f"{len(found['hits'])} hits, not 10")


async def load(
    address: tuple[str, int],
    process: psutil.Process,
    *,
    seconds: float,
    rate: float,
    n_clips: int,
    slow: int,
    direct: bool,
) -> tuple[Told, list[float]]:
    """Queries at a steady pace, `rate` requests a second; the process's MiB after every tenth."""
    pace = rate if direct else rate / _REQUESTS_A_QUERY
    told, mib = Told(), list[float]()
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(Connection(address))
    files = [_file(i) for i in range(_SENT)]
    begun, total = time.monotonic(), int(seconds * pace)

    async def one(i: int) -> None:
        connection = await idle.get()
        try:
            await ask(connection, i, n_clips, files, direct=direct)
        except OSError as error:
            told.errors[str(error)] += 1
        finally:
            idle.put_nowait(connection)
        (told.sent if i % 2 else told.stored).append((time.monotonic() - begun - i / pace) * 1000)

    slowly = [asyncio.create_task(crawl(address, seconds)) for _ in range(slow)]
    async with asyncio.TaskGroup() as group:
        for i in range(total):
            await asyncio.sleep(max(0.0, begun + i / pace - time.monotonic()))
            group.create_task(one(i))
            if (i + 1) % max(1, total // 10) == 0:
                mib.append(process.memory_info().rss / 2**20)
                done = told.stored + told.sent
                print(
                    f"{i + 1:>8,} due  {len(done):>8,} done  {mib[-1]:7.1f} MiB  {_spread(done[-2000:])}",
                    flush=True,
                )
    for task in slowly:
        task.cancel()
    await asyncio.gather(*slowly, return_exceptions=True)
    return told, mib


async def crawl(address: tuple[str, int], seconds: float) -> None:
    """A client that never comes to the end of its headers, again and again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(*address)
            for letter in b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: " + b"a" * 600:
                writer.write(bytes([letter]))
                await writer.drain()
                await asyncio.sleep(1)
        await asyncio.sleep(0.1)


def _file(i: int) -> bytes:
    clip = make_clip(f"S001C001P{1 + i % 24:03d}R002A{1 + i // 24 % 30:03d}")
    file = io.BytesIO()
    np.save(file, clip)
    return file.getvalue()


def _spread(ms: list[float]) -> dict[str, float]:
    if not ms:
        return {}
    p50, p95, p99 = np.percentile(ms, (50, 95, 99))
    spread = {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "max_ms": max(ms)}
    return {name: round(float(value), 1) for name, value in spread.items()}


def malform(address: tuple[str, int], n: int) -> dict[str, int]:
    """Statuses of n malformed requests, counted."""
    malformed.INDEX = "many@e"
    rng = np.random.default_rng(0)
    return dict(Counter(str(malformed.status(address, malformed.request(rng))) for _ in range(n)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=100)
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--direct", action="store_true", help="files are the queries' own bodies")
    parser.add_argument("--library", type=Path, help="where the library is made and kept")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        root = options.library or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        library = make_library(root, n_clips=options.clips)
        address, process = stack.enter_context(serving(library))
        before = process.cpu_times()
        told, mib = asyncio.run(
            load(
                address,
                process,
                seconds=options.seconds,
                rate=options.rate,
                n_clips=options.clips,
                slow=options.slow,
                direct=options.direct,
            )
        )
        after = process.cpu_times()
        statuses = malform(address, options.malformed)
        last = process.memory_info().rss / 2**20
    done = told.stored + told.sent
    document = {
        "requests": len(done) + (0 if options.direct else len(told.sent)),
        "queries": len(done),
        "rate": options.rate,
        "seconds": options.seconds,
        "slow_clients": options.slow,
        "all": _spread(done),
        "stored": _spread(told.stored),
        "sent": _spread(told.sent),
        "errors": sum(told.errors.values()),
        "error_texts": dict(told.errors.most_common(5)),
        "mib": [round(one, 1) for one in mib],
        "mib_after_malformed": round(last, 1),
        "server_cpu_s": round(after.user + after.system - before.user - before.system, 1),
        "cpus": os.cpu_count(),
        "malformed": statuses,
    }
    print(json.dumps(document))
    failed = told.errors or "500" in statuses or mib[-1] > mib[0] * (1 + GROWTH)
    failed = failed or _spread(done)["p95_ms"] > LATE_MS
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

"""Figures of `gpu_all.py`: training, embedding, building, evaluation and search at the paper's sizes."""

import contextlib
import functools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from gpu_setting import INDEX, Row, Setting, made_clips
from made_up import Corpus
from torch.utils.flop_counter import FlopCounterMode

from encoder.embed import CHUNK, Embedder
from encoder.losses import umurl_losses
from encoder.modality_sets import SINGLE_AND_FUSED
from encoder.model import ModelConfig, UmURL
from encoder.packed_clips import Chunk
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig
from encoder.train import Hooks, Log, TrainingInterrupted, train
from umurl_search.clips.normalization import normalise
from umurl_search.evaluation.device_ranking import rank_on_device
from umurl_search.index.bridges_and_whitening import NO_TRANSFORM, fit_maps
from umurl_search.index.exact_knn import nearest
from umurl_search.progress import no_advance, no_progress

NTU60_XSUB_CLIPS, PAPER_EPOCHS = 40_091, 451
NTU120_CLIPS = 114_480
GALLERY, QUERIES = 63_026, 50_919
"""Of NTU-120 X-Sub."""
TRAINING_S = 15.0
"""Of a row, once it is warm."""


def measure_peak(setting: Setting) -> str:
    peak, flop = peak_rate(setting), step_flop(setting)
    return f"{peak / 1e12:.2f} TFLOP/s in a bf16 product; a step {flop / 1e9:.2f} GFLOP a clip"


def peak_rate(setting: Setting) -> float:
    """Operations a second of a large bf16 product, the best of some."""
    n = setting.size(8192, 256)
    a = torch.randn(n, n, device=setting.device, dtype=torch.bfloat16)
    (a @ a).sum()
    return 2.0 * n**3 / min(setting.seconds_of(lambda: a @ a, times=1) for _ in range(5))


def step_flop(setting: Setting) -> float:
    """Of one training step, forwards and backwards, a clip of two people; a multiply-add counts as two."""
    model = UmURL(ModelConfig(width=setting.width, projection=setting.projection)).to(setting.device).train()
    view = dict.fromkeys(SINGLE_AND_FUSED, torch.randn(8, 64, 2, 25, 3, device=setting.device))
    with FlopCounterMode(display=False) as counter, torch.autocast(setting.device.type, dtype=torch.bfloat16):
        own, fused = model([view])
        umurl_losses(own, fused).total.backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops()) / 8


def measure_training(setting: Setting, *, batch: int, compiled: bool, graphs: bool = False) -> str:
    """Clips a second, the median over logs once it is warm; the share of the peak counts two people a clip."""
    if setting.tiny:
        batch, compiled, graphs = 16, False, False
    clips = RaggedClips.of(made_clips(setting.size(8192, 48)))
    config = TrainConfig(
        epochs=10**6, batch_size=batch, precision="bf16", compile=compiled, cuda_graphs=graphs
    )
    setting.forget_peak()
    logs = _train_for(setting, clips, config, seconds=0.1 if setting.tiny else TRAINING_S)
    rate = statistics.median(log.clips_per_s for log in logs)
    waiting = statistics.median(log.waiting for log in logs)
    share = rate * step_flop(setting) / peak_rate(setting)
    hours = NTU60_XSUB_CLIPS * PAPER_EPOCHS / rate / 3600
    return (
        f"{rate:,.0f} clips/s, {share:.2f} of the peak, {waiting:.3f} of the time drawing batches, {setting.peak}; "
        f"{PAPER_EPOCHS} epochs of NTU-60 X-Sub {hours:.2f} h"
    )


def _train_for(setting: Setting, clips: RaggedClips, config: TrainConfig, *, seconds: float) -> list[Log]:
    """The logs of a run, the first three left out where there are more."""
    logs, begun = list[Log](), list[float]()

    def note(log: Log) -> None:
        logs.append(log)
        if len(logs) == 3:  # compiled and warm
            begun.append(time.monotonic())

    def enough() -> bool:
        return bool(begun) and time.monotonic() - begun[0] > seconds

    hooks = Hooks(log=note, log_every=setting.size(10, 1), log_every_s=1e9, should_stop=enough)
    model_config = ModelConfig(width=setting.width, projection=setting.projection)
    with contextlib.suppress(TrainingInterrupted):
        train(clips, model_config, config, device=setting.device, hooks=hooks)
    return logs[3:] or logs


def measure_embedding(setting: Setting) -> str:
    """Raw clips in memory to four embeddings on the host; the clips are packed beside, in one thread."""
    model = UmURL(ModelConfig(width=setting.width), with_projectors=False).eval().to(setting.device)
    clips = made_clips(setting.size(16_384, 96))
    said = []
    setting.forget_peak()
    for precision in ("bf16", "float32"):
        embedder = Embedder(model, n_clips=len(clips), device=setting.device, precision=precision)
        work = functools.partial(_embed_all, embedder, clips)
        work()
        said.append(f"{precision} {len(clips) / setting.seconds_of(work):,.0f} clips/s")
    return f"four subsets, normalised there: {', '.join(said)}, {setting.peak}"


def _embed_all(embedder: Embedder, clips: list[np.ndarray]) -> None:
    def chunks() -> Iterator[Chunk]:
        for start in range(0, len(clips), CHUNK):
            part = clips[start : start + CHUNK]
            raw = embedder.normalises
            yield Chunk(part if raw else [normalise(clip) for clip in part], [raw] * len(part))

    for _ in embedder.in_chunks(chunks(), SINGLE_AND_FUSED):
        pass


def measure_build(setting: Setting) -> str:
    """From ready clips on disk to a searchable index: embeddings of four subsets, maps, vectors."""
    from bench_build import store_of

    from umurl_search.index.embed_rows import embed_units
    from umurl_search.index.index import embeddings_file, write_maps
    from umurl_search.index.kind_selection import write_vectors
    from umurl_search.index.windows import IndexRows

    n = setting.size(NTU120_CLIPS, 64)
    model = UmURL(ModelConfig(width=setting.width), with_projectors=False).eval().to(setting.device)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text) / "index"
        folder.mkdir()
        store = store_of(Path(text) / "clips", n)
        begun = time.perf_counter()
        embedder = Embedder(model, n_clips=n, device=setting.device)
        embed_units(
            folder,
            store,
            IndexRows(row=np.arange(n)),
            embedder,
            modalities=SINGLE_AND_FUSED,
            dimension=model.config.dimension,
            progress=no_progress,
        )
        embedded = time.perf_counter()
        arrays = {m: np.load(folder / embeddings_file(m), mmap_mode="r") for m in SINGLE_AND_FUSED}
        maps = fit_maps(arrays, NO_TRANSFORM, device=setting.device)
        write_maps(folder, maps)
        mapped = time.perf_counter()
        write_vectors(folder, arrays["fused"], maps, kind="flat16")
        ended = time.perf_counter()
    return (
        f"{n:,} clips in {ended - begun:.1f} s: embedding {embedded - begun:.1f} s, maps {mapped - embedded:.1f} s, "
        f"vectors {ended - mapped:.1f} s"
    )


def measure_evaluation(setting: Setting) -> str:
    """Exact 1-NN and the whole ranking at NTU-120 X-Sub's size, galleries in host memory."""
    corpus, rng = Corpus(setting.size(2048, 64)), np.random.default_rng(0)
    n, q = setting.size(GALLERY, 600), setting.size(QUERIES, 200)
    gallery, queries = corpus.make(n, seed=1), corpus.make(q, seed=2)
    work = functools.partial(nearest, gallery, queries, 1, device=setting.device)
    work()
    one = setting.seconds_of(work)
    labels, asked = rng.integers(0, 120, n), rng.integers(0, 120, q)
    setting.forget_peak()
    rank = functools.partial(
        rank_on_device, gallery, labels, queries, asked, None, device=setting.device, advance=no_advance
    )
    return f"1-NN {one:.2f} s, mAP and MRR {setting.seconds_of(rank, times=1):.2f} s, {setting.peak}"


def measure_maps(setting: Setting) -> str:
    """Twelve bridges between four modalities."""
    n, d = setting.size(NTU120_CLIPS, 300), setting.size(2048, 64)
    one = Corpus(d).make(n, seed=0)
    arrays = dict.fromkeys(SINGLE_AND_FUSED, one)
    fit = functools.partial(fit_maps, arrays, NO_TRANSFORM, device=setting.device)
    return f"{n:,} x {d}: {setting.seconds_of(fit, times=1):.1f} s"


def measure_query(setting: Setting) -> str:
    """A warm query of 10 hits, one point and 256, by what `auto` takes there."""
    from sealed_rows import seal_index

    from umurl_search.index.bridges_and_whitening import LinearMap
    from umurl_search.index.filtered_search import Gallery

    corpus = Corpus(setting.size(2048, 64))
    rows, points = corpus.make(setting.size(114_000, 500), seed=1), corpus.make(256, seed=2)
    with tempfile.TemporaryDirectory() as place:
        index = seal_index(Path(place) / "index", rows, "flat16")
        gallery = Gallery(
            index=index, against="fused", mapping=LinearMap(), centred=False, device=setting.device
        )
        said = []
        for n in (1, 256):
            search = functools.partial(gallery.search, points[:n], 10)
            for _ in range(3):
                search()
            said.append(f"{n}: {1e3 * setting.seconds_of(search, times=9):.2f} ms")
        return f"queries at once {', '.join(said)}, searched by {gallery.searched_by}, {setting.peak}"


def measure_faiss(setting: Setting) -> str:
    """FAISS's exact search on the GPU beside torch's, of the same queries."""
    from umurl_search.index.faiss_gpu import flat_on_gpus

    corpus = Corpus(setting.size(2048, 64))
    rows, points = (
        corpus.make(setting.size(114_000, 500), seed=1),
        corpus.make(setting.size(1024, 32), seed=2),
    )
    held = flat_on_gpus([rows], n=len(rows), p=rows.shape[1], device=setting.device)
    if held is None:
        return "this build of FAISS drives no such device"
    ours = nearest(rows, points, 10, device=setting.device).rows
    theirs = held.propose(points, 10).rows[:, :10]
    same = float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ours, theirs, strict=True)]))
    by_torch = setting.seconds_of(lambda: nearest(rows, points, 10, device=setting.device))
    by_faiss = setting.seconds_of(lambda: held.propose(points, 10))
    return (
        f"{len(points)} queries of {len(rows):,}: proposals by FAISS {1e3 * by_faiss:.1f} ms, exact by torch from host "
        f"memory {1e3 * by_torch:.1f} ms, {same:.4f} of neighbours equal"
    )


def _training(batch: int, *, compiled: bool, graphs: bool = False) -> Row:
    how = "compiled, CUDA graphs" if graphs else "compiled" if compiled else "eager"
    return Row(
        name=f"training, batch {batch}, {how}",
        work=functools.partial(measure_training, batch=batch, compiled=compiled, graphs=graphs),
        takes_s=75 if compiled else 25,
    )


FIGURES = (
    Row(name="peak", work=measure_peak),
    _training(512, compiled=True),
    _training(512, compiled=False),
    Row(name="embedding", work=measure_embedding, takes_s=30),
    Row(name="evaluation of NTU-120 X-Sub", work=measure_evaluation, takes_s=40),
    Row(name="one query", work=measure_query, needs=INDEX, takes_s=30),
    Row(name="FAISS beside torch", work=measure_faiss, needs=("faiss",), takes_s=20),
    Row(name="maps", work=measure_maps, takes_s=30),
    _training(1024, compiled=True),
    _training(512, compiled=True, graphs=True),
    Row(name="build-index of NTU-120", work=measure_build, needs=INDEX, takes_s=90),
    _training(1024, compiled=False),
)

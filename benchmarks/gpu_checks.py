"""Checks of `gpu_all.py`: the device gives what the CPU gives."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from gpu_setting import INDEX, Row, Setting, made_clips, require
from made_up import Corpus

from encoder.batches import Plan, draw_batch
from encoder.distributed import ALONE
from encoder.embed import Embedder
from encoder.modality_sets import SINGLE_AND_FUSED
from encoder.model import ModelConfig, UmURL
from encoder.packed_clips import Chunk
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig
from encoder.stages import Pretraining
from umurl_search.clips.normalization import normalise
from umurl_search.evaluation.device_ranking import rank_on_device
from umurl_search.evaluation.metrics import rank_gallery
from umurl_search.index.bridges_and_whitening import Transform, fit_maps
from umurl_search.index.exact_knn import nearest
from umurl_search.progress import no_advance

CPU = torch.device("cpu")


def check_embedding(setting: Setting) -> str:
    """Raw clips, normalised on the device where that is none; in float32 and in bf16."""
    torch.manual_seed(0)
    model = UmURL(ModelConfig(width=setting.width), with_projectors=False).eval()
    clips = made_clips(96)
    ready = [normalise(clip) for clip in clips]
    want = Embedder(model, n_clips=96, device=CPU, precision="float32")(ready, SINGLE_AND_FUSED)
    said = []
    for precision, least in (("float32", 0.99999), ("bf16", 0.999)):
        there = model.to(setting.device)
        embedder = Embedder(there, n_clips=96, device=setting.device, precision=precision)  # type: ignore[arg-type]
        raw = embedder.normalises
        (found,) = embedder.in_chunks([Chunk(clips if raw else ready, [raw] * 96)], SINGLE_AND_FUSED)
        model.to(CPU)
        cosines = [_least_cosine(found[m], want[m]) for m in SINGLE_AND_FUSED]
        require(min(cosines) > least, f"{precision}: a cosine of {min(cosines):.6f} to the CPU's")
        said.append(f"{precision} {min(cosines):.7f}")
    return f"least cosine to the CPU's {', '.join(said)}"


def _least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / lengths).min())


def check_step(setting: Setting) -> str:
    """Loss and gradients of a step in float32, of the same draws."""
    clips = RaggedClips.of(made_clips(64))
    config = TrainConfig(batch_size=32, precision="float32")
    plan = Plan.of(clips, config, ALONE)
    found = []
    torch.manual_seed(0)
    first = UmURL(ModelConfig(width=setting.width, projection=setting.projection)).state_dict()
    drawn = draw_batch(clips, plan.order(0, CPU), 0, SINGLE_AND_FUSED, torch.Generator().manual_seed(0))
    for device in (CPU, setting.device):
        model = UmURL(ModelConfig(width=setting.width, projection=setting.projection)).to(device).train()
        model.load_state_dict(first)
        stage = Pretraining(model, config, device, ALONE)
        terms = stage.terms(clips.to(device), [group.to(device) for group in drawn], 0)
        terms["loss"].backward()  # type: ignore[no-untyped-call]
        norms = torch.stack([p.grad.norm().cpu() for p in model.parameters() if p.grad is not None])
        found.append((float(terms["loss"].detach()), norms))
    (loss, norms), (other, others) = found
    worst = float(((norms - others).abs() / (norms + 1e-3 * norms.max())).max())
    require(abs(loss - other) < 1e-3 * abs(loss), f"loss {other} there, {loss} on the CPU")
    require(worst < 1e-2, f"a gradient's norm differs by {worst:.2e} of it")
    return f"loss differs by {abs(loss - other) / abs(loss):.1e}, gradients' norms by at most {worst:.1e}"


def check_search(setting: Setting) -> str:
    """Neighbours and their order, few queries and many, ties included."""
    corpus = Corpus(256)
    gallery = corpus.make(setting.size(20_000, 600), seed=1)
    gallery[1::7] = gallery[0]  # equal scores
    n = 0
    for q, k in ((1, 10), (16, 10), (setting.size(2048, 64), 1), (64, 100)):
        queries = corpus.make(q, seed=q)
        there, here = (nearest(gallery, queries, k, device=where).rows for where in (setting.device, CPU))
        require(
            np.array_equal(there, here), f"{int((there != here).sum())} of {there.size} neighbours differ"
        )
        n += there.size
    return f"{n:,} neighbours equal"


def check_ranking(setting: Setting) -> str:
    """Average precision, first rank and number of relevant clips."""
    corpus, rng = Corpus(256), np.random.default_rng(0)
    n, q = setting.size(6000, 300), setting.size(500, 40)
    gallery, queries = corpus.make(n, seed=1), corpus.make(q, seed=2)
    labels, asked = rng.integers(0, 12, n), rng.integers(0, 12, q)
    there = rank_on_device(gallery, labels, queries, asked, None, device=setting.device, advance=no_advance)
    scores = queries.astype(np.float64) @ gallery.astype(np.float64).T
    here = rank_gallery(scores, asked[:, None] == labels)
    require(np.array_equal(there.n_relevant, here.n_relevant), "numbers of relevant clips differ")
    far = float(np.abs(there.average_precision - here.average_precision).max())
    require(far < 1e-3, f"an average precision differs by {far:.1e}")
    return f"average precision of {q} queries differs by at most {far:.1e}"


def check_maps(setting: Setting) -> str:
    """Bridges and half-whitening: cosines of what they map."""
    n = setting.size(8000, 400)
    arrays = {
        m: Corpus(setting.size(512, 64), seed=i).make(n, seed=i) for i, m in enumerate(SINGLE_AND_FUSED)
    }
    transform = Transform(kind="half-whiten", dimensions=32)
    there, here = (fit_maps(arrays, transform, device=where) for where in (setting.device, CPU))
    worst = 1.0
    for pair in here.bridges:
        a, b = (maps.query(*pair, bridged=True)(arrays[pair[0]][:200]) for maps in (there, here))
        gallery = [maps.gallery(pair[1], bridged=True)(arrays[pair[1]][:200]) for maps in (there, here)]
        worst = min(worst, 1 - float(np.abs(a @ gallery[0].T - b @ gallery[1].T).max()))
    require(worst > 0.999, f"a score differs by {1 - worst:.1e}")
    return f"scores across {len(here.bridges)} bridges differ by at most {1 - worst:.1e}"


def check_filters(setting: Setting) -> str:
    """Filtered searches of an index: ids equal, none that does not pass."""
    from sealed_rows import seal_index

    from umurl_search.index.bridges_and_whitening import LinearMap
    from umurl_search.index.filtered_search import Gallery
    from umurl_search.index.index import Index

    corpus, rng = Corpus(128), np.random.default_rng(0)
    rows, points = corpus.make(setting.size(20_000, 500), seed=1), corpus.make(16, seed=2)
    n = 0
    with tempfile.TemporaryDirectory() as place:
        for kind in ("flat", "flat16", "sq8"):
            index = seal_index(Path(place) / kind, rows, kind)
            views = [
                Gallery(
                    index=Index(index.folder),
                    against="fused",
                    mapping=LinearMap(),
                    centred=False,
                    device=where,
                )
                for where in (setting.device, CPU)
            ]
            for share in (1.0, 0.5, 0.05, 0.001):
                among = None if share == 1 else np.flatnonzero(rng.random(len(rows)) < share)
                there, here = (view.search(points, 10, among=among).rows for view in views)
                require(
                    np.array_equal(there, here), f"{kind}, {share:.1%} pass: {(there != here).sum()} differ"
                )
                n += there.size
    return f"{n:,} neighbours equal, three kinds of index"


CHECKS = (
    Row(name="check embedding", work=check_embedding),
    Row(name="check step", work=check_step, takes_s=15),
    Row(name="check search", work=check_search),
    Row(name="check ranking", work=check_ranking),
    Row(name="check maps", work=check_maps, takes_s=15),
    Row(name="check filters", work=check_filters, needs=INDEX),
)

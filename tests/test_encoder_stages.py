"""Pre-training, then contrastive tuning: stopped anywhere, the bits stay the same."""

import io
from dataclasses import replace
from typing import Any

import torch
from short_runs import CONFIG, TOTAL, assert_same_bits, catch_line, from_file, logs_of, run_training

from encoder.model import ModelConfig
from encoder.ragged import RaggedClips
from encoder.train import Hooks, Log, train

CPU = torch.device("cpu")
TUNED = replace(CONFIG, epochs=2, tune_epochs=2)


def test_tuning_comes_after_pre_training(clips: RaggedClips) -> None:
    seen = logs_of(clips, TUNED)
    assert [log.step for log in seen] == list(range(1, TOTAL + 1))
    assert [set(log.losses[0]) for log in seen[6:]] == [{"loss"}] * 6
    assert [log.learning_rate for log in seen[6:]] == [TUNED.tune_rate] * 6
    assert [log.losses for log in seen[:6]] == [
        log.losses for log in logs_of(clips, replace(TUNED, tune_epochs=0))
    ]
    before, after = run_training(clips, replace(TUNED, tune_epochs=0)), run_training(clips, TUNED)
    changed = {n for n, p in after.state_dict().items() if not torch.equal(p, before.state_dict()[n])}
    assert changed == {n for n, _ in after.encoder.named_parameters(prefix="encoder")}


def test_tuning_that_is_stopped_anywhere_goes_on_with_the_same_bits(clips: RaggedClips) -> None:
    files: list[io.BytesIO] = []

    def save(state: dict[str, Any]) -> None:
        files.append(io.BytesIO())
        torch.save(state, files[-1])

    whole = run_training(clips, TUNED, hooks=Hooks(save=save, save_every_s=-1))
    for step in (3, 6, 7, 10):  # in pre-training, at its end, in tuning
        torch.randn(5)
        assert_same_bits(run_training(clips, TUNED, state=from_file(files[step - 1])), whole)


def test_one_modality_alone_is_trained_on_two_views_of_it(clips: RaggedClips) -> None:
    config = ModelConfig(width=16, projection=32, modalities=("bone",))
    seen: list[Log] = []
    model = train(
        clips, config, replace(CONFIG, epochs=1), device=CPU, hooks=Hooks(log=seen.append, log_every=1)
    )
    assert list(model.projectors) == list(model.encoder.embeddings) == ["bone"]
    assert all(row["inter"] == 0 < row["intra"] for log in seen for row in log.losses)
    batch = clips.resize(torch.arange(3))
    with torch.inference_mode():
        y = model.encoder.embed_many(batch, ("bone", "fused"))
        assert torch.equal(y["bone"], y["fused"])
    text = catch_line(lambda: model.encoder(batch, "joint"))
    assert text == (
        "the encoder was trained on bone and cannot embed joint; choose --modality bone or fused, or another encoder"
    )

"""The training of the embedded pair computes what the real classes compute, and loses nothing when interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, Qwen2Tokenizer

from lvspec_cli.demo.architecture import GRID, MERGE_SIZE, VIDEO_TOKENS, Size, build_model, build_processor
from lvspec_cli.demo.batches import (
    BatchMaker,
    Layout,
    patchify,
    prefix_tokens,
    row_mask,
    row_positions,
    weighted_tokens,
)
from lvspec_cli.demo.cells import CELL_CLASSES
from lvspec_cli.demo.grammar import Piece
from lvspec_cli.demo.network import TrainingNetwork
from lvspec_cli.demo.rendering import Renderer
from lvspec_cli.demo.scene import scene_of_seed
from lvspec_cli.demo.tokenizer import SPECIAL_TOKENS, train_tokenizer
from lvspec_cli.demo.training import Stage, Trainer, export
from lvspec_cli.models.prompt import FrameSize, PreparedPrompt
from lvspec_cli.models.qwen2_5_vl import Qwen25VL

TINY = Size(2, 64, 96, 4, 1, 1, 32, 48, 2)
LAYOUT = Layout(("caption", "question"))


@pytest.fixture(scope="module", autouse=True)
def tokenizer(demo_tokenizer: Qwen2Tokenizer) -> Iterator[Qwen2Tokenizer]:
    """Trainers take the one that is trained already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lvspec_cli.demo.training.train_tokenizer", lambda: demo_tokenizer)
        yield demo_tokenizer


@pytest.fixture(scope="module")
def batch_maker(tokenizer) -> BatchMaker:  # type: ignore[no-untyped-def]
    return BatchMaker(tokenizer, LAYOUT, 2, seed="5")


def test_the_tokenizer_spells_any_text_and_is_the_same_every_time(tokenizer) -> None:  # type: ignore[no-untyped-def]
    text = "Zoë's café: 42 % — naïve? ¡Olé! 视频"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert train_tokenizer().get_vocab() == tokenizer.get_vocab()
    assert all(len(tokenizer(token)["input_ids"]) == 1 for token in SPECIAL_TOKENS)


def test_attribute_tokens_weigh_more_than_fillers(tokenizer) -> None:  # type: ignore[no-untyped-def]
    tokens, weights = weighted_tokens(tokenizer, [Piece("A ", None), Piece("red", "colour"), Piece(" one.", None)])
    heavy = [tokenizer.decode([token]).strip() for token, weight in zip(tokens, weights, strict=True) if weight > 1]
    assert heavy == ["red"]


def test_batches_are_reproducible_and_fit_their_layout(batch_maker: BatchMaker) -> None:
    one, again, other = batch_maker.make(0), batch_maker.make(0), batch_maker.make(1)
    assert torch.equal(one.patches, again.patches)
    assert torch.equal(one.tokens, again.tokens)
    assert not torch.equal(one.tokens, other.tokens)
    assert one.tokens.shape[1] == sum(LAYOUT.lengths)
    assert one.cells.shape == (2, VIDEO_TOKENS, len(CELL_CLASSES))
    assert all(int(one.cells[..., i].max()) < classes for i, classes in enumerate(CELL_CLASSES))


def test_patches_and_positions_are_those_of_the_real_processor_and_model(tokenizer) -> None:  # type: ignore[no-untyped-def]
    maker = BatchMaker(tokenizer, LAYOUT, 1, seed="9")
    frames = Renderer(80).render(scene_of_seed(1), [(i + 0.5) / 8 for i in range(8)])
    processor = build_processor(tokenizer)
    video = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
    real = processor.video_processor([video], return_tensors="pt")
    assert real["video_grid_thw"].tolist() == [[4, GRID, GRID]]
    ours = patchify(torch.from_numpy(frames)[None])[0].flatten(0, 1)
    assert torch.allclose(ours, real["pixel_values_videos"], atol=1e-5)
    ids = torch.tensor(maker.prefix)
    video_mask = ids == tokenizer.convert_tokens_to_ids("<|video_pad|>")
    tensors = {
        "mm_token_type_ids": video_mask[None].int() * 2,
        "video_grid_thw": real["video_grid_thw"],
        "second_per_grid_ts": torch.tensor([2 * 5.0 / 8]),
    }
    times = tuple((index + 0.5) * 5.0 / 8 for index in range(8))
    model = Qwen25VL(build_model(TINY, tokenizer), processor, len(tokenizer), FrameSize())
    positions = model.prompt_positions(PreparedPrompt(ids, video_mask, times, tensors))
    assert torch.equal(positions[:, 0], row_positions(maker.prefix, Layout(()), 5.0))


def test_a_slot_sees_the_prefix_and_itself_only(tokenizer) -> None:  # type: ignore[no-untyped-def]
    prefix = len(prefix_tokens(tokenizer))
    mask = row_mask(prefix, LAYOUT) == 0
    second = prefix + LAYOUT.lengths[0]
    assert mask[second, :prefix].all()
    assert not mask[second, prefix:second].any()
    assert mask[second, second]
    assert not mask[:prefix, prefix:].any()
    assert torch.equal(mask, mask.tril())


def test_the_training_network_computes_what_the_real_model_computes(tokenizer, batch_maker: BatchMaker) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    model = build_model(TINY, tokenizer).eval()
    batch = batch_maker.make(0)
    prefix = torch.tensor(batch_maker.prefix)
    with torch.no_grad():
        ours = TrainingNetwork(model, torch.float32)(
            batch.patches, prefix, batch.tokens, batch.positions, row_mask(len(prefix), LAYOUT)
        )
        slot = LAYOUT.lengths[0]
        for row in range(2):
            real = model(
                input_ids=torch.cat([prefix, batch.tokens[row, :slot]])[None],
                pixel_values_videos=batch.patches[row].flatten(0, 1),
                video_grid_thw=torch.tensor([[4, GRID, GRID]]),
                position_ids=batch.positions[:, None, : len(prefix) + slot],
            ).logits[0, len(prefix) :]
            assert torch.allclose(ours.text[row, :slot], real, atol=1e-4)


STAGES = (
    Stage("vision", Layout(()), 2, 3, 1e-3, warmup=1),
    Stage("captions", LAYOUT, 2, 4, 1e-3, warmup=1),
)


class InterruptedTrainer(Trainer):
    """A trainer that is stopped in the middle of a stage, before that step is saved."""

    stop_at = ("", 0)

    def _report(self, stage, step, loss, right) -> None:  # type: ignore[no-untyped-def]
        if (stage.name, step) == self.stop_at:
            raise KeyboardInterrupt
        super()._report(stage, step, loss, right)


@pytest.mark.parametrize("stop_at", [("vision", 0), ("vision", 2), ("captions", 0), ("captions", 3)])
def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path, whole_run: Trainer, stop_at) -> None:  # type: ignore[no-untyped-def]
    first = InterruptedTrainer(TINY, STAGES, tmp_path, checkpoint_steps=1)
    first.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        first.train()
    second = Trainer(TINY, STAGES, tmp_path, checkpoint_steps=1)
    second.train()
    for name, value in whole_run.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    trainer = Trainer(TINY, STAGES, tmp_path_factory.mktemp("run"))
    trainer.train()
    return trainer


def test_training_lowers_the_loss(tmp_path: Path, tokenizer) -> None:  # type: ignore[no-untyped-def]
    stage = Stage("captions", LAYOUT, 4, 12, 3e-3, warmup=2)
    trainer = Trainer(TINY, (stage,), tmp_path, log_steps=1)
    trainer.train()
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < 0.9 * losses[0]


def test_an_exported_model_loads_through_the_auto_classes(tmp_path: Path, tokenizer) -> None:  # type: ignore[no-untyped-def]
    model = build_model(TINY, tokenizer)
    export(model, tokenizer, tmp_path)
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path, dtype=torch.float32)
    processor = AutoProcessor.from_pretrained(tmp_path)
    assert type(loaded) is type(model)
    assert processor.tokenizer.get_vocab() == tokenizer.get_vocab()
    text = "A red (large) circle,\n\nit's Zoë's 42!<|im_end|>\n<|im_start|>assistant\n"
    assert processor.tokenizer(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert processor.video_processor.merge_size == MERGE_SIZE

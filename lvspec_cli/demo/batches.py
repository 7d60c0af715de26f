"""Training batches: clips rendered on the fly, each followed by several texts that all see the clip but not each other.

A row is one clip's prompt prefix (with its video tokens) and a fixed number of slots; each slot holds one exchange, its
prompt and its answer, padded to the slot's length. Because every row has the same layout, positions and attention mask
are computed once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from lvspec_cli.demo.architecture import (
    FRAME_COUNT,
    FRAME_SIZE,
    GRID,
    MERGE_SIZE,
    PATCH_SIZE,
    TEMPORAL_PATCH_SIZE,
    TOKENS_PER_SECOND,
    VIDEO_TOKENS,
)
from lvspec_cli.demo.cells import cell_labels
from lvspec_cli.demo.grammar import CAPTION_PROMPTS, TAG_PROMPTS, Piece, caption, tags
from lvspec_cli.demo.questions import binding_question, random_questions
from lvspec_cli.demo.rendering import Renderer
from lvspec_cli.demo.scene import ATTRIBUTES, Scene, Truth, random_scene

DURATIONS_S = (3.0, 4.0, 5.0, 6.0, 8.0)  # of the pretended clips; they set the temporal positions
CAPTION_LENGTH = 114
QUESTION_LENGTH = 34
TAGS_LENGTH = 36
ATTRIBUTE_WEIGHT = 3.0


@dataclass(frozen=True)
class Layout:
    """How a row is laid out: the prefix, then slots of these kinds."""

    kinds: tuple[str, ...]  # "caption", "tags", "question" or "binding": see questions.py

    @property
    def lengths(self) -> tuple[int, ...]:
        question = {"question": QUESTION_LENGTH, "binding": QUESTION_LENGTH}
        sizes = {"caption": CAPTION_LENGTH, "tags": TAGS_LENGTH, **question}
        return tuple(sizes[kind] for kind in self.kinds)


@dataclass(frozen=True)
class Batch:
    """``rows`` clips with their texts."""

    patches: torch.Tensor  # float [rows, temporal grid, patches, patch dimension]
    tokens: torch.Tensor  # int64 [rows, text length]: the slots, without the prefix
    targets: torch.Tensor  # int64 [rows, text length]: the next token, -100 where nothing is learnt
    weights: torch.Tensor  # float [rows, text length]
    positions: torch.Tensor  # int64 [3, prefix + text length]
    values: torch.Tensor  # int64 [rows, attributes]: the index of each attribute's value
    cells: torch.Tensor  # int64 [rows, video tokens, 5]: see cells.cell_labels


class BatchMaker:
    """Makes batches from a seed; the n-th batch is the same on every machine."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, layout: Layout, rows: int, seed: str) -> None:
        self.tokenizer = tokenizer
        self.layout = layout
        self.rows = rows
        self.seed = seed
        self.renderer = Renderer(FRAME_SIZE)
        self.prefix = prefix_tokens(tokenizer)
        self.chat = {
            "turn": tokenizer("<|im_end|>\n<|im_start|>assistant\n")["input_ids"],
            "end": tokenizer("<|im_end|>")["input_ids"],
        }

    def make(self, index: int) -> Batch:
        generator = random.Random(f"{self.seed} {index}")
        noise = np.random.default_rng(generator.getrandbits(63))
        scenes = [random_scene(generator) for _ in range(self.rows)]
        moments = [_moments(generator) for _ in scenes]
        frames = np.stack([self._frames(*pair, generator, noise) for pair in zip(scenes, moments, strict=True)])
        texts = [self._row(scene.truth, generator) for scene in scenes]
        tokens, targets, weights = (torch.tensor([text[part] for text in texts]) for part in range(3))
        duration = generator.choice(DURATIONS_S)
        return Batch(
            patches=patchify(torch.from_numpy(frames)),
            tokens=tokens,
            targets=targets,
            weights=weights,
            positions=row_positions(self.prefix, self.layout, duration),
            values=torch.tensor([attribute_values(scene.truth) for scene in scenes]),
            cells=torch.from_numpy(
                np.stack(
                    [
                        cell_labels(scene, when, GRID // MERGE_SIZE, TEMPORAL_PATCH_SIZE)
                        for scene, when in zip(scenes, moments, strict=True)
                    ]
                )
            ),
        )

    def _frames(
        self, scene: Scene, moments: list[float], generator: random.Random, noise: np.random.Generator
    ) -> np.ndarray:
        """The clip at the moments, with the noise of lossy video."""
        frames = self.renderer.render(scene, moments)
        sigma = generator.choice((0.0, 2.0, 4.0))
        if sigma:
            grain = noise.standard_normal(frames.shape, dtype=np.float32) * sigma
            frames = np.clip(frames + grain, 0, 255).astype(np.uint8)
        return frames

    def _row(self, truth: Truth, generator: random.Random) -> tuple[list[int], list[int], list[float]]:
        questions = random_questions(truth, generator, self.layout.kinds.count("question"))
        tokens: list[int] = []
        targets: list[int] = []
        weights: list[float] = []
        for kind, length in zip(self.layout.kinds, self.layout.lengths, strict=True):
            if kind in ("question", "binding"):
                question = questions.pop() if kind == "question" else binding_question(truth, generator)
                prompt, pieces = question.text, list(question.answer)
            elif kind == "tags":
                prompt, pieces = generator.choice(TAG_PROMPTS), tags(truth)
            else:
                prompt, pieces = generator.choice(CAPTION_PROMPTS), caption(truth, generator)
            slot = self._slot(prompt, pieces, length)
            tokens += slot[0]
            targets += slot[1]
            weights += slot[2]
        return tokens, targets, weights

    def _slot(self, prompt: str, pieces: list[Piece], length: int) -> tuple[list[int], list[int], list[float]]:
        asked = self.tokenizer(prompt)["input_ids"] + self.chat["turn"]
        answer, weight = weighted_tokens(self.tokenizer, pieces)
        tokens = asked + answer + self.chat["end"]
        if len(tokens) > length:
            raise ValueError(f"an exchange of {len(tokens)} tokens does not fit a slot of {length}")
        learnt = [-100] * (len(asked) - 1) + answer + self.chat["end"] + [-100]
        importance = [0.0] * (len(asked) - 1) + weight + [1.0, 0.0]
        padding = length - len(tokens)
        return tokens + [0] * padding, learnt + [-100] * padding, importance + [0.0] * padding


def _moments(generator: random.Random) -> list[float]:
    """The middle of each of the equal slots, a little early or late."""
    jitter = generator.uniform(-0.2, 0.2)
    return [(index + 0.5 + jitter) / FRAME_COUNT for index in range(FRAME_COUNT)]


def weighted_tokens(tokenizer: PreTrainedTokenizerBase, pieces: list[Piece]) -> tuple[list[int], list[float]]:
    """A text's tokens and their weights in the loss: attributes count more than fillers."""
    text = "".join(piece.text for piece in pieces)
    marked = np.zeros(len(text), bool)
    start = 0
    for piece in pieces:
        marked[start : start + len(piece.text)] = piece.attribute is not None
        start += len(piece.text)
    encoded = tokenizer(text, return_offsets_mapping=True)
    weights = [ATTRIBUTE_WEIGHT if marked[begin:end].any() else 1.0 for begin, end in encoded["offset_mapping"]]
    return encoded["input_ids"], weights


def prefix_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The start of the user's turn with the clip's video tokens."""
    text = "<|im_start|>user\n<|vision_start|>" + "<|video_pad|>" * VIDEO_TOKENS + "<|vision_end|>"
    return list(tokenizer(text)["input_ids"])


def row_positions(prefix: list[int], layout: Layout, duration_s: float) -> torch.Tensor:
    """Multimodal rotary positions [3, length] of a row; every slot continues where the prefix ends.

    Text goes on behind the largest position of the video on any axis (Qwen2.5-VL; see `models/qwen2_5_vl.py`).
    """
    before = len(prefix) - VIDEO_TOKENS - 1
    side = GRID // MERGE_SIZE
    interval = TOKENS_PER_SECOND * TEMPORAL_PATCH_SIZE * duration_s / FRAME_COUNT
    time = (torch.arange(FRAME_COUNT // TEMPORAL_PATCH_SIZE) * interval).long()
    grid = torch.stack(torch.meshgrid(time, torch.arange(side), torch.arange(side), indexing="ij")).reshape(3, -1)
    after = before + int(grid.max()) + 1
    texts = [torch.arange(before), torch.tensor([after])]
    slots = [torch.arange(length) + after + 1 for length in layout.lengths]
    return torch.cat([texts[0].expand(3, -1), grid + before, *(text.expand(3, -1) for text in texts[1:] + slots)], 1)


def row_mask(prefix_length: int, layout: Layout) -> torch.Tensor:
    """Additive attention mask [length, length]: causal, and no slot sees another."""
    owner = torch.cat(
        [torch.zeros(prefix_length), *(torch.full((n,), i + 1) for i, n in enumerate(layout.lengths))]
    ).long()
    seen = (owner[None, :] == owner[:, None]) | (owner[None, :] == 0)
    causal = torch.ones(len(owner), len(owner)).tril().bool()
    return torch.zeros(len(owner), len(owner)).masked_fill(~(seen & causal), float("-inf"))


def patchify(frames: torch.Tensor) -> torch.Tensor:
    """uint8 [rows, frames, side, side, 3] to float [rows, grid, patches, values], in the real processor's order."""
    rows = frames.shape[0]
    merged = GRID // MERGE_SIZE
    pixels = frames.permute(0, 1, 4, 2, 3).float() / 127.5 - 1.0
    parts = pixels.reshape(
        rows, -1, TEMPORAL_PATCH_SIZE, 3, merged, MERGE_SIZE, PATCH_SIZE, merged, MERGE_SIZE, PATCH_SIZE
    )
    return parts.permute(0, 1, 4, 7, 5, 8, 3, 2, 6, 9).reshape(rows, parts.shape[1], GRID * GRID, -1)


def attribute_values(truth: Truth) -> list[int]:
    return [values.index(getattr(truth, name)) for name, values in ATTRIBUTES.items()]

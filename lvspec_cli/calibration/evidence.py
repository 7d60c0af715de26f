"""What one video shows of a pair: where its words depend on what is seen.

The target reads what it says about a video with the video and with others in its place. How far that moves the
log-probability of a token (in nats) tells whether the token carries visual content; no label is needed. The token is
measured, not the place: where a shape could be named or called "the moving one", only the name depends on the video.
There are several other videos, because one may happen to show the same. The signals are noted beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.looseness import WatchedLayers
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.pair import Pair
from lvspec_cli.models.prompt import PreparedPrompt

SAMPLED_TEXTS = 3  # at temperature 1, beside the greedy one: they widen the vocabulary


@dataclass(frozen=True)
class Prompts:
    """One video and the preset's caption prompt, in both models' terms."""

    target: PreparedPrompt
    draft: PreparedPrompt


@dataclass(frozen=True)
class Evidence:
    """The tokens of all texts about one video, and what was measured where each was said."""

    tokens: tuple[int, ...]  # [n]
    dependence: tuple[float, ...]  # [n], nats, mean over the other videos
    largest: tuple[float, ...]  # [n], nats, of the other video that moves the target most
    attention: tuple[tuple[float, ...], ...]  # [layers][n], share of the attention that goes to the video
    cosine: tuple[float, ...]  # [n], -1 to 1, of the states that `Looseness.judged` names

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Evidence:
        """The inverse of `as_json`. Raises KeyError or TypeError for anything else."""
        return cls(
            tokens=tuple(record["tokens"]),
            dependence=tuple(record["dependence"]),
            largest=tuple(record["largest"]),
            attention=tuple(map(tuple, record["attention"])),
            cosine=tuple(record["cosine"]),
        )

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def measure_video(pair: Pair, prompts: Prompts, others: Sequence[Prompts], options: DecodingOptions) -> Evidence:
    """Let the target speak about a video, and measure it where it spoke.

    ``others``: videos to put in its place, at least one; ``options``: how to decode (the method does not matter) and
    what of a token is judged.
    """
    texts = _texts(pair, prompts, options)
    target, layers = pair.target, pair.target.layer_count
    target.watch(WatchedLayers(tuple(range(layers)), 2 * layers // 3, options.looseness.nearest))
    both = options.looseness.judged == "both"
    seen = [_read(target, first, text, both) for first, text in _each(target, prompts, texts)]
    target.watch(None)
    moved = torch.stack([_moved(target, other, texts, seen) for other in others])
    return Evidence(
        tokens=tuple(token for text in texts for token in text),
        dependence=tuple(moved.mean(dim=0).tolist()),
        largest=tuple(moved.amax(dim=0).tolist()),
        attention=tuple(map(tuple, torch.cat([one.attention for one in seen], dim=1).tolist())),
        cosine=tuple(torch.cat([one.cosine for one in seen]).tolist()),
    )


@dataclass(frozen=True)
class _Reading:
    """What the target thinks at every token of a text of n tokens."""

    log_probabilities: Tensor  # [n], of the text's own tokens
    attention: Tensor  # [layers, n]
    cosine: Tensor  # [n], as `RelevanceJudge` would read it of the tokens


def _texts(pair: Pair, prompts: Prompts, options: DecodingOptions) -> list[list[int]]:
    alone = replace(options, method="ar", temperature=0.0, stop_tokens=pair.stop_tokens)
    sampled = [replace(alone, temperature=1.0, top_p=1.0, top_k=0, seed=seed) for seed in range(SAMPLED_TEXTS)]
    return [_say(pair.target, prompts.target, how) for how in (alone, *sampled)]


def _say(model: VideoLanguageModel, prompt: PreparedPrompt, options: DecodingOptions) -> list[int]:
    model.watch(None)
    first = model.prefill(prompt)
    return [token.id for event in decode(model, None, options, first) for token in event.tokens]


def _each(target: VideoLanguageModel, prompts: Prompts, texts: Sequence[list[int]]) -> Iterator[tuple[int, list[int]]]:
    """Every text behind the same prefilled prompt, with the prompt's last token."""
    first = target.prefill(prompts.target)
    start = target.length
    for text in texts:
        target.rollback(start)
        yield first, text


@torch.inference_mode()
def _read(target: VideoLanguageModel, first: int, text: list[int], both: bool = True) -> _Reading:
    """One pass over a whole text; ``both``: whether the state that a token is chosen from counts beside its own."""
    extension = target.extend(torch.tensor([first, *text], device=target.device))
    tokens = torch.tensor(text, device=extension.logits.device)
    spoken = extension.logits[:-1].float().log_softmax(-1).gather(-1, tokens[:, None])[:, 0]
    nothing = extension.logits.new_zeros(len(text) + 1)
    watch = target.watched
    cosine = nothing if extension.video_cosine is None else extension.video_cosine.float()
    return _Reading(
        log_probabilities=spoken.cpu(),
        attention=(nothing[None] if watch is None else torch.stack(watch.shares))[:, :-1].float().cpu(),
        cosine=(torch.maximum(cosine[1:], cosine[:-1]) if both else cosine[1:]).float().cpu(),
    )


def _moved(target: VideoLanguageModel, other: Prompts, texts: Sequence[list[int]], seen: Sequence[_Reading]) -> Tensor:
    """How far another video moves the log-probability of every token of all texts: [n], nats."""
    unseen = (_read(target, first, text) for first, text in _each(target, other, texts))
    pairs = zip(seen, unseen, strict=True)
    return torch.cat([(one.log_probabilities - two.log_probabilities).abs() for one, two in pairs])

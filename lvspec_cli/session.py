"""One video on its way through a loaded pair: prepare, prefill, decode, and the caption at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from lvspec_cli.caption import Caption, Durations, ModelIdentity, Request, Segment, Setup
from lvspec_cli.decoding.clock import wait_for
from lvspec_cli.decoding.draft_length import DraftLength
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.events import Round, Token
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.relevance import NOTHING_KNOWN, settled
from lvspec_cli.decoding.stats import DecodingStats
from lvspec_cli.errors import LvspecError, OutOfMemory
from lvspec_cli.memory import explained_memory
from lvspec_cli.models.context import room_for_answer
from lvspec_cli.models.footprint import estimate_pair
from lvspec_cli.models.prefill import prefill_pair
from lvspec_cli.models.room import GIB, rooms, used_bytes
from lvspec_cli.plan import Plan, in_force
from lvspec_cli.text_stream import TextStream
from lvspec_cli.token_texts import TokenTexts, speller

if TYPE_CHECKING:
    from lvspec_cli.models.adapter import VideoLanguageModel
    from lvspec_cli.models.pair import Pair
    from lvspec_cli.models.prompt import PreparedPrompt, VideoLayout
    from lvspec_cli.preset import ModelSpec, Preset
    from lvspec_cli.video.clip import Clip


_TIMED_STEPS = 3  # the fastest counts: the first one also warms up, and other programs may disturb one


class Session:
    """The state of one caption: call `prefill`, take the `rounds`, `push` each, then `finish`, then `caption`."""

    def __init__(
        self,
        pair: Pair,
        preset: Preset,
        plan: Plan,
        request: Request,
        clip: Clip,
        read_seconds: float,
        length: DraftLength | None = None,
        shrunk_from: int | None = None,
    ) -> None:
        """`read_seconds`: it took to read the clip; `length`: what chooses the draft length, if it is left open;
        `shrunk_from`: frames for which there is not enough memory."""
        self._pair, self._preset, self._plan = pair, preset, plan
        self._request, self._clip = request, clip
        self._method = METHODS[plan.decode.method]
        self._draft = pair.draft if self._method.drafts else None
        self._options = replace(plan.decode, stop_tokens=pair.stop_tokens)
        self._length = length
        self._read_seconds = read_seconds
        self._shrunk_from = shrunk_from
        self._prepare_seconds = 0.0
        self._started = perf_counter()
        self._first_token = 0
        self._layout: VideoLayout | None = None
        self._knowledge = NOTHING_KNOWN
        self.stats = DecodingStats()  # so far
        self._tokens: list[Token] = []
        self._last: Round | None = None
        self._text = ""
        self._stream = TextStream(lambda tokens: str(pair.tokenizer.decode(tokens, skip_special_tokens=True)))
        self.texts = TokenTexts(speller(pair.tokenizer))

    @property
    def setup(self) -> Setup:
        """How the caption is made; to be asked for after `prefill`."""
        judges, pair = self._method.judges, self._pair
        in_force = settled(self._options.looseness, pair.calibration)
        source = pair.target.grounding
        return Setup(
            request=self._request,
            preset=self._preset.name,
            target=_identity(pair.target, self._preset.target, pair.target_revision),
            draft=_identity(self._draft, self._preset.draft, pair.draft_revision) if self._draft else None,
            method=self._method.name,
            lossy=self._method.lossy,
            settings=self._settings(),
            signal=in_force.relevance if judges else None,
            threshold=in_force.threshold if judges else None,
            layout=self._layout,
            grounding=None if source is None else source.kind,
        )

    def prefill(self) -> None:
        """Let both models, or the target alone if the method drafts nothing, watch the video and read the question.

        Raises PromptTooLong if one of them has not positions enough for it, and OutOfMemory.
        """
        started = perf_counter()
        wanted = self._request.question or self._request.prompt or ""
        target, draft = self._pair.prepare(self._clip.frames, self._clip.times, wanted, self._request.system)
        prepared = perf_counter()
        self._prepare_seconds = prepared - started
        self.stats.video_tokens = target.video_tokens
        self._layout = self._pair.target.video_layout(target)
        self._options = replace(self._options, max_tokens=self._room_for_answer(target, draft))
        with self._explained_memory():
            self._knowledge = self._pair.ready_for(self._options)
            prompts = target, draft
            prefilled = prefill_pair(self._pair.target, self._draft, prompts, self._options.reserve, self._plan.pruning)
            if self._draft is not None:
                wait_for(self._draft.device)
            wait_for(self._pair.target.device)
        self._first_token = prefilled.first_token
        self.stats.draft_video_tokens = prefilled.draft_video_tokens
        self.stats.prefill_seconds = perf_counter() - prepared
        self.stats.memory_bytes = used_bytes(self._pair.target.device)

    def _room_for_answer(self, target: PreparedPrompt, draft: PreparedPrompt | None) -> int:
        """The most new tokens; fewer than are asked for where a model's positions end before."""
        uses = self._pair.context_uses(target, draft if self._draft is not None else None)
        quotes = self._plan.summarizes and self._request.question is None
        return room_for_answer(uses, self._options.max_tokens, quotes=quotes)

    @property
    def prompt_length(self) -> int:
        """Positions in the target's cache; to be asked for after `prefill`."""
        return self._pair.target.length

    def time_step(self) -> float:
        """Seconds of the target's pass over one token behind this prompt; to be called after `prefill`.

        As it decodes alone: nothing is watched.
        """
        target = self._pair.target
        token, length = torch.tensor([self._first_token], device=target.device), target.length
        seconds = []
        with self._explained_memory(), target.unobserved():
            for _ in range(_TIMED_STEPS):
                started = perf_counter()
                target.extend(token)
                wait_for(target.device)
                seconds.append(perf_counter() - started)
                target.rollback(length)
        return min(seconds)

    def rounds(self) -> Iterator[Round]:
        """Decode to the end."""
        with self._explained_memory():
            yield from decode(
                self._pair.target, self._draft, self._options, self._first_token, self._knowledge, self._length
            )

    def push(self, event: Round) -> str:
        """Take a round into account and return the text it adds: whole characters, so it may be empty."""
        self.stats.observe(event)
        self._tokens.extend(event.tokens)
        self._last = event
        return self._add(self._stream.push(token.id for token in event.tokens))

    def finish(self) -> str:
        """Return what text was held back."""
        return self._add(self._stream.finish())

    def caption(self) -> Caption:
        """Everything about the finished caption."""
        assert self._last is not None  # every decode has a round
        assert self._last.finish_reason is not None  # and only the last one has a reason
        text, clip = self._plan.dressed(self._text.strip()), self._clip
        total = self._read_seconds + perf_counter() - self._started
        if self._length is not None and self._options.draft_tokens == "auto":
            self.stats.draft_cost_ratio = self._length.draft_ratio
        return Caption(
            **vars(self.setup),
            text=text,
            tokens=tuple(self._tokens),
            finish_reason=self._last.finish_reason,
            stats=self.stats,
            durations=Durations(self._read_seconds, self._prepare_seconds, total),
            facts=clip.facts,
            frame_times=clip.times,
            shrunk_from=self._shrunk_from,
            segments=(Segment(clip.start_s, clip.end_s, text, self._last.finish_reason, clip.times),),
            summary=None,
            trouble=None,
        )

    @contextmanager
    def _explained_memory(self) -> Iterator[None]:
        """Turn a lack of memory into an error of this video; a smaller one may fit."""
        try:
            with explained_memory("there is not enough memory for this video"):
                yield
        except OutOfMemory as error:
            raise OutOfMemory(self._what_was_needed(), len(self._clip.times)) from error.__cause__

    def _what_was_needed(self) -> str:
        frames, tokens = len(self._clip.times), self.stats.video_tokens
        shrink = "" if self._plan.shrinks else ", or --on-oom shrink"
        return (
            f"there is not enough memory for the {tokens} tokens of this video's {frames} frames"
            f"{self._estimate()}: take fewer frames, a smaller frames.max_pixels in the preset, a smaller pair{shrink}"
        )

    def _estimate(self) -> str:
        height, width = self._clip.frames.shape[1:3]
        preset = in_force(self._preset, self._plan, self._request.question or self._request.prompt or "")
        try:
            footprint = estimate_pair(preset, len(self._clip.times), (height, width))
            needed = rooms(preset, footprint, lambda _: None, with_draft=self._draft is not None)
        except LvspecError:  # such as a folder that is gone by now: then it goes without saying
            return ""
        return ", which takes about " + " and ".join(f"{r.needed_bytes / GIB:.1f} GiB of {r.device}" for r in needed)

    def _add(self, piece: str) -> str:
        self._text += piece
        return piece

    def _settings(self) -> dict[str, object]:
        frames = self._preset.frames
        settings = {**self._plan.as_record(), "min_pixels": frames.min_pixels, "max_pixels": frames.max_pixels}
        if self._method.judges:
            settings |= asdict(settled(self._options.looseness, self._pair.calibration))
            settings["calibration"] = self._pair.calibration_digest
        return settings


def _identity(model: VideoLanguageModel, spec: ModelSpec, revision: str | None) -> ModelIdentity:
    dtype = str(model.model.dtype).removeprefix("torch.")
    return ModelIdentity(spec.model, revision, dtype, spec.quantization, str(model.device))


def release_memory(pair: Pair) -> None:
    """Give back what a video that did not fit has left in the caches, so that it is there for a smaller one."""
    for model in (pair.target, pair.draft):
        if model is not None:
            model.cache.release()

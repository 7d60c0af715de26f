"""Keeps the books of a run: takes what is heard of it, and tells what is known at any moment."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lvspec_cli.caption import Part, Progress, Sight, Stage
from lvspec_cli.decoding.events import Origin, Round
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.stats import DecodingStats
from lvspec_cli.ui.live.caption_text import CaptionText
from lvspec_cli.ui.live.formats import clock_time
from lvspec_cli.ui.live.known import Chain, Figures, Known, Link, RunSetup, Videos

if TYPE_CHECKING:
    from lvspec_cli.settings import Settings
    from lvspec_cli.token_texts import TokenTexts

_NOW_SECONDS = 1.0  # of decoding, over which the speed of now is taken
_ROUNDS_KEPT = 400  # for the chart: more than any terminal is wide


def setup_of(settings: Settings) -> RunSetup:
    """What the settings decide of the view."""
    method = METHODS[settings.method or "lvspec"]
    if not method.drafts:
        return RunSetup(method.name, False, (Origin.TARGET,), settings.max_tokens)
    loosened = (Origin.LOOSE, Origin.SHIFTED) if method.judges else (Origin.LOOSE,) if method.lossy else ()
    plain = (Origin.TARGET,) if settings.draft_tokens == "auto" else ()
    kinds = (Origin.EXACT, *loosened, Origin.RECOVERED, Origin.BONUS, *plain)
    return RunSetup(method.name, True, kinds, settings.max_tokens)


class Ledger:
    """Times are seconds of one clock, which the caller reads. Not to be shared between threads without a lock."""

    def __init__(self) -> None:
        self._setup = RunSetup("lvspec", True, tuple(o for o in Origin if o is not Origin.TARGET), None)
        self._captioned = self._failed = 0
        self._worked = 0.0  # s, all videos that were captioned
        self.begin(0.0, "", 0, 1)

    def settle(self, settings: Settings) -> None:
        """The settings are known."""
        self._setup = setup_of(settings)

    def begin(self, now: float, path: str, index: int, count: int) -> None:
        """The next video's turn has come."""
        self._path, self._index, self._count = path, index, count
        self._began = now
        self._sight: Sight | None = None
        self._part: Part | None = None
        self._text = CaptionText()
        self._accepted: deque[int] = deque(maxlen=_ROUNDS_KEPT)
        self._longest = 0
        self._enter("reading", now, None)

    def end(self, now: float, *, failed: bool) -> None:
        """The current video is through."""
        if failed:  # often at once, such as for a file that is not there: that tells nothing of those to come
            self._failed += 1
            return
        self._worked += now - self._began
        self._captioned += 1

    def take(self, at: float, progress: Progress) -> None:
        """A step of the current video, made at this time."""
        if progress.stage != self._stage or progress.part != self._part:
            self._enter(progress.stage, at, progress.part)
        self._sight = progress.sight or self._sight
        if progress.round is not None:
            self._observe(progress.round, progress)

    def known(self, now: float) -> Known:
        """Everything, as it is at this time."""
        return Known(
            setup=self._setup,
            path=self._path,
            videos=self._videos(now),
            stage=self._stage,
            stage_seconds=now - self._stage_began,
            video_seconds=now - self._began,
            part=self._part,
            sight=self._sight,
            pieces=self._text.pieces,
            chain=self._chain(),
            figures=self._figures(),
            accepted=tuple(self._accepted),
            longest_draft=self._longest,
        )

    def _enter(self, stage: Stage, at: float, part: Part | None) -> None:
        if part != self._part:
            self._text.next_part()
        if stage == "reading" or part != self._part:  # a new part, or the same once more with fewer frames
            self._text.begin_part("")
            self._stats = DecodingStats()
            self._recent: deque[tuple[int, float]] = deque()  # tokens and seconds of the last rounds
            self._recent_seconds = 0.0
            self._last: tuple[Round, int | None, TokenTexts | None] | None = None
            self._chain_shown: Chain | None = None
        self._stage, self._stage_began, self._part = stage, at, part

    def _observe(self, event: Round, progress: Progress) -> None:
        if not self._stats.num_spec_steps:
            self._text.begin_part(_label(self._part, self._sight))
        # The session's own statistics go on changing while this may run in another thread: the same sum is made here.
        self._stats.observe(event)
        if progress.stats is not None:
            self._stats.video_tokens = progress.stats.video_tokens
            self._stats.draft_video_tokens = progress.stats.draft_video_tokens
            self._stats.memory_bytes = progress.stats.memory_bytes
            self._stats.target_step_seconds = progress.stats.target_step_seconds
        self._remember_speed(len(event.tokens), event.round_seconds)
        self._accepted.append(event.num_accepted)
        self._longest = max(self._longest, len(event.draft_tokens))
        self._last, self._chain_shown = (event, self._text.last_token, progress.texts), None
        if progress.texts is not None:
            self._text.add(event.tokens, event.finish_reason, progress.texts)

    def _remember_speed(self, tokens: int, seconds: float) -> None:
        self._recent.append((tokens, seconds))
        self._recent_seconds += seconds
        while len(self._recent) > 1 and self._recent_seconds - self._recent[0][1] >= _NOW_SECONDS:
            self._recent_seconds -= self._recent.popleft()[1]

    def _videos(self, now: float) -> Videos:
        remaining = None
        if self._captioned:
            mean = self._worked / self._captioned
            remaining = max(mean * (self._count - self._index) - min(now - self._began, mean), 0.0)
        return Videos(self._index, self._count, self._captioned, self._failed, remaining)

    def _figures(self) -> Figures | None:
        stats = self._stats
        if not stats.num_spec_steps:
            return None
        return Figures(
            num_tokens=stats.num_generated_tokens,
            speed_now=sum(n for n, _ in self._recent) / self._recent_seconds if self._recent_seconds > 0 else None,
            speed_mean=stats.tokens_per_second,
            acceptance_length=stats.mean_acceptance_length if self._setup.drafts else None,
            speedup=stats.estimated_speedup,
            tokens_by_origin=dict(stats.tokens_by_origin),
            video_tokens=stats.video_tokens,
            draft_video_tokens=stats.draft_video_tokens,
            memory_bytes=stats.memory_bytes,
        )

    def _chain(self) -> Chain | None:
        if self._chain_shown is None and self._last is not None:
            self._chain_shown = chain_of(*self._last)
        return self._chain_shown


def _label(part: Part | None, sight: Sight | None) -> str:
    """What stands before the text of a part."""
    if part is None or sight is None:
        return ""
    return "summary" if part.summary else f"{clock_time(sight.start_s)}-{clock_time(sight.end_s)}"


def chain_of(event: Round, before: int | None, texts: TokenTexts | None) -> Chain:
    """A round in words. ``before``: the token that was committed last before it."""
    kept, drafted = event.num_accepted, event.draft_tokens
    shown = texts.pieces(drafted, before) if texts is not None else [f"<{token}>" for token in drafted]
    refused = len(drafted) - len(event.rejected)
    links = [Link(text, "accepted", token.origin) for text, token in zip(shown, event.tokens[:kept], strict=False)]
    links += [Link(text, "beyond") for text in shown[kept:refused]]
    links += [Link(text, "rejected") for text in shown[refused : refused + 1]]
    links += [Link(text, "discarded") for text in shown[refused + 1 :]]
    for own in event.tokens[kept:]:
        text = f"<{own.id}>" if texts is None else texts.text(own.id, drafted[kept - 1] if kept else before)
        links.append(Link(text, "own", own.origin))
    return Chain(event.index + 1, tuple(links), len(drafted), kept, event.refusal, event.finish_reason)

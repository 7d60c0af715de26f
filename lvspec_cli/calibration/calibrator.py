"""Measures a pair on videos: first what its signals are worth, then which draft length is the fastest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lvspec_cli.calibration.aggregate import Findings, aggregate
from lvspec_cli.calibration.draft_speed import relative_speeds
from lvspec_cli.calibration.evidence import Evidence, Prompts, measure_video
from lvspec_cli.calibration.journal import Journal
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.errors import FramesRefused, PromptTooLong, UsageError, VideoError
from lvspec_cli.models.context import room_for_answer
from lvspec_cli.models.pair import Pair
from lvspec_cli.preset import PromptSpec, PruningSpec
from lvspec_cli.video.clip import Clip

OTHER_VIDEOS = 3  # that each is measured against
LEAST_VIDEOS = 2  # each is measured against another one
TIMED_VIDEOS = 12


@dataclass(frozen=True)
class Calibrated:
    """What a calibration found."""

    findings: Findings
    speeds: Mapping[int, float]  # draft tokens a round -> speed of `lvspec`, see `relative_speeds`
    videos: int  # measured

    @property
    def draft_tokens(self) -> int:
        """A round, the fastest."""
        return max(self.speeds, key=lambda length: self.speeds[length])


class Calibrator:
    """Measures one pair; ``say`` is told of every video."""

    def __init__(
        self,
        pair: Pair,
        asked: PromptSpec,
        options: DecodingOptions,
        pruning: PruningSpec,
        journal: Journal,
        say: Callable[[str], None],
    ) -> None:
        """``options`` and ``pruning`` (of the draft's video tokens): as `lvspec` will decode with the preset."""
        self._pair, self._asked = pair, asked
        self._options, self._pruning = options, pruning
        self._journal, self._say = journal, say

    def run(self, paths: Sequence[str], read: Callable[[str], Clip]) -> Calibrated:
        """Measure all videos that can be read; the rest are said and left out.

        Raises UsageError if fewer than two are left, or if they cannot tell anchors from fillers.
        """
        evidence, first = self._evidence(paths, read)
        if len(evidence) < LEAST_VIDEOS:
            raise UsageError(
                f"a calibration needs at least {LEAST_VIDEOS} videos that can be read and differ: name more"
            )
        state_layer = 2 * self._pair.target.layer_count // 3
        findings = aggregate(evidence, self._pair.vocabulary_size, state_layer, self._options.looseness)
        self._say("comparing draft lengths")
        return Calibrated(findings, self._speeds(findings, first), len(evidence))

    def _evidence(self, paths: Sequence[str], read: Callable[[str], Clip]) -> tuple[list[Evidence], list[Prompts]]:
        """The evidence of every video, and the prompts of the first ones, for timing."""
        evidence: list[Evidence] = []
        first: list[Prompts] = []
        window: deque[tuple[str, Prompts]] = deque(maxlen=OTHER_VIDEOS + 1)  # the latest video is the last
        for fingerprint, prompts in self._readable(paths, read):
            window.append((fingerprint, prompts))
            if len(first) < TIMED_VIDEOS:
                first.append(prompts)
            if len(window) == window.maxlen:
                # The first ones waited for others to be measured against.
                fresh = list(window) if not evidence else [window[-1]]
                evidence += [self._measured(each, window) for each in fresh]
        if not evidence and len(window) > 1:
            evidence = [self._measured(each, window) for each in window]
        return evidence, first

    def _readable(self, paths: Sequence[str], read: Callable[[str], Clip]) -> Iterator[tuple[str, Prompts]]:
        """Fingerprint and prompts of every video that both models can take, each content once."""
        known: dict[str, str] = {}  # fingerprint -> path
        for index, path in enumerate(paths):
            try:
                clip = read(path)
                fingerprint = clip.facts.fingerprint or path
                if fingerprint in known:
                    self._say(f"left out: {path} is a copy of {known[fingerprint]}")
                    continue
                prompts = self._prompts(clip)
            except (FramesRefused, PromptTooLong) as error:
                self._say(f"left out: {path}: {error}")
                continue
            except VideoError as error:
                self._say(f"left out: {error}")
                continue
            known[fingerprint] = path
            yield fingerprint, prompts
            self._say(f"measured {index + 1} of {len(paths)}: {path}")

    def _prompts(self, clip: Clip) -> Prompts:
        target, draft = self._pair.prepare(clip.frames, clip.times, self._asked.caption, self._asked.system)
        assert draft is not None  # the pair was loaded with its draft
        room_for_answer(self._pair.context_uses(target, draft), self._options.max_tokens)
        return Prompts(target, draft)

    def _measured(self, video: tuple[str, Prompts], window: Iterable[tuple[str, Prompts]]) -> Evidence:
        fingerprint, prompts = video
        known = self._journal.get(fingerprint)
        if known is None:
            others = [other for name, other in window if name != fingerprint]
            known = measure_video(self._pair, prompts, others, self._options)
            self._journal.add(fingerprint, known)
        return known

    def _speeds(self, findings: Findings, videos: Sequence[Prompts]) -> dict[int, float]:
        """How fast `lvspec` is at each draft length, with the best signal as it was calibrated."""
        pair = replace(self._pair, calibration=findings.calibration)
        looseness = replace(
            self._options.looseness,
            relevance=findings.best,
            threshold=None,
            filler_share=None,
            attention_layers=None,
            state_layer=None,
        )
        options = replace(self._options, method="lvspec", looseness=looseness, stop_tokens=pair.stop_tokens)
        return relative_speeds(pair, videos, options, self._pruning)

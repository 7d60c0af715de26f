"""Measures a pair on videos: first what its signals are worth, then which draft length is the fastest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lvspec_cli.calibration.aggregate import Findings, aggregate
from lvspec_cli.calibration.evidence import Evidence, Prompts, measure_video
from lvspec_cli.calibration.journal import Journal
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.events import Round
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.errors import UsageError, VideoError
from lvspec_cli.models.pair import Pair
from lvspec_cli.video.clip import Clip

OTHER_VIDEOS = 3  # that each is measured against
LEAST_VIDEOS = 2  # each is measured against another one
DRAFT_LENGTHS = (3, 4, 5, 6, 8, 10, 12, 14, 16, 20)
TIMED_VIDEOS = 12


@dataclass(frozen=True)
class Calibrated:
    """What a calibration found."""

    findings: Findings
    draft_tokens: int  # a round, the fastest
    speeds: dict[int, float]  # draft tokens -> tokens/s of `lvspec`
    videos: int  # measured


class Calibrator:
    """Measures one pair; ``say`` is told of every video."""

    def __init__(
        self,
        pair: Pair,
        prompt: str,
        options: DecodingOptions,
        journal: Journal,
        say: Callable[[str], None],
    ) -> None:
        self._pair, self._prompt, self._options = pair, prompt, options
        self._journal, self._say = journal, say

    def run(self, paths: Sequence[str], read: Callable[[str], Clip]) -> Calibrated:
        """Measure all videos that can be read; the rest are said and left out.

        Raises UsageError if fewer than two are left.
        """
        evidence, first = self._evidence(paths, read)
        if len(evidence) < LEAST_VIDEOS:
            raise UsageError(f"a calibration needs at least {LEAST_VIDEOS} videos that can be read: name more")
        layers = self._pair.target.layer_count
        state_layer = 2 * layers // 3
        findings = aggregate(evidence, self._pair.vocabulary_size, state_layer, self._options.looseness.nearest)
        speeds = self._speeds(findings, first)
        return Calibrated(findings, max(speeds, key=lambda length: speeds[length]), speeds, len(evidence))

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
        for index, path in enumerate(paths):
            try:
                clip = read(path)
            except VideoError as error:
                self._say(f"left out: {error}")
                continue
            target, draft = self._pair.prepare(clip.frames, clip.times, self._prompt)
            assert draft is not None  # the pair was loaded with its draft
            yield clip.facts.fingerprint or path, Prompts(target, draft)
            self._say(f"measured {index + 1} of {len(paths)}: {path}")

    def _measured(self, video: tuple[str, Prompts], window: Iterable[tuple[str, Prompts]]) -> Evidence:
        fingerprint, prompts = video
        known = self._journal.get(fingerprint)
        if known is None:
            others = [other for name, other in window if name != fingerprint]
            known = measure_video(self._pair, prompts, others, self._options)
            self._journal.add(fingerprint, known)
        return known

    def _speeds(self, findings: Findings, prompts: Sequence[Prompts]) -> dict[int, float]:
        """Tokens/s of `lvspec` with the best signal at each draft length, the lengths taking turns video by video."""
        pair = replace(self._pair, calibration=findings.calibration)
        looseness = replace(self._options.looseness, relevance=findings.best, threshold=None, filler_share=None)
        options = replace(self._options, method="lvspec", looseness=looseness, stop_tokens=pair.stop_tokens)
        tokens, seconds = dict.fromkeys(DRAFT_LENGTHS, 0), dict.fromkeys(DRAFT_LENGTHS, 0.0)
        for each in prompts:
            for length in DRAFT_LENGTHS:
                for event in _rounds(pair, each, replace(options, draft_tokens=length)):
                    tokens[length] += len(event.tokens)
                    seconds[length] += event.round_seconds
        return {length: tokens[length] / seconds[length] for length in DRAFT_LENGTHS}


def _rounds(pair: Pair, prompts: Prompts, options: DecodingOptions) -> Iterator[Round]:
    assert pair.draft is not None  # the pair was loaded with its draft
    knowledge = pair.ready_for(options)
    first = pair.target.prefill(prompts.target)
    pair.draft.prefill(prompts.draft)
    return decode(pair.target, pair.draft, options, first, knowledge)

"""Where settings meet: they answer the same clips in turn, and their answers are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from lvspec_cli.bench.clips import BenchClip
from lvspec_cli.bench.comparison import Run, interleave
from lvspec_cli.bench.contenders import EngineContender, greedy_options
from lvspec_cli.bench.peer import PeerContender, PeerPair, load_peer
from lvspec_cli.bench.quality import Answer, Quality, judge
from lvspec_cli.bench.rows import PEER, REFERENCE
from lvspec_cli.bench.setting import Setting
from lvspec_cli.memory import explained_memory
from lvspec_cli.models.pair import Pair
from lvspec_cli.plan import Plan, check_fits
from lvspec_cli.preset import Preset
from lvspec_cli.profiles import settings_for
from lvspec_cli.settings import argument_layer

Contender = Callable[[BenchClip], Run]


@dataclass(frozen=True)
class Measured:
    """What one setting did, clip by clip, in the order of the clips."""

    setting: Setting
    runs: tuple[Run, ...]
    answers: tuple[Answer, ...]
    qualities: tuple[Quality, ...]


def plan_for(preset: Preset, method: str, profile: str = "default") -> Plan:
    """A method with everything else as the profile and the preset have it.

    Raises UsageError for a preset that lacks what the method needs.
    """
    plan = Plan.of(settings_for(preset, [argument_layer({"method": method, "profile": profile})]))
    check_fits(plan, preset)
    return plan


class Arena:
    """A pair with its limits; makes contenders of settings."""

    def __init__(self, pair: Pair, preset: Preset, max_tokens: int) -> None:
        """``max_tokens``: of an answer, at most."""
        self.pair = pair
        self._preset, self._max_tokens = preset, max_tokens

    def contender(self, setting: Setting) -> Contender:
        """Answers clips. Raises UsageError where the peer cannot take the pair."""
        method = setting.row.method
        if method is None:
            return PeerContender(self.pair, self._peer, self._max_tokens, setting.assistance)
        return self._engine(setting, method)

    def ready_peer(self) -> None:
        """Load transformers' own copy of the pair. Raises OutOfMemory, or UsageError where it cannot take the pair."""
        _ = self._peer

    def trial(self, settings: Sequence[Setting]) -> Callable[[BenchClip], None]:
        """What prefills a clip in all the ways that the settings do, and raises OutOfMemory if one of them cannot.

        Decoding takes next to nothing more: the cache's room for the answer is made beforehand. transformers' own
        generation is not tried, since it would have to answer.
        """
        own = [self._engine(setting, setting.row.method) for setting in settings if setting.row.method is not None]
        contenders = {contender.kind_of_prefill: contender for contender in own}.values()

        def prefill(clip: BenchClip) -> None:
            with explained_memory(
                f"there is not enough memory for the {clip.target.video_tokens} tokens of this video: take a smaller "
                f"frames.count or frames.max_pixels in the preset, or leave {PEER}, which loads the pair again, out of "
                "--methods"
            ):
                for contender in contenders:
                    contender.prefill(clip)

        return prefill

    def measure(
        self, settings: Sequence[Setting], clips: Sequence[BenchClip], on_clip: Callable[[int], None]
    ) -> list[Measured]:
        """Let all settings, the reference among them, answer all clips in turn, and judge what they say.

        The first clip is answered once more beforehand, uncounted.
        """
        contenders = {setting.label: self.contender(setting) for setting in settings}
        interleave(contenders, clips[:1])
        runs = interleave(contenders, clips, on_clip)
        answers = {label: [self.answer(run) for run in found] for label, found in runs.items()}
        reference = next(answers[setting.label] for setting in settings if setting.row.name == REFERENCE)
        return [
            Measured(
                setting,
                tuple(runs[setting.label]),
                tuple(answers[setting.label]),
                tuple(
                    judge(answer, expected, clip.truth)
                    for answer, expected, clip in zip(answers[setting.label], reference, clips, strict=True)
                ),
            )
            for setting in settings
        ]

    def _engine(self, setting: Setting, method: str) -> EngineContender:
        options = greedy_options(self.pair, self._max_tokens, method, setting.draft_tokens or 1, setting.looseness)
        return EngineContender(self.pair, options, plan_for(self._preset, method, setting.row.profile).pruning)

    def answer(self, run: Run) -> Answer:
        """What a run said, with its text."""
        return Answer(run.tokens, str(self.pair.tokenizer.decode(run.tokens, skip_special_tokens=True)).strip())

    @cached_property
    def _peer(self) -> PeerPair:
        with explained_memory("there is not enough memory for transformers' own copy of the models"):
            return load_peer(self.pair, self._preset)

"""Methods side by side on clips: what `lvspec bench` measures, from the options to the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from lvspec_cli.bench.ablation import Ablating, Ablation
from lvspec_cli.bench.ablation_table import ablation_tables
from lvspec_cli.bench.arena import Arena, Measured, plan_for
from lvspec_cli.bench.bootstrap import Resamples
from lvspec_cli.bench.clips import BenchClip, make_clips, read_videos
from lvspec_cli.bench.figures import Figures, figures
from lvspec_cli.bench.machine import Machine, this_machine
from lvspec_cli.bench.options import ComparisonOptions
from lvspec_cli.bench.rows import PEER, REFERENCE, ROWS, Row, chosen_rows
from lvspec_cli.bench.setting import Setting, usual_setting
from lvspec_cli.bench.table import Table, comparison_parts, comparison_table, sweep_table
from lvspec_cli.bench.tuning import Sweep, as_loose_as, sweep
from lvspec_cli.errors import LvspecError, OutOfMemory, UsageError
from lvspec_cli.models.pair import Pair, load_pair
from lvspec_cli.preset import Preset

TUNING_CLIPS = 20  # at most, and no more than are measured on


class Observer(Protocol):
    """Whom a comparison tells how it goes."""

    def step(self, stage: str, done: int, count: int) -> None:
        """``done`` of ``count`` steps of a stage are done."""

    def note(self, message: str) -> None:
        """Something that one must know to read the figures rightly."""

    def skipped(self, path: str, error: LvspecError) -> None:
        """A video that cannot be read, or for which there is no memory, is left out."""


@dataclass(frozen=True)
class Skipped:
    """A video that could not be measured."""

    path: str
    error: LvspecError


@dataclass(frozen=True)
class Clips:
    """What is measured on, and what was tuned on."""

    measured: Sequence[BenchClip]  # never empty
    tuning: Sequence[BenchClip]  # empty if nothing was tuned
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True)
class Comparison:
    """All that was measured."""

    options: ComparisonOptions
    preset: Preset
    pair: Pair
    machine: Machine
    max_tokens: int  # of an answer, at most
    clips: Clips
    sweep: Sweep | None  # None if none was asked for
    measured: tuple[Measured, ...]  # one a row
    rows: tuple[Figures, ...]  # one a row, in the same order
    ablation: Ablation | None = None  # None if none was asked for

    def tables(self, *, whole: bool = False) -> tuple[Table, ...]:
        """The sweep if there was one, the figures in parts that fit a terminal or as a whole, then the ablation."""
        count = len(self.clips.measured)
        parts = (comparison_table(self.rows, count),) if whole else comparison_parts(self.rows, count)
        if self.ablation is not None:
            parts = (*parts, *ablation_tables(self.ablation, count))
        if self.sweep is None or not self.options.sweep:
            return parts
        return (sweep_table(self.sweep.tried, self.rows, len(self.clips.tuning)), *parts)


def rows_for(preset: Preset, rows: Sequence[Row] | None) -> tuple[Row, ...]:
    """The rows to measure with a preset; None: all that it allows.

    Raises UsageError if transformers' own generation is asked for by name and cannot take the pair.
    """
    quantized = any(spec.quantization != "none" for spec in (preset.target, preset.draft))
    if rows is None:
        return tuple(row for row in chosen_rows(None) if not (quantized and row.name == PEER))
    if quantized and any(row.name == PEER for row in rows):
        raise UsageError(f"--methods {PEER} works with unquantized pairs only, and {preset.name} is quantized: drop it")
    return tuple(rows)


def compare(options: ComparisonOptions, preset: Preset, observer: Observer) -> Comparison:
    """Load the pair, read the clips, tune, and measure. Sets torch's threads for the whole process.

    Raises UsageError, PairError or ModelError for what cannot be loaded, LvspecError if no clip can be read.
    """
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    return _Comparing(options, preset, observer).run()


class _Comparing:
    """One comparison on its way."""

    def __init__(self, options: ComparisonOptions, preset: Preset, observer: Observer) -> None:
        self._options, self._preset, self._observer = options, preset, observer
        self._rows = rows_for(preset, options.rows)
        self._max_tokens = options.max_tokens or preset.generation.max_tokens
        fixed = 5 if preset.draft_tokens == "auto" else preset.draft_tokens
        self._draft_tokens = options.draft_tokens[0] if len(options.draft_tokens) == 1 else fixed
        self._usual = [self._usual_setting(row) for row in self._rows]  # what a preset lacks is told before loading
        self._skipped: list[Skipped] = []

    def run(self) -> Comparison:
        self._observer.step("loading the models", 0, 1)
        pair = load_pair(self._preset)
        machine = this_machine(pair.target.device)
        arena = Arena(pair, self._preset, self._max_tokens)
        self._leave_out_a_peer_that_does_not_fit(arena)
        clips = self._clips(arena)
        settings = self._as_loose(arena, self._usual, clips.tuning)
        swept = self._sweep(arena, settings, clips.tuning)
        if swept is not None:
            settings = self._as_loose(arena, [swept.best(each.row.name) for each in self._usual], clips.tuning)
        measured = arena.measure(settings, clips.measured, self._counter("measuring", len(clips.measured)))
        reference = next(each for each in measured if each.setting.row.name == REFERENCE)
        resamples = Resamples(len(clips.measured))
        rows = tuple(figures(each, reference, resamples) for each in measured)
        ablation = self._ablation(pair, clips)
        return Comparison(
            self._options, self._preset, pair, machine, self._max_tokens, clips, swept, tuple(measured), rows, ablation
        )

    def _leave_out_a_peer_that_does_not_fit(self, arena: Arena) -> None:
        """Before anything is measured, and before videos are tried, which must fit beside it."""
        if not any(setting.row.name == PEER for setting in self._usual):
            return
        try:
            arena.ready_peer()
        except OutOfMemory as error:
            self._observer.note(f"{PEER} is left out: {error}")
            self._usual = [setting for setting in self._usual if setting.row.name != PEER]

    def _clips(self, arena: Arena) -> Clips:
        return self._users_videos(arena) if self._options.videos else self._synthetic(arena.pair)

    def _synthetic(self, pair: Pair) -> Clips:
        first, count = self._options.seed, self._options.clips
        tuning = min(TUNING_CLIPS, count) if self._tunes else 0
        seeds = range(first, first + count + tuning)
        clips = make_clips(pair, self._preset, seeds, self._counter("drawing clips", len(seeds)))
        return Clips(clips[:count], clips[count:], ())

    def _users_videos(self, arena: Arena) -> Clips:
        paths, trial = self._options.videos, arena.trial(self._usual)
        tell = self._counter("reading videos", len(paths))
        clips = read_videos(arena.pair, self._preset, paths, trial, self._skip, tell)
        if not self._options.tunes:  # only the control's share is tuned, which is no figure of any row
            return Clips(clips, clips if self._tunes else (), tuple(self._skipped))
        tuning = max(1, min(TUNING_CLIPS, len(clips) // 4))
        if tuning == len(clips):
            raise LvspecError("--sweep needs a second video that can be read: it tunes on others than it measures on")
        self._observer.note(f"the first {tuning} of {len(clips)} videos are for tuning: the figures are of the others")
        return Clips(clips[tuning:], clips[:tuning], tuple(self._skipped))

    @property
    def _tunes(self) -> bool:
        return self._options.tunes or self._options.ablation or any(row.as_loose_as for row in self._rows)

    def _usual_setting(self, row: Row) -> Setting:
        plan = plan_for(self._preset, row.method or "strict", row.profile)
        own = plan.decode.draft_tokens
        length = self._draft_tokens if row.profile == "default" or own == "auto" else own
        return usual_setting(row, length, plan.decode.looseness)

    def _as_loose(self, arena: Arena, settings: list[Setting], clips: Sequence[BenchClip]) -> list[Setting]:
        """The same settings, with every control as loose as its model."""
        named = {setting.row.name: setting for setting in settings}
        controls = [setting for setting in settings if setting.row.as_loose_as]
        for done, control in enumerate(controls):
            self._observer.step("matching the controls", done, len(controls))
            name = str(control.row.as_loose_as)
            model = named.get(name) or self._usual_setting(ROWS[name])
            named[control.row.name] = as_loose_as(arena, control, model, clips)
        return list(named.values())

    def _sweep(self, arena: Arena, settings: list[Setting], clips: Sequence[BenchClip]) -> Sweep | None:
        if not self._options.tunes:
            return None
        return sweep(arena, settings, self._options.swept, clips, self._counter("sweeping", len(clips)))

    def _ablation(self, pair: Pair, clips: Clips) -> Ablation | None:
        if not self._options.ablation:
            return None
        ablating = Ablating(pair, self._preset, self._draft_tokens, self._max_tokens, self._counter)
        return ablating.run(clips.measured, clips.tuning)

    def _counter(self, stage: str, count: int) -> _Counter:
        return _Counter(self._observer, stage, count)

    def _skip(self, path: str, error: LvspecError) -> None:
        self._skipped.append(Skipped(path, error))
        self._observer.skipped(path, error)


@dataclass(frozen=True)
class _Counter:
    """Tells an observer how many steps of a stage are done."""

    observer: Observer
    stage: str
    count: int

    def __call__(self, done: int) -> None:
        self.observer.step(self.stage, done, self.count)

"""All subjects of the bench, one after another, on one pair and one set of clips."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from typing import Any

import torch

from lvspec_cli.bench.arena import plan_for
from lvspec_cli.bench.clips import BenchClip, make_clips
from lvspec_cli.bench.comparison import Runs, acceptance_length
from lvspec_cli.bench.compiled_steps import compile_subject, measure_compiled
from lvspec_cli.bench.decoding_speed import (
    Workload,
    best_draft_length,
    engine_subject,
    measure_decoding,
    peer_subject,
    strict_name,
)
from lvspec_cli.bench.engine_time import engine_time_subject
from lvspec_cli.bench.long_cache import long_cache_line, long_cache_subject, measure_case, pair_case, random_cases
from lvspec_cli.bench.machine import Machine, this_machine
from lvspec_cli.bench.options import BenchOptions
from lvspec_cli.bench.peer import PeerPair, load_peer
from lvspec_cli.bench.quantized import measure_quantized, quantized_subject
from lvspec_cli.bench.reading_ahead import read_ahead_subject
from lvspec_cli.bench.report import Subject
from lvspec_cli.bench.signal_cost import long_prompt, measure_signals, signal_subject
from lvspec_cli.bench.startup import startup_subject
from lvspec_cli.bench.step_cost import measure_steps, step_subject
from lvspec_cli.bench.trace_cost import trace_subject
from lvspec_cli.bench.view_cost import view_subject
from lvspec_cli.models.pair import Pair, load_pair
from lvspec_cli.plan import Plan
from lvspec_cli.preset import load_preset

DECODING_SUBJECTS = {"decoding", "peer", "engine"}  # they share the runs


class Bench:
    """Loads what the chosen subjects need, when they need it."""

    def __init__(self, options: BenchOptions) -> None:
        """Sets torch's threads for the whole process. Raises PresetError, PairError or ModelError."""
        self.options = options
        self._preset = load_preset(options.preset)
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self._wanted = set(options.subjects)

    def run(self) -> Iterator[Subject]:
        """Measure, subject by subject."""
        if "startup" in self._wanted:
            yield startup_subject()
        if self._wanted & DECODING_SUBJECTS:
            yield from self._decoding()
        if "signals" in self._wanted:
            yield self._signals()
        if "compile" in self._wanted:
            yield compile_subject(measure_compiled(self._pair, self._preset, self._workload.clips[0]))
        if "trace" in self._wanted:
            yield trace_subject(self._preset, self._seeds, self._max_tokens)
        if "read-ahead" in self._wanted:
            yield read_ahead_subject(self._preset, self._seeds, self._max_tokens)
        if "nf4" in self._wanted:
            found = measure_quantized(self._pair, self._preset, self._workload.clips, self._max_tokens)
            yield quantized_subject(found)
        if "cache" in self._wanted:
            yield self._long_cache()
        if "view" in self._wanted:
            yield view_subject(self._pair, self._workload.clips, self._max_tokens, self._lvspec)

    @cached_property
    def machine(self) -> Machine:
        """The machine as it was when first asked for."""
        return this_machine(self._pair.target.device)

    @property
    def settings(self) -> dict[str, Any]:
        """The options, with what the preset decides filled in."""
        return {**asdict(self.options), "max_tokens": self._max_tokens}

    @cached_property
    def runs(self) -> Runs:
        """Every contender's answers to all clips."""
        return measure_decoding(
            self._pair, self._peer if "peer" in self._wanted else None, self._workload, self._progress
        )

    @property
    def _seeds(self) -> range:
        return range(self.options.seed, self.options.seed + self.options.clips)

    @property
    def _max_tokens(self) -> int:
        return self.options.max_tokens or self._preset.generation.max_tokens

    @cached_property
    def _pair(self) -> Pair:
        return load_pair(self._preset)

    @cached_property
    def _lvspec(self) -> Plan:
        """How the preset would have `lvspec` decode."""
        return plan_for(self._preset, "lvspec")

    @cached_property
    def _peer(self) -> PeerPair:
        return load_peer(self._pair, self._preset)

    @cached_property
    def _workload(self) -> Workload:
        clips: list[BenchClip] = make_clips(self._pair, self._preset, self._seeds)
        return Workload(clips, self._max_tokens, self.options.draft_tokens)

    def _decoding(self) -> Iterator[Subject]:
        lengths = self.options.draft_tokens
        best = best_draft_length(self.runs, lengths)
        if "decoding" in self._wanted:
            yield engine_subject(self.runs, lengths)
            costs = measure_steps(self._pair, self._workload.clips[0], tuple(sorted({6, *(n + 1 for n in lengths)})))
            yield step_subject(costs, best, acceptance_length(self.runs, strict_name(best)))
        if "peer" in self._wanted:
            yield peer_subject(self.runs, lengths)
        if "engine" in self._wanted:
            yield engine_time_subject(self._pair, self._workload, best, self._lvspec)

    def _signals(self) -> Subject:
        looseness = self._lvspec.decode.looseness
        prompts = (self._workload.clips[0].target, long_prompt(self._pair))
        return signal_subject([measure_signals(self._pair, looseness, prompt) for prompt in prompts])

    def _long_cache(self) -> Subject:
        own = pair_case(self._pair.target, self._peer.target)
        lines = [long_cache_line(own, measure_case(own))]
        lines += [long_cache_line(case, measure_case(case)) for case in random_cases()]
        return long_cache_subject(tuple(lines))

    def _progress(self, done: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == self.options.clips else ""
            print(f"\rclip {done} of {self.options.clips}", end=end, file=sys.stderr, flush=True)

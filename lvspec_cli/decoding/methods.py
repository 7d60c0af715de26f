"""The decoding methods by name, and what may be said of each before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from lvspec_cli.decoding.loosening import Loosening
    from lvspec_cli.decoding.options import DecodingOptions
    from lvspec_cli.decoding.relevance import PairKnowledge
    from lvspec_cli.decoding.verification import VerificationPolicy


@dataclass(frozen=True)
class Method:
    """One way to decode."""

    name: str
    summary: str  # one line for people
    lossy: bool  # whether the output may differ from the target's own
    drafts: bool  # whether a draft model proposes tokens
    build: Callable[[DecodingOptions, PairKnowledge, torch.device], VerificationPolicy]  # a fresh policy for one decode
    judges: bool = False  # whether it asks how relevant tokens are
    spares: bool = False  # whether critical tokens and the guard hold
    pruning: str = "none"  # how the draft's video tokens are pruned where nobody asks for another kind


def _build_ar(options: DecodingOptions, knowledge: PairKnowledge, device: torch.device) -> VerificationPolicy:
    from lvspec_cli.decoding.policies.ar import AutoregressivePolicy

    return AutoregressivePolicy()


def _build_strict(options: DecodingOptions, knowledge: PairKnowledge, device: torch.device) -> VerificationPolicy:
    from lvspec_cli.decoding.policies.strict import StrictPolicy

    return StrictPolicy()


def _build_lvspec(options: DecodingOptions, knowledge: PairKnowledge, device: torch.device) -> VerificationPolicy:
    from lvspec_cli.decoding.policies.lvspec import LvspecPolicy
    from lvspec_cli.decoding.relevance import RelevanceJudge

    judge = RelevanceJudge(options.looseness, knowledge.calibration, device)
    return LvspecPolicy(judge, _loosening(options, knowledge, device), options.looseness.shift_window)


def _build_fly(options: DecodingOptions, knowledge: PairKnowledge, device: torch.device) -> VerificationPolicy:
    from lvspec_cli.decoding.policies.fly import FlyPolicy

    looseness = options.looseness
    return FlyPolicy(looseness.fly_window, looseness.fly_entropy, looseness.fly_top_k, options.most_draft_tokens)


def _build_random(options: DecodingOptions, knowledge: PairKnowledge, device: torch.device) -> VerificationPolicy:
    from lvspec_cli.decoding.policies.random import RandomPolicy

    return RandomPolicy(options.looseness.random_share, _loosening(options, knowledge, device))


def _loosening(options: DecodingOptions, knowledge: PairKnowledge, device: torch.device) -> Loosening:
    from lvspec_cli.decoding.loosening import Loosening

    critical = knowledge.critical
    return Loosening(options.looseness.min_probability, None if critical is None else critical.to(device))


_ALL = (
    Method("ar", "the target alone, token by token (the baseline)", lossy=False, drafts=False, build=_build_ar),
    Method("strict", "draft and verify, output equal to the target's", lossy=False, drafts=True, build=_build_strict),
    Method(
        "specvlm",
        "strict, with a draft that sees the part of the video that the target attends to",
        lossy=False,
        drafts=True,
        build=_build_strict,
        pruning="attention",
    ),
    Method(
        "lvspec",
        "loose on fillers, strict on anchors",
        lossy=True,
        drafts=True,
        build=_build_lvspec,
        judges=True,
        spares=True,
    ),
    Method("fly", "mismatches survive where the target hesitates", lossy=True, drafts=True, build=_build_fly),
    Method(
        "random",
        "mismatches survive by chance (the control)",
        lossy=True,
        drafts=True,
        build=_build_random,
        spares=True,
    ),
)

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ALL})

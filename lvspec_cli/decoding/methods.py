"""The decoding methods by name, and what may be said of each before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lvspec_cli.decoding.options import DecodingOptions
    from lvspec_cli.decoding.verification import VerificationPolicy


@dataclass(frozen=True)
class Method:
    """One way to decode."""

    name: str
    summary: str  # one line for people
    lossy: bool  # whether the output may differ from the target's own
    drafts: bool  # whether a draft model proposes tokens
    build: Callable[[DecodingOptions], VerificationPolicy]  # a fresh policy for one decode
    pruning: str = "none"  # how the draft's video tokens are pruned where nobody asks for another kind


def _build_ar(options: DecodingOptions) -> VerificationPolicy:
    from lvspec_cli.decoding.policies.ar import AutoregressivePolicy

    return AutoregressivePolicy()


def _build_strict(options: DecodingOptions) -> VerificationPolicy:
    from lvspec_cli.decoding.policies.strict import StrictPolicy

    return StrictPolicy()


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
)

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ALL})

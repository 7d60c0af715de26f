"""Relevance: how much a token says of what is seen. Tokens of high relevance are anchors, the rest are fillers.

`attention`  share of the attention that goes to the video where the token is chosen
`cosine`     mean of the N largest cosines between the draft token's state and those of the video tokens (the paper's)
`table`      a calibrated number for every token that was said: how far another video would move its log-probability
             there, in nats, on average; tokens that were never said are judged by `attention`
`combined`   mean of the ranks of `table` and `attention` among the tokens of the calibration
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from lvspec_cli.decoding.looseness import USUAL_FILLER_SHARE, Looseness, WatchedLayers
from lvspec_cli.decoding.verification import Proposal, TargetPass

RECENT = 512  # positions whose relevance decides where a share of fillers ends
FEW = 10  # known positions below which a share of them says nothing, so that everything counts as an anchor


@dataclass(frozen=True)
class Calibration:
    """What was measured of a pair on unlabelled videos."""

    table: Tensor | None = None  # float32 [vocabulary], nats; NaN for a token that was not seen
    ranks: Mapping[str, Tensor] = field(default_factory=dict)  # signal -> its values over the calibration, ascending
    thresholds: Mapping[str, float] = field(default_factory=dict)  # signal -> relevance from which a token is an anchor
    watched: WatchedLayers = field(default_factory=WatchedLayers)
    judged: str = "both"  # the tokens whose states the cosines are of, as in `Looseness.judged`


@dataclass(frozen=True)
class PairKnowledge:
    """What lossy methods know of a pair, beside what its passes show."""

    calibration: Calibration | None = None
    critical: Tensor | None = None  # bool [vocabulary], tokens that are never loosened


NOTHING_KNOWN = PairKnowledge()


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which draft tokens are fillers, and by what measure."""

    filler: Tensor  # bool [g]
    relevance: Tensor  # float32 [g]; NaN where the signal knows nothing


class RelevanceJudge:
    """Tells fillers from anchors for one decode.

    A share of fillers is a share of the positions of the calibration and of those that this decode has seen lately; no
    other decode plays a part, so that a caption does not depend on the videos before it.
    """

    def __init__(self, looseness: Looseness, calibration: Calibration | None, device: torch.device) -> None:
        """Raises ValueError if the signal needs a calibration that is not there, or another than it is."""
        calibration = calibration or Calibration()
        check_calibrated(looseness, calibration)
        in_force = settled(looseness, calibration)
        self._signal, self._both = in_force.relevance, in_force.judged == "both"
        self._share, self._threshold = in_force.filler_share, in_force.threshold
        self._table = None if calibration.table is None else calibration.table.to(device)
        self._ranks = {signal: values.to(device) for signal, values in calibration.ranks.items()}
        known = measured_alike(looseness, calibration)
        self._attention_threshold = calibration.thresholds.get("attention") if "attention" in known else None
        start = self._ranks.get(self._signal) if self._signal in known else None
        self._recent = torch.empty(0, device=device) if start is None else start

    def judge(self, proposal: Proposal, target: TargetPass) -> Judgement:
        """Judge g draft tokens by the pass over them."""
        relevance = self._relevance(proposal.tokens, target)
        filler = self._is_among_lowest(relevance) if self._threshold is None else relevance < self._threshold
        attention = target.video_attention
        if self._signal == "table" and attention is not None and self._attention_threshold is not None:
            filler = torch.where(relevance.isnan(), attention[:-1] < self._attention_threshold, filler)
        return Judgement(filler, relevance)

    def _is_among_lowest(self, relevance: Tensor) -> Tensor:
        """Whether each of g belongs to the share of fillers; one that is not known does not, and does not count."""
        self._recent = torch.cat((self._recent, relevance))[-RECENT:]
        known = (~self._recent.isnan()).sum()
        below = (self._recent < relevance.unsqueeze(-1)).sum(-1)
        return (below < (self._share or 0.0) * known) & (known >= FEW) & ~relevance.isnan()

    def _relevance(self, tokens: Tensor, target: TargetPass) -> Tensor:
        match self._signal:
            case "attention":
                return self._attention(target)
            case "cosine":
                return self._cosine(target)
            case "table":
                return self._dependence(tokens, target)
            case _:
                return self._combined(tokens, target)

    def _attention(self, target: TargetPass) -> Tensor:
        """Where the token is chosen: one number for the draft's token and the target's."""
        assert target.video_attention is not None  # the model was told to watch it
        return target.video_attention[:-1].float()

    def _cosine(self, target: TargetPass) -> Tensor:
        """Of the draft token's own state, and of the state that the target chooses from if both are judged."""
        assert target.video_cosine is not None  # the model was told to watch it
        cosine = target.video_cosine.float()
        return torch.maximum(cosine[1:], cosine[:-1]) if self._both else cosine[1:]

    def _dependence(self, tokens: Tensor, target: TargetPass) -> Tensor:
        """From the table; NaN if a token that counts is not in it."""
        assert self._table is not None  # see check_calibrated
        draft = self._table.index_select(0, tokens)
        return torch.maximum(draft, self._table.index_select(0, target.choices[:-1])) if self._both else draft

    def _combined(self, tokens: Tensor, target: TargetPass) -> Tensor:
        attention = self._rank("attention", self._attention(target))
        dependence = self._dependence(tokens, target)
        mean = (self._rank("table", dependence) + attention) / 2
        return torch.where(dependence.isnan(), attention, mean)

    def _rank(self, signal: str, values: Tensor) -> Tensor:
        """Share of the calibration's values that lie below, 0 to 1."""
        known = self._ranks[signal]
        return torch.searchsorted(known, values.contiguous()) / known.shape[0]


def measured_alike(looseness: Looseness, calibration: Calibration) -> frozenset[str]:
    """The signals that read the layers and tokens that the calibration read, so that its thresholds hold for them."""
    watched, known = calibration.watched, {"table"}
    if looseness.attention_layers in (None, watched.attention):
        known |= {"attention", "combined"}
    states = looseness.state_layer in (None, watched.states) and looseness.nearest == watched.nearest
    if states and looseness.judged == calibration.judged:
        known.add("cosine")
    return frozenset(known)


def settled(looseness: Looseness, calibration: Calibration | None) -> Looseness:
    """The same with what is left open settled: a threshold or a share, and the layers that the calibration chose."""
    calibration = calibration or Calibration()
    watched = calibration.watched
    threshold, share = looseness.threshold, looseness.filler_share
    if threshold is None and share is None:
        known = looseness.relevance in measured_alike(looseness, calibration)
        threshold = calibration.thresholds.get(looseness.relevance) if known else None
        share = USUAL_FILLER_SHARE if threshold is None else None
    return replace(
        looseness,
        threshold=threshold,
        filler_share=share,
        attention_layers=looseness.attention_layers or watched.attention or None,
        state_layer=watched.states if looseness.state_layer is None else looseness.state_layer,
    )


def watched_layers(looseness: Looseness, calibration: Calibration | None, layer_count: int) -> WatchedLayers | None:
    """What a target of so many layers must note in its passes for a signal; None: nothing.

    What the user says goes before the calibration. Without either, attention is that of three layers of the upper
    half, since watching costs time, and states are compared two thirds of the way up. A table needs the attention for
    tokens that it does not know.
    """
    in_force = settled(looseness, calibration)
    if in_force.relevance == "cosine":
        states = 2 * layer_count // 3 if in_force.state_layer is None else in_force.state_layer
        return WatchedLayers((), states, in_force.nearest)
    layers = in_force.attention_layers
    if in_force.relevance == "table":
        return WatchedLayers(layers) if layers else None
    return WatchedLayers(layers or upper_layers(layer_count))


def upper_layers(layer_count: int) -> tuple[int, ...]:
    """Three layers of the upper half, whose attention is looked at where nobody chose any."""
    return tuple(sorted({layer_count * sixths // 6 for sixths in (3, 4, 5)}))


def check_calibrated(looseness: Looseness, calibration: Calibration) -> None:
    """Raise ValueError if a signal needs what the calibration does not have, or has of other layers."""
    missing = {
        "table": calibration.table is None,
        "combined": calibration.table is None or not {"table", "attention"} <= calibration.ranks.keys(),
    }
    if missing.get(looseness.relevance):
        raise ValueError(
            f"relevance {looseness.relevance} needs a calibrated preset: run `lvspec calibrate`, or choose attention"
        )
    if looseness.relevance == "combined" and "combined" not in measured_alike(looseness, calibration):
        layers = ",".join(map(str, calibration.watched.attention))
        raise ValueError(f"attention_layers must be {layers} with relevance combined, as calibrated: leave them out")

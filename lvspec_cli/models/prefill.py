"""Letting both models of a pair watch a video: the target all of it, the draft as much as the pruning leaves."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lvspec_cli.errors import PairError
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.prompt import PreparedPrompt
from lvspec_cli.models.pruning import select_video_tokens
from lvspec_cli.models.video_attention import VideoAttention
from lvspec_cli.preset import PruningSpec


@dataclass(frozen=True)
class Prefilled:
    """What both prefills came to."""

    first_token: int  # id of the prompt's last token, which the first round feeds
    draft_video_tokens: int | None  # in the draft's cache; None without a draft


def prefill_pair(
    target: VideoLanguageModel,
    draft: VideoLanguageModel | None,
    prompts: tuple[PreparedPrompt, PreparedPrompt | None],
    reserve: int,
    pruning: PruningSpec,
) -> Prefilled:
    """Prefill the target, choose what of the video the draft gets, and prefill the draft with that.

    ``prompts``: the target's and the draft's, as `Pair.prepare` gives them; ``reserve``: positions after the prompt.
    Raises PairError if the target's attention is to choose and the draft cuts the video into other tokens.
    """
    whole, drafts = prompts
    if draft is None or drafts is None:
        return Prefilled(target.prefill(whole, reserve), None)
    if pruning.pruning == "attention":
        _check_same_video(whole, drafts)
        first_token, scores = _scored_prefill(target, whole, reserve)
    else:
        first_token, scores = target.prefill(whole, reserve), None
    keep = select_video_tokens(pruning, drafts.video_tokens, scores)
    draft.prefill(drafts, reserve, keep)
    return Prefilled(first_token, drafts.video_tokens if keep is None else len(keep))


def _scored_prefill(target: VideoLanguageModel, prompt: PreparedPrompt, reserve: int) -> tuple[int, Tensor]:
    attention = VideoAttention(prompt.video_mask)
    return target.prefill(prompt, reserve, video_attention=attention), attention.scores


def _check_same_video(target: PreparedPrompt, draft: PreparedPrompt) -> None:
    if target.video_tokens != draft.video_tokens:
        raise PairError(
            f"the video is {target.video_tokens} tokens to the target and {draft.video_tokens} to the draft, so the "
            "target's attention cannot choose among the draft's: take the method strict with uniform pruning or none"
        )

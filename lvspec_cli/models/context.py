"""How long a prompt may be: the positions that each model of a pair knows, and what a prompt takes of them.

Positions count here, not tokens. Text takes one for each token, and so does video in families with plain positions.
Where rotary positions carry time, height and width, many video tokens share one: a prompt of more tokens than the
published context length is taken there as long as its positions are those that the model knows. Beyond them a model
would go on without a sign that it no longer knows where things stand.

An answer that would go past the last position ends there, as one does that reaches ``max_tokens``; a prompt that leaves
no room for an answer of some use is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lvspec_cli.errors import PromptTooLong
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.prompt import PreparedPrompt

LEAST_ANSWER = 64  # new tokens that must have room behind a prompt, unless fewer are asked for
# Kinds of rotary positions that reach farther than max_position_embeddings says, by their factor.
_STRETCHED = ("linear", "dynamic", "yarn")


@dataclass(frozen=True)
class ContextUse:
    """What one prompt takes of the positions of one model."""

    role: str  # target or draft
    model: str  # hub id or folder
    known: int  # positions that the model knows
    taken: int  # positions up to the end of the prompt
    tokens: int  # of the prompt
    video_tokens: int  # of those

    @property
    def left(self) -> int:
        """Positions behind the prompt; negative if it goes beyond what the model knows."""
        return self.known - self.taken

    def takes(self, max_tokens: int) -> bool:
        """Whether there is room for an answer of ``max_tokens``, or for as much of it as is of use."""
        return self.left >= least_answer(max_tokens)

    def complaint(self, max_tokens: int, *, quotes: bool = False) -> str:
        """One sentence on a prompt that does not leave that room; ``quotes``: it quotes captions of segments."""
        text, wanted = self.tokens - self.video_tokens, least_answer(max_tokens)
        if quotes:
            advice = (
                "take longer segments (--segment), shorter captions (--max-tokens) or fewer frames (--frames, "
                "--max-frames)"
            )
        elif text > self.taken - text:
            advice = "ask in fewer words"
        else:
            advice = (
                "take fewer frames (--frames, --max-frames) or a shorter part of the video (--start, --end, --segment)"
            )
        return (
            f"the prompt{' of the summary' * quotes} has {self.tokens} tokens, {self.video_tokens} of them the "
            f"video's, and with an answer of {wanted} more it takes {self.taken + wanted} positions, but the "
            f"{self.role} {self.model} knows {self.known}: {advice}"
        )


def least_answer(max_tokens: int) -> int:
    """New tokens that must have room behind a prompt."""
    return min(max_tokens, LEAST_ANSWER)


def known_positions(text: Any) -> int:
    """The positions that a language model knows; ``text``: its transformers configuration."""
    known = int(text.max_position_embeddings)
    rope = getattr(text, "rope_parameters", None) or {}
    if rope.get("rope_type") not in _STRETCHED:
        return known
    return max(known, int((rope.get("original_max_position_embeddings") or known) * (rope.get("factor") or 1)))


def context_use(model: VideoLanguageModel, role: str, name: str, prompt: PreparedPrompt) -> ContextUse:
    """What a prepared prompt takes of a loaded model; ``name``: hub id or folder."""
    return ContextUse(
        role=role,
        model=name,
        known=known_positions(model.model.config.get_text_config()),
        taken=int(model.prompt_positions(prompt).max()) + 1,
        tokens=prompt.length,
        video_tokens=prompt.video_tokens,
    )


def room_for_answer(uses: tuple[ContextUse, ...], max_tokens: int, *, quotes: bool = False) -> int:
    """How many of ``max_tokens`` new tokens every model has positions for.

    Raises PromptTooLong, with `ContextUse.complaint`, if they are too few.
    """
    tightest = min(uses, key=lambda use: use.left)
    if not tightest.takes(max_tokens):
        raise PromptTooLong(tightest.complaint(max_tokens, quotes=quotes))
    return min(max_tokens, tightest.left)

"""How well the embedded pair describes held-out clips: `lvspec demo evaluate`.

Every clip is written as mp4 and read back through the ordinary video reader, and captions and answers come out of the
ordinary captioner: what is measured is what a user gets.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvspec_cli.demo.clip import write_clip
from lvspec_cli.demo.extraction import right_attributes
from lvspec_cli.demo.questions import is_right, random_questions
from lvspec_cli.demo.scene import ATTRIBUTES, scene_of_seed

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner

FIRST_SEED = 1000
QUESTIONS_A_CLIP = 2


@dataclass(frozen=True)
class ClipScore:
    """What one clip brought."""

    seed: int
    attributes: dict[str, bool]  # whether each was named right
    answers: tuple[tuple[str, bool], ...]  # (kind of question, answered right)
    rounds: int
    tokens: int


def score_clips(captioner: Captioner, seeds: range, method: str, draft_tokens: int) -> Iterator[ClipScore]:
    """Caption and question the clips of the seeds, one score after another."""
    with tempfile.TemporaryDirectory(prefix="lvspec-") as folder:
        path = Path(folder) / "clip.mp4"
        for seed in seeds:
            write_clip(seed, path)
            truth = scene_of_seed(seed).truth
            caption = captioner.caption(path, method=method, draft_tokens=draft_tokens)
            questions = random_questions(truth, random.Random(f"lvspec evaluation {seed}"), QUESTIONS_A_CLIP)
            answers = tuple(
                (question.kind, is_right(question, captioner.ask(path, question.text, method=method).text))
                for question in questions
            )
            yield ClipScore(
                seed=seed,
                attributes=right_attributes(caption.text, truth),
                answers=answers,
                rounds=caption.stats.num_spec_steps,
                tokens=caption.stats.num_generated_tokens,
            )


def summarise(scores: list[ClipScore]) -> dict[str, Any]:
    """Shares of right attributes and answers, over all and each, and the mean acceptance length."""
    attributes = {name: _mean([score.attributes[name] for score in scores]) for name in ATTRIBUTES}
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for kind, good in (answer for score in scores for answer in score.answers):
        asked[kind] += 1
        right[kind] += good
    return {
        "clips": len(scores),
        "attribute_accuracy": _mean(list(attributes.values())),
        "attributes": attributes,
        "answer_accuracy": sum(right.values()) / max(1, sum(asked.values())),
        "answers": {kind: right[kind] / asked[kind] for kind in sorted(asked)},
        "mean_acceptance_length": sum(score.tokens for score in scores) / max(1, sum(score.rounds for score in scores)),
    }


def _mean(values: list[bool] | list[float]) -> float:
    return sum(values) / max(1, len(values))

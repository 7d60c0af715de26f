"""How well the embedded pair describes held-out clips: `lvspec demo evaluate`.

Every clip is written as mp4 and read back through the ordinary video reader, and captions and answers come out of the
ordinary captioner: what is measured is what a user gets.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lvspec_cli.demo.clip import write_clip
from lvspec_cli.demo.extraction import right_attributes
from lvspec_cli.demo.questions import is_right, random_questions
from lvspec_cli.demo.scene import ATTRIBUTES, scene_of_seed

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner
    from lvspec_cli.preset import Preset

FIRST_SEED = 1000
QUESTIONS_A_CLIP = 2
ACCEPTANCE_DRAFT_TOKENS = 10


@dataclass(frozen=True)
class ClipScore:
    """What one clip brought."""

    seed: int
    attributes: dict[str, bool]  # whether each was named right
    answers: tuple[tuple[str, bool], ...]  # (kind of question, answered right)
    loose_answers: tuple[bool, ...]  # the same questions by `lvspec`, answered right; empty where there is no draft
    strict_rounds: int  # of strict decoding at 10 draft tokens; 0 where there is no draft
    strict_tokens: int
    strict_agrees: bool  # whether strict decoding said what the model alone says


def score_clips(captioner: Captioner, seeds: Iterable[int], *, drafted: bool) -> Iterator[ClipScore]:
    """Caption and question the clips of the seeds with the target alone.

    ``drafted``: caption them by strict decoding and question them by `lvspec` too.
    """
    with tempfile.TemporaryDirectory(prefix="lvspec-") as folder:
        path = Path(folder) / "clip.mp4"
        for seed in seeds:
            write_clip(seed, path)
            yield _score(captioner, path, seed, drafted=drafted)


def _score(captioner: Captioner, path: Path, seed: int, *, drafted: bool) -> ClipScore:
    truth = scene_of_seed(seed).truth
    caption = captioner.caption(path, method="ar")
    questions = random_questions(truth, random.Random(f"lvspec evaluation {seed}"), QUESTIONS_A_CLIP)
    answers = tuple((q.kind, is_right(q, captioner.ask(path, q.text, method="ar").text)) for q in questions)
    loose_answers: tuple[bool, ...] = ()
    rounds, tokens, agrees = 0, 0, True
    if drafted:
        loose_answers = tuple(is_right(q, captioner.ask(path, q.text, method="lvspec").text) for q in questions)
        checked = captioner.caption(path, method="strict", draft_tokens=ACCEPTANCE_DRAFT_TOKENS)
        rounds, tokens = checked.stats.num_spec_steps, checked.stats.num_generated_tokens
        agrees = checked.text == caption.text
    return ClipScore(seed, right_attributes(caption.text, truth), answers, loose_answers, rounds, tokens, agrees)


def summarise(scores: Sequence[ClipScore]) -> dict[str, Any]:
    """Shares of right attributes and answers, over all and each, and the mean acceptance length."""
    attributes = {name: _mean([score.attributes[name] for score in scores]) for name in ATTRIBUTES}
    asked = Counter(kind for score in scores for kind, _ in score.answers)
    right = Counter(kind for score in scores for kind, good in score.answers if good)
    summary: dict[str, Any] = {
        "clips": len(scores),
        "attribute_accuracy": _mean(list(attributes.values())),
        "attributes": attributes,
        "answer_accuracy": right.total() / asked.total(),
        "answers": {kind: right[kind] / asked[kind] for kind in sorted(asked)},
    }
    if rounds := sum(score.strict_rounds for score in scores):
        summary["strict"] = {
            "draft_tokens": ACCEPTANCE_DRAFT_TOKENS,
            "mean_acceptance_length": sum(score.strict_tokens for score in scores) / rounds,
            "captions_equal_to_target": sum(score.strict_agrees for score in scores),
        }
        summary["lvspec"] = {"answer_accuracy": _mean([right for score in scores for right in score.loose_answers])}
    return summary


def evaluate_pair(preset: Preset, seeds: Sequence[int], progress: Callable[[str], None]) -> dict[str, Any]:
    """The summary of the target (with strict decoding beside it) and that of the draft on its own."""
    from lvspec_cli.captioner import Captioner

    summaries: dict[str, Any] = {"schema": "lvspec.demo-evaluation/1", "first_seed": seeds[0]}
    # The draft is judged alone, so what was calibrated of the target means nothing to it.
    alone = replace(preset, target=preset.draft, method="ar", calibration=None)
    for role, judged in (("target", preset), ("draft", alone)):
        scores: list[ClipScore] = []
        with Captioner(judged) as captioner:
            for score in score_clips(captioner, seeds, drafted=role == "target"):
                scores.append(score)
                progress(f"{role}: {len(scores)} of {len(seeds)} clips")
        summaries[role] = summarise(scores)
    return summaries


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

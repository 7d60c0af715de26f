"""Writes a synthetic clip as a real mp4 with its truth as JSON beside it."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from lvspec_cli.demo.grammar import caption, join
from lvspec_cli.demo.questions import KINDS
from lvspec_cli.demo.rendering import Renderer
from lvspec_cli.demo.scene import Scene, scene_of_seed
from lvspec_cli.video.writer import write_mp4

SIDE = 160  # pixels of the square picture
FRAME_RATE = 8  # frames per second


def duration_s(seed: int) -> float:
    """How long the clip of a seed is: 3 to 6 seconds."""
    return float(random.Random(f"lvspec duration {seed}").randint(3, 6))


def write_clip(seed: int, path: Path) -> Path:
    """Write the clip of a seed to ``path`` and its truth beside it; return the path of the truth.

    Errors: OSError where the folder cannot be written.
    """
    scene = scene_of_seed(seed)
    duration = duration_s(seed)
    count = round(duration * FRAME_RATE)
    renderer = Renderer(SIDE)
    write_mp4(path, (renderer.frame(scene, (index + 0.5) / count) for index in range(count)), FRAME_RATE)
    truth_path = path.with_suffix(".json")
    temporary = truth_path.with_name(f".{truth_path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(clip_truth(seed, scene, duration), indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, truth_path)
    return truth_path


def clip_truth(seed: int, scene: Scene, duration: float) -> dict[str, object]:
    """What the clip shows, one right caption, and questions with one right answer each."""
    generator = random.Random(f"lvspec texts {seed}")
    questions = [kind(scene.truth, generator) for kind in KINDS]
    return {
        "schema": "lvspec.clip/1",
        "seed": seed,
        "duration_s": duration,
        "frame_rate": FRAME_RATE,
        "attributes": scene.truth.as_dict(),
        "caption": join(caption(scene.truth, generator)),
        "questions": [
            {"question": q.text, "kind": q.kind, "values": list(q.values), "answer": join(list(q.answer))}
            for q in questions
        ],
    }

"""Writes a synthetic clip as a real mp4 with its truth as JSON beside it: one short scene, or several of 10 s."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lvspec_cli.demo.grammar import caption, join
from lvspec_cli.demo.questions import KINDS
from lvspec_cli.demo.rendering import Renderer
from lvspec_cli.demo.scene import Scene, scene_of_seed
from lvspec_cli.video.segmentation import Span, cut
from lvspec_cli.video.writer import write_mp4

SIDE = 160  # pixels of the square picture
FRAME_RATE = 8  # frames per second
SCENE_SECONDS = 10.0  # of a long clip's scenes
SEED_STEP = 10_000  # from one of them to the next: so long clips of consecutive seeds share none
SHORTEST_LAST_SCENE = 0.3  # of SCENE_SECONDS; the scene before takes in a shorter rest
SCHEMA, LONG_SCHEMA = "lvspec.clip/1", "lvspec.clip/2"


@dataclass(frozen=True)
class PlacedScene:
    """A scene and where in the clip it is shown."""

    seed: int
    scene: Scene
    span: Span


def duration_s(seed: int) -> float:
    """How long the clip of a seed is: 3 to 6 seconds."""
    return float(random.Random(f"lvspec duration {seed}").randint(3, 6))


def write_clip(seed: int, path: Path) -> Path:
    """Write the clip of a seed to ``path`` and its truth beside it; return the path of the truth.

    Errors: OSError where the folder cannot be written.
    """
    placed = PlacedScene(seed, scene_of_seed(seed), Span(0.0, duration_s(seed)))
    return _write(path, [placed], clip_truth(placed))


def write_long_clip(seed: int, seconds: float, path: Path) -> Path:
    """Write a clip of scenes that follow one another, and its truth beside it; return the path of the truth.

    Errors: OSError where the folder cannot be written.
    """
    scenes = scenes_of(seed, seconds)
    return _write(path, scenes, long_clip_truth(scenes))


def scenes_of(seed: int, seconds: float) -> list[PlacedScene]:
    """The scenes of a long clip: that of the seed, then those of every ten thousandth seed after it.

    A seed whose background is that of the scene before is left out, so that every cut can be seen. Each scene lasts
    10 s, the last one the rest; a rest under 3 s goes to the scene before. The clip lasts a whole number of frames.
    """
    duration = max(1, round(seconds * FRAME_RATE)) / FRAME_RATE
    spans = cut(0.0, duration, SCENE_SECONDS, shortest_rest=SHORTEST_LAST_SCENE)
    return [PlacedScene(*drawn, span) for span, drawn in zip(spans, _distinct_scenes(seed), strict=False)]


def _distinct_scenes(first: int) -> Iterator[tuple[int, Scene]]:
    background = ""
    for seed in itertools.count(first, SEED_STEP):
        scene = scene_of_seed(seed)
        if scene.truth.background != background:
            background = scene.truth.background
            yield seed, scene


def clip_truth(placed: PlacedScene) -> dict[str, Any]:
    """What a clip of one scene shows, one right caption, and questions with one right answer each."""
    return {
        "schema": SCHEMA,
        "seed": placed.seed,
        "duration_s": placed.span.end_s,
        "frame_rate": FRAME_RATE,
        **_texts(placed),
    }


def long_clip_truth(scenes: list[PlacedScene]) -> dict[str, Any]:
    """What each scene of a long clip shows, as ``clip_truth`` has it of a single one."""
    return {
        "schema": LONG_SCHEMA,
        "seed": scenes[0].seed,
        "duration_s": scenes[-1].span.end_s,
        "frame_rate": FRAME_RATE,
        "scenes": [
            {"start_s": placed.span.start_s, "end_s": placed.span.end_s, "seed": placed.seed, **_texts(placed)}
            for placed in scenes
        ],
    }


def _texts(placed: PlacedScene) -> dict[str, Any]:
    truth, generator = placed.scene.truth, random.Random(f"lvspec texts {placed.seed}")
    questions = [kind(truth, generator) for kind in KINDS]
    return {
        "attributes": truth.as_dict(),
        "caption": join(caption(truth, generator)),
        "questions": [
            {"question": q.text, "kind": q.kind, "values": list(q.values), "answer": join(list(q.answer))}
            for q in questions
        ],
    }


def _write(path: Path, scenes: list[PlacedScene], truth: dict[str, Any]) -> Path:
    write_mp4(path, _frames(scenes), FRAME_RATE)
    truth_path = path.with_suffix(".json")
    temporary = truth_path.with_name(f".{truth_path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, truth_path)
    return truth_path


def _frames(scenes: list[PlacedScene]) -> Iterator[NDArray[Any]]:
    renderer = Renderer(SIDE)
    for placed in scenes:
        count = round((placed.span.end_s - placed.span.start_s) * FRAME_RATE)
        for index in range(count):
            yield renderer.frame(placed.scene, (index + 0.5) / count)

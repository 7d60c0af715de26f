"""Captions from workers in a Ray cluster: Ray Data maps the videos, one a block, over a pool of them.

Ray Data hands results over as they come, starts a worker that died anew and has it try its video once more; without
end, though, if it is the video that kills it. So every try is counted before it begins, in an actor of its own, and
after some a worker gives the video up without looking at it.
"""

from __future__ import annotations

import json
import os
import pickle
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from lvspec_cli.batch.attempt import request_of
from lvspec_cli.batch.ray import VideoCaptioner
from lvspec_cli.batch.ray_cluster import Share, cluster, share_of
from lvspec_cli.batch.task import Outcome, Task
from lvspec_cli.caption import Failure, Progress
from lvspec_cli.errors import ClusterError, LvspecError, ModelError, RayWorkerDied
from lvspec_cli.files import absolute
from lvspec_cli.offline import go_offline
from lvspec_cli.output.json_text import json_text
from lvspec_cli.output.recorded import recorded

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner

ATTEMPTS = 2  # at one video, and at loading the models, that may end with the death of the worker


class Watcher(Protocol):
    """Who is told what is going on; `lvspec_cli.ui.View` says what each of these means."""

    def note(self, message: str) -> None: ...
    def begin(self, path: str, index: int, count: int) -> None: ...
    def progress(self, progress: Progress) -> None: ...


@dataclass(frozen=True)
class Recipe:
    """All that a worker needs to caption as this process would. It is sent to them, so it is pickled."""

    make_captioner: Callable[[], Captioner]  # with nothing loaded
    question: str | None


@dataclass
class RaySource:
    """Captions with models in the workers of a cluster; those of this process are not loaded."""

    recipe: Recipe
    view: Watcher
    workers: int | None = None  # None: as many as there are GPUs for, or one
    verbose: bool = False

    def outcomes(self, tasks: Iterator[Task], count: int) -> Generator[Outcome, None, None]:
        """The outcomes as they come. Whatever ends the generator ends the workers.

        Raises:
            UsageError: there is no cluster, or it has too few GPUs.
            ClusterError: the cluster does not go on.
            LvspecError: what a worker found to concern all videos.
        """
        waiting = dict(enumerate(tasks))
        total = len(waiting)
        if not waiting:
            return
        with cluster(verbose=self.verbose), closing(self._rows(waiting)) as rows:
            for row in rows:
                task = waiting.pop(row["index"], None)
                if task is None:  # it was there before
                    continue
                if row["attempts"] > 1 and row["attempts"] <= ATTEMPTS:
                    self.view.note(f"{task.path}: a worker died over it; another one took it up")
                yield _outcome(task, row)
                if waiting:
                    self._tell_what_waits(total - len(waiting), total)
        if waiting:
            raise ClusterError(f"Ray ended and left {len(waiting)} videos out: give the same command again")

    @property
    def dropped(self) -> str:
        """Nothing is told of what the workers were at: their videos are captioned from the beginning again."""
        return ""

    def _rows(self, tasks: Mapping[int, Task]) -> Generator[dict[str, Any], None, None]:
        """What the workers send: a row for each task."""
        import ray
        from ray.data import ActorPoolStrategy
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        share = self._share()
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        attempts = ray.remote(_Attempts).options(num_cpus=0, max_restarts=-1, scheduling_strategy=here).remote()
        if self.verbose:
            self.view.note(f"{share.workers} Ray workers, each with {share.cpus:g} CPUs and {share.gpus} GPUs")
        self._tell_what_waits(0, len(tasks))
        # Bytes, for Arrow takes no text that is not UTF-8; absolute, for workers run in folders of their own.
        items = [{"index": index, "path": os.fsencode(absolute(task.path))} for index, task in tasks.items()]
        videos = ray.data.from_items(items, override_num_blocks=len(items))
        captions = videos.map_batches(
            Worker,
            fn_constructor_args=(self.recipe, attempts, share.workers),
            batch_size=1,
            compute=ActorPoolStrategy(size=share.workers, max_tasks_in_flight_per_actor=1),
            num_cpus=share.cpus,
            num_gpus=share.gpus or None,
        )
        try:
            batches = captions.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
            with closing(iter(batches)) as tables:
                for table in tables:
                    yield from table.to_pylist()
        except ray.exceptions.RayError as error:
            raise ClusterError(f"the Ray cluster does not go on: {_ends(error)}") from error

    def _share(self) -> Share:
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        preset = self.recipe.make_captioner().preset
        return share_of(nodes, [preset.target.device, preset.draft.device], self.workers)

    def _tell_what_waits(self, done: int, count: int) -> None:
        self.view.begin("videos in the workers of Ray", done, count)
        self.view.progress(Progress("waiting"))


class _Attempts:
    """How often what was tried; an actor, so that it outlives the workers."""

    def __init__(self) -> None:
        self._at_video: Counter[int] = Counter()
        self._at_loading = 0

    def load(self) -> int:
        """A worker begins to load the models; as many did since one of them succeeded."""
        self._at_loading += 1
        return self._at_loading

    def loaded(self) -> None:
        """It has succeeded."""
        self._at_loading = 0

    def begin(self, index: int) -> int:
        """A worker begins with a video, for the so-many-th time."""
        self._at_video[index] += 1
        return self._at_video[index]


class Worker:
    """Captions one video after another, in a process of the cluster."""

    def __init__(self, recipe: Recipe, attempts: Any, workers: int) -> None:
        """``attempts``: the actor that counts; ``workers``: how many load at the same time."""
        import ray

        self._attempts, self._get = attempts, ray.get
        self._captioner = recipe.make_captioner()
        self._question = recipe.question
        self._trouble: LvspecError | None = None  # that concerns all videos
        if self._get(attempts.load.remote()) > ATTEMPTS * workers:
            self._trouble = ModelError(
                "the workers died while they loaded the models, perhaps for lack of memory: give fewer --workers, or "
                "a smaller pair"
            )
            return
        if self._captioner.settings.offline:
            go_offline()
        try:
            self._video_captioner = VideoCaptioner.of(self._captioner, self._question)
        except LvspecError as error:
            self._trouble = error
        else:
            self._get(attempts.loaded.remote())

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """A row for the one video of the batch; what concerns all videos comes as a row, too."""
        index, path = int(batch["index"][0]), os.fsdecode(batch["path"][0])
        row = {"index": index, "attempts": 0, "record": "", "traceback": "", "fatal": b""}
        try:
            if self._trouble is not None:
                raise self._trouble
            row["attempts"] = attempts = self._get(self._attempts.begin.remote(index))
            result, cause = self._given_up(path) if attempts > ATTEMPTS else self._video_captioner.result(path)
            row["record"] = json_text(result.as_record())
            row["traceback"] = "" if cause is None else "".join(traceback.format_exception(cause))
        except LvspecError as error:
            row["fatal"] = pickle.dumps(error)
        return {name: [value] for name, value in row.items()}

    def _given_up(self, path: str) -> tuple[Failure, None]:
        error = RayWorkerDied(
            f"{ATTEMPTS} workers died over {path!r}, killed or for lack of memory: take fewer frames, or give fewer "
            "--workers"
        )
        return Failure.of(request_of(self._captioner, path, self._question), error), None


def _outcome(task: Task, row: Mapping[str, Any]) -> Outcome:
    """What a row says. Raises the error that a worker found to concern all videos."""
    if row["fatal"]:
        error: LvspecError = pickle.loads(row["fatal"])
        raise error
    record = json.loads(row["record"])
    for trouble in (record["error"], *(segment["error"] for segment in record["segments"] or ())):
        if trouble is not None:
            trouble["message"] = trouble["message"].replace(repr(absolute(task.path)), repr(task.path))
    cause = RuntimeError(row["traceback"]) if row["traceback"] else None
    return Outcome(task, recorded({**record, "path": task.path}), cause)


def _ends(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ... ".join(dict.fromkeys((lines[0], lines[-1])))

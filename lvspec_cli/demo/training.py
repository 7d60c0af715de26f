"""Trains the embedded pair from nothing on a CPU: `lvspec demo train target --run FOLDER`.

The stages: the vision tower alone under a probe; then the whole model on tags and questions; then on captions and
questions. Work is shared by processes of one thread each, which a small CPU uses better than threads. Every checkpoint
holds the weights, the optimizer's state and the step, so that the same command goes on where an interrupted one was.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lvspec_cli.demo.architecture import SIZES, Size, build_model, build_processor
from lvspec_cli.demo.batches import ATTRIBUTE_WEIGHT, Batch, BatchMaker, Layout, row_mask
from lvspec_cli.demo.grounding import cell_names, gaze_loss, naming_loss
from lvspec_cli.demo.network import TrainingNetwork
from lvspec_cli.demo.probe import Probe, probe_loss
from lvspec_cli.demo.scene import ATTRIBUTES
from lvspec_cli.demo.tokenizer import train_tokenizer


@dataclass(frozen=True)
class Stage:
    """One part of the training, with a learning rate that warms up and falls along a cosine."""

    name: str
    layout: Layout
    rows: int  # clips a step, over all processes
    steps: int
    learning_rate: float
    final_share: float = 0.05  # of the learning rate, at the last step
    vision_share: float = 1.0  # factor on the vision tower's learning rate
    warmup: int = 100  # steps


_TAGS = Layout(("tags", "question", "question", "binding", "binding", "binding", "binding"))
_MIXED = Layout(("caption", "question", "question", "binding", "binding"))

GROUNDING_WEIGHT = 0.3  # of the losses of `grounding` beside that of the texts

STAGES: dict[str, tuple[Stage, ...]] = {
    "target": (
        Stage("vision", Layout(()), 48, 700, 1.5e-3),
        Stage("tags", _TAGS, 32, 250, 1.2e-3, final_share=0.8, vision_share=0.5),
        Stage("captions", _MIXED, 32, 650, 1.0e-3, vision_share=0.5),
    ),
    "draft": (
        Stage("vision", Layout(()), 48, 300, 2e-3),
        Stage("tags", _TAGS, 32, 150, 2e-3, final_share=0.8),
        Stage("captions", _MIXED, 32, 370, 1.6e-3),
    ),
}


class Trainer:
    """What one process holds: the model, its part of every batch, and the run's folder."""

    def __init__(
        self,
        size: Size,
        stages: Sequence[Stage],
        run: Path,
        *,
        seed: str = "",
        rank: int = 0,
        processes: int = 1,
        compiled: bool = False,
        checkpoint_steps: int = 100,
        log_steps: int = 20,
    ) -> None:
        torch.manual_seed(0)
        self.size = size
        self.stages = stages
        self.seed = seed  # of the training clips and texts
        self.run = run  # folder of the log and the checkpoint
        self.rank = rank
        self.processes = processes
        self.checkpoint_steps = checkpoint_steps
        self.log_steps = log_steps
        self.tokenizer = train_tokenizer()
        self.model = build_model(size, self.tokenizer)
        network = TrainingNetwork(self.model)
        self.vision = torch.compile(network.vision) if compiled else network.vision
        self.network = torch.compile(network) if compiled else network
        self.started = time.time()

    def train(self) -> None:
        """Run all stages, from the run's checkpoint if there is one."""
        self.run.mkdir(parents=True, exist_ok=True)
        for number, stage in enumerate(self.stages):
            self._stage(number, stage)

    def _stage(self, number: int, stage: Stage) -> None:
        probe = Probe(self.size.hidden, self.size.heads) if stage.name == "vision" else None
        optimizer = self._optimizer(stage, probe)
        first = self._resume(number, stage, optimizer, probe)
        maker = BatchMaker(self.tokenizer, stage.layout, stage.rows // self.processes, f"{self.seed} {stage.name}")
        loss_of = self._probe_loss(probe) if probe else self._text_loss(maker, stage.layout)
        for step in range(first, stage.steps):
            share = _schedule(stage, step)
            for group in optimizer.param_groups:
                group["lr"] = stage.learning_rate * group["share"] * share
            loss, right = loss_of(maker.make(step * self.processes + self.rank))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            _average_gradients(parameters, self.processes)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            self._report(stage, step, loss, right)
            if (step + 1) % self.checkpoint_steps == 0 or step + 1 == stage.steps:
                self._save(number, step + 1, optimizer, probe)

    def _optimizer(self, stage: Stage, probe: Probe | None) -> torch.optim.Optimizer:
        vision = list(self.model.model.visual.parameters())
        rest = list(probe.parameters()) if probe else list(self.model.model.language_model.parameters())
        groups = []
        for parameters, share in ((vision, stage.vision_share), (rest, 1.0)):
            for matrices in (True, False):
                chosen = [p for p in parameters if (p.ndim > 1) == matrices]
                groups.append({"params": chosen, "share": share, "weight_decay": 0.05 if matrices else 0.0})
        return torch.optim.AdamW(groups, lr=stage.learning_rate, betas=(0.9, 0.98))

    def _probe_loss(self, probe: Probe) -> Callable[[Batch], tuple[Tensor, Tensor]]:
        def loss(batch: Batch) -> tuple[Tensor, Tensor]:
            features = self.vision(batch.patches)
            with torch.autocast("cpu", torch.bfloat16):
                cells, attributes = probe(features)
            cells = tuple(logits.float() for logits in cells)
            return probe_loss(cells, [logits.float() for logits in attributes], batch.cells, batch.values)

        return loss

    def _text_loss(self, maker: BatchMaker, layout: Layout) -> Callable[[Batch], tuple[Tensor, Tensor]]:
        prefix = torch.tensor(maker.prefix)
        mask = row_mask(len(prefix), layout)
        names = cell_names(self.tokenizer)

        def loss(batch: Batch) -> tuple[Tensor, Tensor]:
            said = self.network(batch.patches, prefix, batch.tokens, batch.positions, mask)
            each = functional.cross_entropy(said.text.flatten(0, 1), batch.targets.flatten(), reduction="none")
            weights = batch.weights.flatten()
            attribute = (batch.weights == ATTRIBUTE_WEIGHT) & (batch.targets >= 0)
            right = (said.text.argmax(-1) == batch.targets)[attribute].float().mean()
            filler = (each * (weights == 1.0)).sum() / (weights == 1.0).sum()
            grounding = naming_loss(said.video, batch.cells, names)
            grounding = grounding + gaze_loss(said.gaze, batch.tokens, batch.cells, names)
            total = (each * weights).sum() / weights.sum() + GROUNDING_WEIGHT * grounding
            return total, torch.stack([right, filler.detach(), grounding.detach()])

        return loss

    def _report(self, stage: Stage, step: int, loss: Tensor, right: Tensor) -> None:
        if self.rank or (step + 1) % self.log_steps:
            return
        names = list(ATTRIBUTES) if stage.name == "vision" else ["attribute_accuracy", "filler_loss", "grounding_loss"]
        line: dict[str, Any] = {"stage": stage.name, "step": step + 1, "loss": round(loss.item(), 4)}
        line |= {name: round(value, 3) for name, value in zip(names, right.tolist(), strict=True)}
        line["seconds"] = round(time.time() - self.started)
        with (self.run / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")

    def _save(self, stage: int, step: int, optimizer: torch.optim.Optimizer, probe: nn.Module | None) -> None:
        if self.rank:
            return
        state = {
            "stage": stage,
            "step": step,
            "model": self.model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "probe": probe.state_dict() if probe else None,
        }
        temporary = self.run / "checkpoint.tmp"
        torch.save(state, temporary)
        os.replace(temporary, self.run / "checkpoint.pt")

    def _resume(self, number: int, stage: Stage, optimizer: torch.optim.Optimizer, probe: nn.Module | None) -> int:
        """Load the checkpoint if it is of this stage or of a later one; return the step to go on with."""
        path = self.run / "checkpoint.pt"
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        if state["stage"] < number:
            return 0
        if state["stage"] > number:
            return stage.steps
        self.model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        if probe:
            probe.load_state_dict(state["probe"])
        return int(state["step"])


def export(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the model in bfloat16 and its processor as a folder that the Auto classes load."""
    build_processor(tokenizer).save_pretrained(folder)
    nn.Module.to(model, torch.bfloat16)
    model.save_pretrained(folder)


def _schedule(stage: Stage, step: int) -> float:
    """The share of the peak learning rate at a step."""
    if step < stage.warmup:
        return (step + 1) / stage.warmup
    done = (step - stage.warmup) / max(1, stage.steps - stage.warmup)
    return stage.final_share + (1 - stage.final_share) * 0.5 * (1 + math.cos(math.pi * done))


def _average_gradients(parameters: list[nn.Parameter], processes: int) -> None:
    if processes == 1:
        return
    used = [p for p in parameters if p.grad is not None]
    flat = torch.cat([p.grad.flatten() for p in used if p.grad is not None])
    distributed.all_reduce(flat)
    parts = torch.split(flat.div_(processes), [p.numel() for p in used])
    for parameter, gradient in zip(used, parts, strict=True):
        parameter.grad = gradient.view_as(parameter)


def _work(rank: int, role: str, run: Path, processes: int, compiled: bool) -> None:
    torch.set_num_threads(1)
    if processes > 1:
        distributed.init_process_group("gloo", init_method=f"file://{run}/meeting", rank=rank, world_size=processes)
    trainer = Trainer(SIZES[role], STAGES[role], run, seed=role, rank=rank, processes=processes, compiled=compiled)
    trainer.train()
    if rank == 0:
        export(trainer.model, trainer.tokenizer, run / "model")


def train_model(role: str, run: Path, processes: int, *, compiled: bool = False) -> Path:
    """Train "target" or "draft" in the folder ``run``, from its checkpoint if it has one; return the model's folder."""
    run = run.resolve()
    run.mkdir(parents=True, exist_ok=True)
    (run / "meeting").unlink(missing_ok=True)
    torch.multiprocessing.spawn(  # type: ignore[no-untyped-call, attr-defined]
        _work, (role, run, processes, compiled), processes
    )
    return run / "model"

"""The host looks at a tensor once a round, so it waits for an accelerator once a round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from lvspec_cli.decoding import clock
from lvspec_cli.decoding.clock import RoundClock
from lvspec_cli.decoding.engine import decode
from lvspec_cli.decoding.events import Round
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.model import Extension, VideoGrounding
from lvspec_cli.decoding.options import DecodingOptions
from lvspec_cli.decoding.relevance import Calibration, PairKnowledge

LOOKS = ("tolist", "item", "cpu", "numpy", "nonzero", "__bool__", "__int__", "__float__", "__index__", "__array__")


class _Looks(TorchFunctionMode):
    """Counts the calls by which the host reads a tensor's values."""

    def __init__(self) -> None:
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += getattr(func, "__name__", "") in LOOKS
        return func(*args, **kwargs or {})


class _InnerLooks(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the reads inside other operations, as far as they pass the dispatcher."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **kwargs or {})


class _TensorModel:
    """Predicts from the last token, without ever looking at it."""

    vocabulary_size = 9
    device = torch.device("cpu")

    def __init__(self, seed: int) -> None:
        self.length = 0
        self._table = torch.randn(9, 9, generator=torch.Generator().manual_seed(seed))

    def prefill(self, inputs: object) -> int:
        return 1

    def extend(self, tokens: Tensor) -> Extension:
        self.length += tokens.shape[0]
        return Extension(self._table.index_select(0, tokens))

    def rollback(self, length: int) -> None:
        self.length = length


def looks(action: Callable[[], object]) -> int:
    with _Looks() as outer, _InnerLooks() as inner:
        action()
    return int(max(outer.count, inner.count))


@pytest.mark.parametrize("method", ["ar", "strict"])
@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0}, {"temperature": 0.8, "top_k": 4, "top_p": 0.9}])
def test_the_host_reads_once_a_round(method: str, sampling: dict[str, Any]) -> None:
    rounds = decode(_TensorModel(0), _TensorModel(1), DecodingOptions(method, max_tokens=40, **sampling), 1)
    for _ in range(8):
        assert looks(lambda: next(rounds)) == 1


@pytest.mark.parametrize("method", ["lvspec", "fly", "random"])
@pytest.mark.parametrize("relevance", [{"relevance": "table"}, {"relevance": "table", "filler_share": 0.6}])
@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0}, {"temperature": 0.8, "top_k": 4, "top_p": 0.9}])
def test_lossy_methods_look_no_more_often(method: str, relevance: dict[str, Any], sampling: dict[str, Any]) -> None:
    options = DecodingOptions(method, max_tokens=60, looseness=Looseness(**relevance, fly_window=2), **sampling)
    table = torch.tensor([0.0, 1.0, float("nan"), 3.0, 0.1, 2.0, 0.2, 0.3, 5.0])
    known = PairKnowledge(Calibration(table=table, thresholds={"table": 1.0}), torch.arange(9) == 4)
    rounds = decode(_TensorModel(0), _TensorModel(1), options, 1, known)
    for _ in range(8):
        assert looks(lambda: next(rounds)) == 1


class _Seeing(_TensorModel):
    """Says where it looks, too."""

    def extend(self, tokens: Tensor) -> Extension:
        seen = torch.nn.functional.one_hot(tokens, 9).float()
        return replace(
            super().extend(tokens),
            grounding=lambda rows: lambda: VideoGrounding(seen[rows].cpu(), 9, 0),
        )


@pytest.mark.parametrize("sampling", [{}, {"temperature": 1.0}])
def test_a_trace_costs_no_look_but_at_what_somebody_asks_for_of_all_rounds_at_once(sampling: dict[str, Any]) -> None:
    options = DecodingOptions("strict", max_tokens=60, trace=True, **sampling)
    decoding, rounds = decode(_Seeing(0), _TensorModel(1), options, 1), list[Round]()
    for _ in range(8):
        assert looks(lambda: rounds.append(next(decoding))) == 1
    evidence = [each for event in rounds for each in (event.own_log_probabilities, event.groundings)]
    first = looks(lambda: list(evidence[0] or ()))
    assert 0 < first <= 8 + 2  # one for each pass, as this model tells of each alone
    assert sum(looks(lambda each=each: list(each or ())) for each in evidence) == 0  # type: ignore[misc]


def test_hidden_reads_would_be_counted() -> None:
    weights = torch.ones(1, 4)
    assert looks(lambda: bool(weights.sum() > 0)) == 1
    assert looks(lambda: weights[0][torch.tensor(2)]) > 0


class _Event:
    """Stands for a CUDA event: a time in ms that moves by 4 with every record."""

    now = 0.0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing

    def record(self, stream: object) -> None:
        _Event.now += 4.0
        self.time = _Event.now

    def elapsed_time(self, end: _Event) -> float:
        return end.time - self.time


def test_on_cuda_drafting_is_timed_by_events_and_the_parts_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    host = iter((10.0, 10.001, 10.020, 10.021))
    monkeypatch.setattr(clock, "perf_counter", lambda: next(host))
    monkeypatch.setattr(torch.cuda, "Event", _Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: device)
    timer = RoundClock(torch.device("cuda"))
    timer.start()
    timer.drafted()
    timer.verified()
    times = timer.stop()
    assert times.draft == pytest.approx(0.004)
    assert times.verify == pytest.approx(0.016)
    assert times.round == pytest.approx(0.021)

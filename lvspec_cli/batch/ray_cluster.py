"""The Ray cluster of a run: found or started, kept quiet, and how much of it each worker takes."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from lvspec_cli.errors import UsageError

ADDRESS = "RAY_ADDRESS"  # the variable that names a cluster
_STORE_BYTES = 256 * 2**20  # of a cluster of our own, for what is on its way: records, which are small
_ANSWER_SECONDS = 10.0
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nobody asked us to tell others
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # what Ray's parts complain of would go to stdout, between the captions
}


@dataclass(frozen=True)
class Share:
    """How many workers there are, and what each of them takes of the cluster, in Ray's logical units."""

    workers: int
    cpus: float  # each; Ray gives a worker as many threads, but at least one
    gpus: int  # each


def import_ray(*, verbose: bool) -> None:
    """Import Ray Data; on stderr it says something only if `verbose` is set, on stdout never.

    Raises UsageError if that is not installed.
    """
    for name, value in {**_QUIET, **({} if verbose else {"RAY_BACKEND_LOG_LEVEL": "fatal"})}.items():
        os.environ.setdefault(name, value)
    try:
        import ray.data
    except ImportError as error:
        raise UsageError(
            f"--runner ray needs Ray, which cannot be imported ({error}): pip install 'lvspec[ray]'"
        ) from error
    ray.data.DataContext.get_current().enable_progress_bars = False
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.CRITICAL)


@contextmanager
def cluster(*, verbose: bool) -> Iterator[None]:
    """Be connected to the cluster that RAY_ADDRESS names, or to one of our own that ends with the block.

    A connection that the process has already is used and kept. Raises UsageError if there is no cluster to be had.
    """
    import ray

    if ray.is_initialized():
        yield
        return
    given = os.environ.get(ADDRESS)
    _check_that_it_answers(given)
    own: dict[str, Any] = {} if given else {"object_store_memory": _STORE_BYTES, "include_dashboard": False}
    try:
        with _interrupt_waiting(), nullcontext() if verbose else _silent_stderr():
            ray.init(
                address=given or "local",
                log_to_driver=False,
                logging_level=logging.INFO if verbose else logging.CRITICAL,
                **own,
            )
        yield
    except ConnectionError as error:
        raise _unreachable(given) from error
    finally:
        ray.shutdown()


def _check_that_it_answers(address: str | None) -> None:
    """Ray itself tries for minutes, without a word. Raises UsageError."""
    host, _, port = (address or "").rpartition(":")
    if not host or "/" in host or not port.isdecimal():  # "auto", or with a protocol
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address) from error


def _unreachable(address: str | None) -> UsageError:
    return UsageError(f"{ADDRESS}={address} cannot be reached: start that cluster, or unset the variable")


def share_of(nodes: Sequence[Mapping[str, float]], devices: Sequence[str], workers: int | None) -> Share:
    """Divide a cluster among workers so that all of them find room.

    ``nodes``: what each machine has, "CPU" and "GPU" among it; ``devices``: of the models, as a preset names them;
    ``workers``: None for as many as there are GPUs for, or one. Raises UsageError if there are too few GPUs.
    """
    gpus = _gpus_each(sum(_whole(node, "GPU") for node in nodes), devices, workers or 1)
    room = sum(_whole(node, "GPU") // gpus for node in nodes) if gpus else None
    wanted = workers or room or 1
    if room is not None and room < wanted:
        raise UsageError(
            f"there are GPUs for {room} of {wanted} workers: give --workers {room or 1}, or --device cpu"
            if room
            else f"no machine of the cluster has the {gpus} GPUs that the preset's devices ask for: name others"
        )
    cpus = sum(_whole(node, "CPU") for node in nodes)
    fitting: Callable[[int], bool] = lambda each: sum(_whole(node, "CPU") // each for node in nodes) >= wanted  # noqa: E731
    whole = next(filter(fitting, range(cpus // wanted, 0, -1)), None)
    # Less than one each: all find room, and none waits for another that does not end before it.
    smallest = min((_whole(node, "CPU") for node in nodes if _whole(node, "CPU")), default=0)
    return Share(wanted, float(whole) if whole else int(smallest / wanted * 1000) / 1000, gpus)


def _gpus_each(total: int, devices: Sequence[str], workers: int) -> int:
    """GPUs for a worker: those that its models name, all that there are for it if they are to be spread, or none."""
    if not total or all(device.startswith(("cpu", "mps")) for device in devices):
        return 0
    if "balanced" in devices:
        return max(total // workers, 1)
    indices = [device.removeprefix("cuda:") for device in devices]
    return 1 + max((int(index) for index in indices if index.isdecimal()), default=0)


def _whole(node: Mapping[str, float], kind: str) -> int:
    return int(node.get(kind, 0))


@contextmanager
def _interrupt_waiting() -> Iterator[None]:
    """Let an interrupt have its effect after the block, a second one at once: Ray, interrupted while it starts, leaves
    processes behind. And undo what Ray sets for SIGTERM, after which the run would not see to its files."""
    if threading.current_thread() is not threading.main_thread():  # which alone hears of signals
        yield
        return
    interrupted, on_sigterm = False, signal.getsignal(signal.SIGTERM)

    def hear(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, on_interrupt)

    on_interrupt = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, on_interrupt)
        signal.signal(signal.SIGTERM, on_sigterm)
    if interrupted:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """What the native part of Ray says when it starts goes nowhere. What goes wrong then, it raises."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)

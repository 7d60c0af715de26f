"""What scoring 10,000 video tokens costs in memory: the scored prefill's peak against the plain one's.

Run as ``python -m lvspec_cli.bench.pruning_memory``. PyTorch's profiler records every allocation and release of tensor
memory on the CPU, scratch buffers of kernels included; a peak is the largest sum of what was allocated since the call
began and not yet released. So it is the same on every run, and what Python or the libraries hold plays no part.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from lvspec_cli.bench.long_cache import random_cases
from lvspec_cli.demo.architecture import MERGE_SIZE, PATCH_SIZE, TEMPORAL_PATCH_SIZE, Size
from lvspec_cli.models.adapter import VideoLanguageModel
from lvspec_cli.models.prompt import FrameSize, PreparedPrompt
from lvspec_cli.models.video_attention import VideoAttention

SIZE = Size(4, 512, 1408, 8, 2, 1, 64, 128, 2)
VIDEO_TOKENS = 10_000
_GRID = 10  # video tokens along a frame's side
_MIB = 2**20


@dataclass(frozen=True)
class PeakMemory:
    """Bytes of tensors at the fullest moment, beyond what was there before."""

    plain: int  # of a prefill
    scored: int  # of the same prefill with `VideoAttention` looking on
    scoring: int  # of the scoring of one layer alone
    matrices: int  # what the whole attention matrices of one layer would take in float32

    def __str__(self) -> str:
        return (
            f"peak of the plain prefill {self.plain / _MIB:.1f} MiB, of the scored one {self.scored / _MIB:.1f} MiB: "
            f"{(self.scored - self.plain) / _MIB:.1f} MiB more; the scoring of a layer alone takes "
            f"{self.scoring / _MIB:.1f} MiB at most, where its whole attention matrices would take "
            f"{self.matrices / _MIB:,.0f} MiB"
        )


def measure(model: VideoLanguageModel, prompt: PreparedPrompt) -> PeakMemory:
    """Prefill with and without scores, after one that fills the caches of the libraries and our own."""
    config = model.model.config.get_text_config()
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    length, width = prompt.length - 1, config.hidden_size // heads
    query, keys = torch.randn(1, heads, length, width), torch.randn(1, kv_heads, length, width)
    model.prefill(prompt)
    return PeakMemory(
        plain=peak_bytes(lambda: model.prefill(prompt)),
        scored=peak_bytes(lambda: model.prefill(prompt, video_attention=VideoAttention(prompt.video_mask))),
        scoring=peak_bytes(lambda: VideoAttention(prompt.video_mask).observe(query, keys, 0.1)),
        matrices=4 * heads * length**2,
    )


def peak_bytes(call: Callable[[], object]) -> int:
    """The most bytes of tensors on the CPU that a call holds at once."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted((event for event in events if event["name"] == "[memory]"), key=lambda event: event["ts"])
    return int(np.cumsum([event["args"]["Bytes"] for event in changes]).max(initial=0))


def random_prompt(model: VideoLanguageModel, video_tokens: int) -> PreparedPrompt:
    """A question about noise that becomes ``video_tokens`` tokens, a multiple of 100."""
    side = _GRID * PATCH_SIZE * MERGE_SIZE
    model.frame_size = FrameSize(side**2, side**2)
    count = TEMPORAL_PATCH_SIZE * video_tokens // _GRID**2
    frames = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return model.prepare(frames, tuple(range(count)), "Describe this video in detail.")


def main() -> None:
    """Measure and print one line."""
    case = next(random_cases((SIZE,)))
    prompt = random_prompt(case.ours, VIDEO_TOKENS)
    print(f"{case.name}, {prompt.video_tokens} video tokens: {measure(case.ours, prompt)}")


if __name__ == "__main__":
    main()

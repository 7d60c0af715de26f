"""Videos with sound that begins before their pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SAMPLE_RATE = 48_000  # Hz
SAMPLES = 1024  # of a frame of sound


def with_sound(video: Path, path: Path, pictures_after_s: float, seconds: float) -> Path:
    """The video again, its pictures so many seconds later, with ``seconds`` of silence that begins at 0."""
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        pictures = source.streams.video[0]
        copied = target.add_stream_from_template(pictures)
        sound = target.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=SAMPLE_RATE)
        for start in range(0, round(seconds * SAMPLE_RATE), SAMPLES):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, SAMPLES), np.float32), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
            target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
        for packet in source.demux(pictures):
            if packet.dts is not None:
                later = round(pictures_after_s / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + later, packet.dts + later, copied
                target.mux(packet)
    return path

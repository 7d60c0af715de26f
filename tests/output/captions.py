"""Captions made by hand: of a whole video, or of segments."""

from lvspec_cli.caption import Caption, Durations, Failure, ModelIdentity, Request, Segment
from lvspec_cli.decoding.stats import DecodingStats
from lvspec_cli.errors import NotAVideo, VideoNotFound
from lvspec_cli.video.clip import VideoFacts

FAILED = Failure.of(Request("gone.mp4", "Describe it.", None), VideoNotFound("there is no file 'gone.mp4'"))
DAMAGED = Failure.of(Request("bad.mp4", "Describe it.", None), NotAVideo("'bad.mp4' is no video"))


def made(path="clip.mp4", *said, summary=None, question=None, **settings):
    """A caption. Each of ``said`` is a text, which gets ten seconds, or a tuple of start, end (s) and text."""
    spans = [part if isinstance(part, tuple) else (10.0 * i, 10.0 * (i + 1), part) for i, part in enumerate(said)]
    segments = tuple(Segment(start, end, text, "stop", (start,)) for start, end, text in spans)
    return Caption(
        request=Request(path, None if question else "Describe it.", question),
        text=summary if summary is not None else "\n".join(segment.text for segment in segments),
        tokens=(),
        finish_reason="length" if summary is not None else "stop",
        stats=DecodingStats(),
        durations=Durations(0.1, 0.1, 0.5),
        facts=VideoFacts(path, "sha256:0", "mp4", "h264", 64, 48, 0, "1:1", 30.0, 8.0, 0, "pyav", ()),
        frame_times=tuple(segment.start_s for segment in segments),
        shrunk_from=None,
        segments=segments,
        preset="tiny",
        target=ModelIdentity("some/target", None, "float32", "none", "cpu"),
        draft=None,
        method="ar",
        lossy=False,
        summary=summary,
        trouble=None,
        signal=None,
        threshold=None,
        layout=None,
        grounding=None,
        settings={"segment": 10.0 if len(segments) > 1 else None, "summary": summary is not None, **settings},
    )

"""From files to videos: records and traces in any mix, every video once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lvspec_cli.caption import SCHEMA as RECORD_SCHEMA
from lvspec_cli.caption import TRACE_SCHEMA
from lvspec_cli.errors import LvspecError
from lvspec_cli.report.fields import Fields
from lvspec_cli.report.json_file import read_objects
from lvspec_cli.report.record import Record, Run
from lvspec_cli.report.trace import Part, PartHead, Round


@dataclass(frozen=True)
class VideoDocument:
    """All that the files tell of one video: a record, parts of a trace, or both."""

    record: Record | None  # None if the run was interrupted before there was one
    parts: tuple[Part, ...]  # in order; empty without a trace
    source: str  # the file, as its user named it

    @property
    def run(self) -> Run:
        """What was asked, and of whom. A trace knows more of a failed run than its record does."""
        if self.record is None or (self.record.error_type is not None and self.parts):
            return self.parts[0].head.run
        return self.record.run

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for two documents on the same video, asked the same in the same way."""
        return (self.record.run if self.record else self.parts[0].head.run).key

    @property
    def rank(self) -> int:
        """How much of the run is told: the highest of several with the same key is shown."""
        return 2 * (self.record is not None) + bool(self.parts)


@dataclass(frozen=True)
class Documents:
    """What was read."""

    videos: tuple[VideoDocument, ...]  # in the order in which they first appear; never empty
    notes: tuple[str, ...]  # sentences on what a reader of the report should know


def read_documents(paths: Iterable[str]) -> Documents:
    """Read records and traces.

    Raises:
        UsageError: a file is not there or cannot be read.
        LvspecError: a file holds something else, or there is nothing to show.
    """
    notes: list[str] = []
    videos: dict[tuple[object, ...], VideoDocument] = {}
    paths, repeated = tuple(paths), 0
    for path in paths:
        for video in _videos(path, notes):
            earlier = videos.get(video.key)
            repeated += earlier is not None and video.rank == earlier.rank
            # Of two that tell as much, the later one: it may come from a rerun.
            if earlier is None or video.rank >= earlier.rank:
                videos[video.key] = video
    # What is left of a video in segments tells of a segment where the record of its rerun tells of the whole.
    finished = {video.run.rough_key for video in videos.values() if video.record is not None}
    shown = tuple(each for each in videos.values() if each.record is not None or each.run.rough_key not in finished)
    if not shown:
        raise LvspecError(f"there is nothing to show: no record and no part of a trace in {', '.join(paths)}")
    if repeated:
        notes.append(f"{repeated} came again, the same video asked the same way: the last of each is shown")
    return Documents(shown, tuple(notes))


def _videos(path: str, notes: list[str]) -> Iterator[VideoDocument]:
    traced = _TraceReader(path, notes)
    for fields in read_objects(path, notes.append):
        schema = fields.text_or_none("schema")
        if schema == RECORD_SCHEMA:
            yield VideoDocument(Record.of(fields), (), path)
        elif schema == TRACE_SCHEMA:
            yield from traced.take(fields)
        else:
            raise _foreign(fields.where, schema)
    yield from traced.unfinished()


def _foreign(where: str, schema: str | None) -> LvspecError:
    for known in (RECORD_SCHEMA, TRACE_SCHEMA):
        if schema is not None and schema.startswith(known.rpartition("/")[0] + "/"):
            advice = "take the lvspec that wrote it, or caption the video again"
            return LvspecError(
                f"{where}: {schema} is of another version than {known}, which this lvspec reads: {advice}"
            )
    what = "it has no schema" if schema is None else f"its schema is {schema!r}"
    return LvspecError(f"{where} is neither a record ({RECORD_SCHEMA}) nor a trace ({TRACE_SCHEMA}): {what}")


@dataclass
class _OpenPart:
    """A part that may go on."""

    head: PartHead
    rounds: list[Round] = field(default_factory=list)
    next_index: int = 0  # of the round that is to come
    lacks_rounds: bool = False


class _TraceReader:
    """Puts the lines of a trace together, video by video."""

    def __init__(self, path: str, notes: list[str]) -> None:
        """``notes`` takes what a reader of the report should know."""
        self._path, self._notes = path, notes
        self._finished: set[tuple[object, ...]] = set()  # rough keys
        self._open: dict[int, dict[int, _OpenPart]] = {}  # number of the video -> number of the part -> the part

    def take(self, fields: Fields) -> Iterator[VideoDocument]:
        """Take the next line; yield the video that it finishes."""
        kind, video = fields.text("type"), fields.whole("video")
        if kind == "part":
            # A part that begins again, with fewer frames say, replaces what was said of it before.
            head = PartHead.of(fields)
            self._open.setdefault(video, {})[head.part] = _OpenPart(head)
        elif kind == "round":
            self._take_round(fields, video)
        elif kind == "caption":
            parts, record = self._open.pop(video, {}), self._record(fields)
            self._finished.add(record.run.rough_key)
            yield VideoDocument(record, _in_order(parts), self._path)

    def unfinished(self) -> Iterator[VideoDocument]:
        """Yield the videos that never came to their end."""
        for parts in self._open.values():
            video = VideoDocument(None, _in_order(parts), self._path)
            if video.run.rough_key not in self._finished:  # by a run that went on with the trace
                self._notes.append(f"{self._path} ends within {video.run.path}: the run was interrupted")
            yield video

    def _take_round(self, fields: Fields, video: int) -> None:
        number = fields.whole("part")
        part = self._open.get(video, {}).get(number)
        if part is None:
            fields.refuse(f"a round of part {number} of video {video}, which has not begun: the trace lacks lines")
        index = fields.whole("index")
        if index != part.next_index and not part.lacks_rounds:
            part.lacks_rounds = True
            of_part = f", part {number + 1} of {part.head.parts}" if part.head.parts > 1 else ""
            where = f"{part.head.run.path}{of_part}"
            self._notes.append(f"{self._path} lacks rounds of {where}: tokens are missing from what is shown")
        part.next_index = index + 1
        part.rounds.append(Round.of(fields, part.head.layout))

    def _record(self, fields: Fields) -> Record:
        record = fields.object("record")
        schema = record.text_or_none("schema")
        if schema != RECORD_SCHEMA:
            raise _foreign(f"{fields.where}: its record", schema)
        return Record.of(record)


def _in_order(parts: dict[int, _OpenPart]) -> tuple[Part, ...]:
    return tuple(Part(parts[number].head, tuple(parts[number].rounds)) for number in sorted(parts))

"""How far runs have come, by their journals; nothing is changed, and a run that is under way is not disturbed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lvspec_cli.batch.journal import journals_beside, journals_in
from lvspec_cli.batch.journal_content import Entry, JournalContent, read_journal, standing, told_difference
from lvspec_cli.batch.shard import WHOLE, Shard, share_in_name
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.errors import UsageError
from lvspec_cli.file_lock import is_locked

SCHEMA = "lvspec.status/1"


@dataclass(frozen=True)
class JournalStatus:
    """What one journal tells."""

    content: JournalContent
    running: bool | None  # whether a run writes it right now; None: that cannot be known
    written_ns: int  # ns since 1970, the last change

    @property
    def path(self) -> Path:
        """The journal."""
        return self.content.path

    @property
    def shard(self) -> Shard:
        """The share that it is of; one in which no run has begun yet has it in its name alone."""
        if self.content.settings is not None:
            return Shard.parse(self.content.shard or WHOLE)
        return share_in_name(self.path)[1] or Shard.parse(WHOLE)

    @property
    def family(self) -> Path:
        """The journal of the whole, which those of all shares lie beside."""
        return share_in_name(self.path)[0]

    def as_record(self, left: Collection[str]) -> dict[str, Any]:
        """The same as JSON values; ``left``: absolute paths of its videos that are still to be captioned."""
        return {
            "path": str(self.path),
            "shard": str(self.shard),
            **_counts(self.content.entries, left),
            "running": self.running,
            "damaged_lines": self.content.damaged_lines,
        }


@dataclass(frozen=True)
class Status:
    """What several journals tell together."""

    journals: tuple[JournalStatus, ...]  # never empty

    @property
    def current(self) -> tuple[JournalStatus, ...]:
        """Those that say what there is to do: of the same videos as a whole and in shares, what was written last."""
        families: dict[Path, list[JournalStatus]] = defaultdict(list)
        for journal in self.journals:
            families[journal.family].append(journal)
        last = {family: max(of_it, key=lambda one: one.written_ns).shard for family, of_it in families.items()}
        return tuple(one for one in self.journals if one.shard.count == last[one.family].count)

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """Absolute path -> what became of the video: captioned rather than failed, and then what is newest."""
        best: dict[str, Entry] = {}
        for entry in standing([journal.content for journal in self.journals]):
            path = entry.key.path
            if path not in best or entry.rank >= best[path].rank:
                best[path] = entry
        return best

    @cached_property
    def left(self) -> frozenset[str]:
        """Absolute paths of videos that are still to be captioned, as far as journals are here."""
        known = frozenset().union(*(journal.content.entries for journal in self.journals))
        overwritten = known - self.entries.keys()  # by a run that has not come to them, be it the last one or not
        return overwritten.union(*(self.left_in[journal.path] for journal in self.current))

    @cached_property
    def left_in(self) -> dict[Path, frozenset[str]]:
        """Journal -> of what its last run was to caption, what neither that nor one on another journal has done since.

        Absolute paths.
        """
        done: dict[VideoKey, list[Entry]] = defaultdict(list)
        for journal in self.journals:
            for entry in journal.content.entries.values():
                done[entry.key].append(entry)
        return {journal.path: frozenset(_left_in(journal.content, done)) for journal in self.journals}

    @property
    def missing_shards(self) -> tuple[Shard, ...]:
        """Shares of which there is no journal, though there is one of another share of as many."""
        there: dict[int, set[int]] = defaultdict(set)
        for journal in self.current:
            there[journal.shard.count].add(journal.shard.index)
        return tuple(
            Shard(index, count)
            for count, indexes in sorted(there.items())
            for index in range(1, count + 1)
            if index not in indexes
        )

    @property
    def difference(self) -> str:
        """Two journals with different settings, and which these are; empty if all have the same."""
        begun = [journal.content for journal in self.journals if journal.content.settings is not None]
        for content in begun[1:]:
            told = told_difference(begun[0].settings or {}, content.settings or {})
            if told:
                return f"{begun[0].path} and {content.path} have different settings ({told})"
        return ""

    def as_record(self) -> dict[str, Any]:
        """All of it as JSON values, schema ``lvspec.status/1``."""
        return {
            "schema": SCHEMA,
            "journals": [journal.as_record(self.left_in[journal.path]) for journal in self.journals],
            "total": _counts(self.entries, self.left),
            "missing_shards": [str(shard) for shard in self.missing_shards],
            "same_settings": not self.difference,
        }


def read_status(places: Sequence[str]) -> Status:
    """Look at the journals of these places: folders of results, and journals, each with those of its shares.

    Raises UsageError if there is none in one of the places, or if one cannot be read.
    """
    paths = {path.resolve(): path for place in places for path in _journals_of(place)}
    return Status(tuple(map(_look_at, paths.values())))


def _journals_of(place: str) -> list[Path]:
    if not place:
        raise UsageError("a place is empty: is a variable unset?")
    path = Path(place)
    try:
        found = journals_in(path) if path.is_dir() else journals_beside(path)
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error
    if not found:
        reason = f"there is no journal in {place}" if path.is_dir() else f"there is no journal {place}"
        raise UsageError(f"{reason}: name a folder that -o wrote to, or the file that --journal named")
    return found


def _look_at(path: Path) -> JournalStatus:
    # Before it is read: of a run that ends meanwhile, all lines are there then.
    running = is_locked(path)
    try:
        written = path.stat().st_mtime_ns
        return JournalStatus(read_journal(path), running, written)
    except OSError as error:
        raise UsageError(f"the journal {path} cannot be read: {error.strerror}") from error


def _left_in(content: JournalContent, done: Mapping[VideoKey, Sequence[Entry]]) -> Iterator[str]:
    for key in content.to_do:
        # What is older in its own journal is what it is to do again.
        if not any(entry.finished >= content.told and entry.journal != content.path for entry in done.get(key, ())):
            yield key.path


def _counts(entries: Mapping[str, Entry], left: Collection[str]) -> dict[str, Any]:
    """How many videos there are, and what became of each; what is left has no result that stands."""
    kinds = Counter(entry.error_type for path, entry in entries.items() if path not in left)
    captioned = kinds.pop(None, 0)
    failed = {kind: count for kind, count in kinds.items() if kind is not None}
    return {
        "videos": captioned + sum(failed.values()) + len(left),
        "captioned": captioned,
        "failed": dict(sorted(failed.items(), key=lambda item: (-item[1], item[0]))),  # the most frequent first
        "left": len(left),
    }

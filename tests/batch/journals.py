"""Journals as runs write them, without a model: every line of them is held to the schema in docs/."""

import json
from dataclasses import dataclass
from pathlib import Path

from lvspec_cli.batch.journal import NAME, JournalOptions, open_journal
from lvspec_cli.batch.shard import Shard
from lvspec_cli.batch.video_key import VideoKey
from lvspec_cli.caption import Failure, Request
from lvspec_cli.errors import NotAVideo
from tests.json_schema import meets
from tests.output.captions import made

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "journal.schema.json").read_text(encoding="utf-8"))
SETTINGS = {"seed": 0, "words": ["a", "b"]}


@dataclass(frozen=True)
class Video:
    """A video that is nowhere, but can be told from others."""

    name: str
    size: int = 1

    @property
    def key(self):
        return VideoKey(f"/videos/{self.name}", self.size, 7)


def failed(name, error=None):
    """The failure of a video."""
    return Failure.of(Request(name, "Describe it.", None), error or NotAVideo(f"{name} is no video"))


def write(folder, *results, shard="1/1", settings=None, expected="", name=NAME):
    """Let a run write a journal: a caption for a name, else the result itself. Return the journal's path.

    ``expected``: names of those that it finds to be done; without any, these are not told.
    """
    share = Shard.parse(shard)
    options = JournalOptions(Path(folder, name), share)
    with open_journal(options, SETTINGS if settings is None else settings) as journal:
        if expected:
            journal.expect(Video(one).key for one in expected)
        for result in results:
            caption = made(result, f"what is in {result}") if isinstance(result, str) else result
            journal.append(Video(caption.path).key, caption, ())
    path = share.journal(options.path)
    lines(path)
    return path


def lines(path):
    """The lines of a journal; all are as they are documented."""
    written = [json.loads(line) for line in Path(path).read_bytes().splitlines()]
    assert all(meets(line, SCHEMA) for line in written)
    return written

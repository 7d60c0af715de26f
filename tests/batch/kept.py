"""Journals that are opened, filled and asked as runs do it."""

from pathlib import Path

from lvspec_cli.batch.journal import Journal, JournalOptions, open_journal
from lvspec_cli.batch.shard import Shard
from lvspec_cli.batch.video_key import VideoKey
from tests.output.captions import made

WHOLE = Shard(1, 1)
SETTINGS = {"prompt": "Describe it.", "frames": 4, "question": None}


def keep(path, settings=SETTINGS, *, shard=WHOLE, overwrite=False):
    return open_journal(JournalOptions(Path(path), shard, overwrite), settings)


def key(name, size=10, mtime=20):
    return VideoKey(f"/videos/{name}", size, mtime)


def fill(path, *names, **options):
    """Write captions that say their video's name."""
    with keep(path, **options) as journal:
        for name in names:
            journal.append(key(name), made(f"/videos/{name}", f"This is {name}."), ())


def said(journal: Journal, *names):
    found = [journal.find(key(name)) for name in names]
    return [entry and entry.read_result("as/named/now.mp4").text for entry in found]

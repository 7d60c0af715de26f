"""One video under many names, since what is named again is captioned once."""

from pathlib import Path


def list_of(video: object, count: int, folder: Path) -> Path:
    """A list for --from-file of so many links to a video, or to nothing; all of it is in the folder."""
    links = [folder / f"{number}.mp4" for number in range(count)]
    for link in links:
        link.symlink_to(str(video))
    path = folder / "list"
    path.write_text("".join(f"{link}\n" for link in links))
    return path

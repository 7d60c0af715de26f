"""What the writers write: anything with a path, a text and a record."""

from __future__ import annotations

from typing import Any, Protocol


class Result(Protocol):
    """A caption, or the failure of one input."""

    @property
    def path(self) -> str:
        """The video, as its user named it."""
        ...

    @property
    def text(self) -> str | None:
        """What was said about the video; None if the input failed."""
        ...

    def as_record(self) -> dict[str, Any]:
        """The whole result as JSON values."""
        ...

"""What is put around a caption for a training set: a prefix, a trigger word, a suffix."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Dressing:
    """What goes around every caption. A wrong value raises ValueError with a sentence naming its field.

    Trainers read captions a line each, or a file each as one line; so nothing here may break a line.
    """

    prefix: str = ""  # put before it as it is, blanks and all
    trigger: str = ""  # word that the text is to begin with, no blanks around it
    suffix: str = ""  # put behind it as it is

    def __post_init__(self) -> None:
        for name in ("prefix", "trigger", "suffix"):
            value: str = getattr(self, name)
            if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
                raise ValueError(f"{name} must be one line without tabs and other control characters, not {value!r}")
            if any(unicodedata.category(character) == "Cs" for character in value):  # not decoded by the system
                raise ValueError(f"{name} is not valid UTF-8: write it in that encoding")

    def around(self, text: str) -> str:
        """The text as it goes into the training set.

        A trigger word that it begins with already, in the same case, is not put there twice.
        """
        words = [self.trigger] if self.trigger and not _begins_with(text, self.trigger) else []
        return self.prefix + ", ".join([*words, *([text] if text else [])]) + self.suffix


def _begins_with(text: str, word: str) -> bool:
    """Whether a text begins with a word and not just with its letters."""
    return re.match(re.escape(word) + r"(?!\w)", text) is not None

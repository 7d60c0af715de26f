"""Values of JSON objects, taken out by kind; what is not as it must be is named with its place."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeGuard, TypeVar

from lvspec_cli.errors import LvspecError

_Value = TypeVar("_Value")
_SHOWN = 40  # characters of a wrong value that an error quotes


@dataclass(frozen=True)
class Fields:
    """One JSON object. Keys that nobody asks for may be there or not; a missing key is as good as null.

    Every method raises LvspecError if the value is of another kind.
    """

    values: Mapping[str, Any]
    where: str  # file and line, as an error names them
    path: str = ""  # keys that lead to this object, each with a dot

    @classmethod
    def of(cls, value: object, where: str, path: str = "") -> Fields:
        """The object that ``value`` must be."""
        if not isinstance(value, dict):
            raise LvspecError(f"{where}: {path.rstrip('.') or 'it'} must be an object, not {_shown(value)}")
        return cls(value, where, path)

    def text(self, key: str) -> str:
        """A text."""
        return self._needed(key, self.text_or_none(key), "a text")

    def text_or_none(self, key: str) -> str | None:
        """A text, or None for null."""
        text: str | None = self._taken(key, lambda value: isinstance(value, str), "a text")
        return text

    def number(self, key: str) -> float:
        """A finite number."""
        return self._needed(key, self.number_or_none(key), "a number")

    def number_or_none(self, key: str) -> float | None:
        """A finite number, or None for null."""
        number: float | None = self._taken(key, is_number, "a number")
        return number

    def whole(self, key: str) -> int:
        """A whole number of 0 or more."""
        value: int | None = self._taken(key, _is_whole, "a whole number of 0 or more")
        return self._needed(key, value, "a whole number")

    def truth(self, key: str) -> bool | None:
        """True or false, or None for null."""
        truth: bool | None = self._taken(key, lambda value: isinstance(value, bool), "true or false")
        return truth

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; none for null."""
        return tuple(self._list(key, lambda item: isinstance(item, str), "a list of texts"))

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of finite numbers; none for null."""
        return tuple(self._list(key, is_number, "a list of numbers"))

    def object(self, key: str) -> Fields:
        """An object; an empty one for null."""
        value = self.values.get(key)
        return Fields.of({} if value is None else value, self.where, f"{self.path}{key}.")

    def object_or_none(self, key: str) -> Fields | None:
        """An object, or None for null."""
        return None if self.values.get(key) is None else self.object(key)

    def objects(self, key: str) -> tuple[Fields, ...]:
        """A list of objects; none for null."""
        values = self._list(key, lambda item: True, "a list")
        return tuple(Fields.of(item, self.where, f"{self.path}{key}[{at}].") for at, item in enumerate(values))

    def refuse(self, problem: str) -> NoReturn:
        """Raise LvspecError that names this object's place."""
        raise LvspecError(f"{self.where}: {self.path}{problem}")

    def _list(self, key: str, fits: Callable[[Any], bool], kind: str) -> list[Any]:
        found = self._taken(key, lambda value: isinstance(value, list) and all(map(fits, value)), kind)
        return [] if found is None else found

    def _taken(self, key: str, fits: Callable[[Any], bool], kind: str) -> Any:
        value = self.values.get(key)
        if value is not None and not fits(value):
            self.refuse(f"{key} must be {kind}, not {_shown(value)}")
        return value

    def _needed(self, key: str, value: _Value | None, kind: str) -> _Value:
        if value is None:
            self.refuse(f"{key} is missing: it must be {kind}")
        return value


def is_number(value: object) -> TypeGuard[float]:
    """Whether a JSON value is a number that can be drawn: finite, and neither true nor false."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floating-point ones
        return False


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

"""A YAML file of keys and sections of keys, each known with its line, so that what is wrong can be named by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from lvspec_cli.errors import UsageError
from lvspec_cli.named_files import nearest
from lvspec_cli.preset_keys import Kind

Made = TypeVar("Made")


@dataclass(frozen=True)
class Form:
    """What a kind of file may have in it."""

    kind: str  # how messages call such a file: preset
    begin: str  # what to do to have one, for messages
    error: type[UsageError]  # what is raised for one that is wrong
    top: Mapping[str, Kind]  # its keys
    sections: Mapping[str, Mapping[str, Kind]]  # its sections and their keys


class Section:
    """One mapping of the file with the line of every key."""

    def __init__(self, form: Form, name: str, path: Path, line: int, entries: Mapping[str, tuple[int, Any]]) -> None:
        self.form = form
        self.name = name  # dotted, empty at the top
        self.path = path
        self.line = line  # counted from 1
        self._entries = entries  # key -> (line, value)

    @staticmethod
    def of_document(text: str, path: Path, form: Form) -> Section:
        """The whole of a file's ``text``. Raises the form's error if it is no mapping in YAML."""
        try:
            _refuse_aliases(text, path, form)
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise form.error(f"{path}, line 1: expected a {form.kind}, that is keys and values: {form.begin}")
            return Section(form, "", path, 1, _entries(loader, node, "", path, form))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = "" if mark is None else f", line {mark.line + 1}"
            problem = getattr(error, "problem", None) or "it cannot be read"
            raise form.error(f"{path}{line}: this is not valid YAML: {problem}; correct it") from error
        except (RecursionError, ValueError) as error:
            raise form.error(
                f"{path}: this cannot be read: {type(error).__name__}; write a plain {form.kind}"
            ) from error

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """What the values of its keys must be, sections below it left out."""
        return self.form.sections[self.name] if self.name else self.form.top

    def check_keys(self) -> None:
        """Raise the form's error if there is a key that is not known."""
        known: Mapping[str, Any] = self.kinds if self.name else {**self.form.top, **self.form.sections}
        for key, (line, _) in self._entries.items():
            if key not in known:
                hint = nearest(key, known) or f" (known are {', '.join(known)})"
                raise self.form.error(
                    f"{self.path}, line {line}: unknown key {self._dotted(key)}{hint}: correct or remove it"
                )

    def given(self) -> dict[str, int]:
        """Dotted names of all keys that have a value, those in sections included, with their lines."""
        found: dict[str, int] = {}
        for key, (line, value) in self._entries.items():
            if value is not None:
                found[self._dotted(key)] = line
            if isinstance(value, Section):
                found |= value.given()
        return found

    def value(self, key: str) -> Any:
        """The value of a key, None if it is absent or null and may be."""
        kind = self.kinds[key]
        value = self._entries[key][1] if key in self._entries else None
        if value is None:
            if kind.missing:
                raise self.error(key, kind.missing)
            return None
        if not kind.accepts(value):
            raise self.error(key, f"must be {kind.expected}, not {_shown(value)}")
        return kind.convert(value)

    def section(self, key: str) -> Section:
        """The mapping below a key; empty if it is absent or null."""
        line, value = self._entries.get(key, (self.line, None))
        if value is None:
            return Section(self.form, self._dotted(key), self.path, line, {})
        if not isinstance(value, Section):
            raise self.error(key, f"must be a section of keys and values, not {_shown(value)}")
        return value

    def make(self, cls: Callable[..., Made], **given: Any) -> Made:
        """An object of the values in the file, its defaults for those that are not, and ``given``."""
        self.check_keys()
        values = {key: self.value(key) for key in self.kinds if key not in given}
        return cls(**{key: value for key, value in values.items() if value is not None}, **given)

    def error(self, key: str, what: str) -> UsageError:
        """The form's error about a key, to be raised."""
        line = self._entries[key][0] if key in self._entries else self.line
        return self.form.error(f"{self.path}, line {line}: {self._dotted(key)} {what}")

    def _dotted(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def _shown(value: Any) -> str:
    """A wrong value, short enough for a message."""
    if isinstance(value, (str, int, float, bool)):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}..."
    return "a section" if isinstance(value, Section) else f"a {type(value).__name__}"


def _refuse_aliases(text: str, path: Path, form: Form) -> None:
    """Such files are short: what aliases save is not worth the files that unfold without end."""
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise form.error(f"{path}, line {line}: write the value out instead of *{event.anchor}")


def _entries(
    loader: yaml.SafeLoader, node: yaml.MappingNode, name: str, path: Path, form: Form
) -> dict[str, tuple[int, Any]]:
    entries: dict[str, tuple[int, Any]] = {}
    for key_node, value_node in node.value:
        key, line = str(loader.construct_object(key_node, deep=True)), key_node.start_mark.line + 1
        dotted = f"{name}.{key}" if name else key
        if key in entries:
            raise form.error(f"{path}, line {line}: {dotted} is given twice: remove one of the two")
        if isinstance(value_node, yaml.MappingNode):
            value: Any = Section(form, dotted, path, line, _entries(loader, value_node, dotted, path, form))
        else:
            value = loader.construct_object(value_node, deep=True)
        entries[key] = line, value
    return entries

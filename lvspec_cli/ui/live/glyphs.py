"""The signs that the view is drawn with: Unicode where the terminal's encoding has it, ASCII elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from lvspec_cli.decoding.events import Origin
from lvspec_cli.output.sanitize import for_terminal, on_one_line


@dataclass(frozen=True, eq=False)
class Glyphs:
    """One set of signs; each takes one cell, but for those that say otherwise."""

    encoding: str  # of the terminal
    rule: str = "─"
    bar: str = "━"  # the part that is done
    rest: str = "─"  # the part that is not
    dot: str = "·"  # between facts
    times: str = "×"  # noqa: RUF001
    ellipsis: str = "…"
    unknown: str = "–"  # noqa: RUF001 - instead of a number
    between: str = "│"  # tokens of a draft
    loose: str = "≈"
    shifted: str = "↔"
    recovered: str = "→"
    bonus: str = "+"
    rejected: str = "✗"
    newline: str = "↵"
    tab: str = "⇥"
    space: str = "␣"
    carrier: str = "◌"  # before a mark that has no width of its own
    levels: str = "▁▂▃▄▅▆▇█"  # heights of a bar in a cell
    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

    def mark(self, origin: Origin) -> str:
        """The sign of an origin, so that it is seen without colours too; those that need none have none."""
        match origin:
            case Origin.LOOSE:
                return self.loose
            case Origin.SHIFTED:
                return self.shifted
            case Origin.RECOVERED:
                return self.recovered
            case Origin.BONUS:
                return self.bonus
        return ""

    def on_one_line(self, text: str) -> str:
        """Foreign text as this terminal can show it, on one line, whatever it contains."""
        return self._shown(on_one_line(text))

    def of_caption(self, text: str) -> str:
        """The same with line feeds left in."""
        return self._shown(text.replace("\t", " "))

    def of_token(self, text: str) -> str:
        """A single token's text, its white space visible but for one space before a word."""
        bare = text[1:] if text.startswith(" ") and len(text) > 1 else text
        bare = bare.replace("\n", self.newline).replace("\t", self.tab)
        return self._shown(bare.replace(" ", self.space) if bare.isspace() else bare)

    def _shown(self, text: str) -> str:
        safe = for_terminal(text)
        if safe.isascii() or self.encoding.startswith("utf"):
            return safe
        return safe.encode(self.encoding, "replace").decode(self.encoding)


_ASCII = {
    "rule": "-",
    "bar": "=",
    "rest": "-",
    "dot": "|",
    "times": "x",
    "ellipsis": "...",
    "unknown": "-",
    "between": "|",
    "loose": "~",
    "shifted": "^",
    "recovered": ">",
    "rejected": "x",
    "newline": "\\n",
    "tab": "\\t",
    "space": "_",
    "carrier": "",
    "levels": "_.:-=+*#",
    "spinner": "|/-\\",
}


def glyphs_for(encoding: str) -> Glyphs:
    """The signs for a terminal's encoding."""
    name = encoding.lower()
    return Glyphs(name) if name.startswith("utf") else Glyphs(name, **_ASCII)

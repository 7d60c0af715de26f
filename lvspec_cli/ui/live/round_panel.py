"""The panel of the last round: what the draft proposed, what became of it, and why."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment

from lvspec_cli.decoding.events import Refusal
from lvspec_cli.ui.live.cells import BLANK, Line, cut, filled, heading, width_of, words
from lvspec_cli.ui.live.glyphs import Glyphs
from lvspec_cli.ui.live.known import Chain, Known, Link
from lvspec_cli.ui.live.palette import DISCARDED, QUIET, REJECTED, VALUE, origin_style

# Why a chain ended: in short, and the rest of it where there is room.
_REFUSALS = {
    Refusal.MISMATCH: ("mismatch", ": the target says something else"),
    Refusal.CRITICAL: ("critical word", ", which is never loosened"),
    Refusal.ANCHOR: ("anchor", ": it says something of the video"),
    Refusal.GUARD: ("guard", ": too improbable for the target"),
    Refusal.CHANCE: ("chance", ": the dice fell against it"),
}
_ENDINGS = {
    "stop": ("the end", " of the caption"),
    "length": ("cut off", " at the longest output"),
    "repetition": ("cut off", ", for the text repeats itself"),
}


def round_panel(known: Known, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """A heading that says why the chain ended, and ``rows`` lines with the tokens."""
    chain = known.chain
    if chain is None:
        return [heading("round", (words(glyphs.unknown, QUIET),), width, glyphs), *[BLANK] * rows]
    title = f"round {chain.number}"
    told = _told(chain, width - len(title) - 4, glyphs)
    return [heading(title, told, width, glyphs), *filled(_links(chain, width, rows, glyphs), rows)]


def _told(chain: Chain, width: int, glyphs: Glyphs) -> Line:
    """How many tokens were accepted and why no more, as far as there is room."""
    if not chain.num_drafted:
        return (words("the target alone", QUIET),)
    accepted = words(str(chain.num_accepted), VALUE), words(f" of {chain.num_drafted} accepted", QUIET)
    short, more = _why(chain, glyphs)
    return next(
        (
            line
            for line in ((*accepted, words(short + more, QUIET)), (*accepted, words(short, QUIET)))
            if width_of(line) <= width
        ),
        accepted,
    )


def _why(chain: Chain, glyphs: Glyphs) -> tuple[str, str]:
    """Why the chain ended, in short and more."""
    if chain.finish_reason is not None:
        short, more = _ENDINGS[chain.finish_reason]
        return f", {short}", more
    if chain.refusal is not None:
        short, more = _REFUSALS[chain.refusal]
        return f", {glyphs.rejected} {short}", more
    return "", ""


def _links(chain: Chain, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """The tokens side by side. The target's own one is always seen; discarded ones may have to give way."""
    drafted: list[Line] = [_look(link, glyphs) for link in chain.links if link.fate != "own"]
    own = [_look(link, glyphs) for link in chain.links if link.fate == "own"]
    more: Line = (Segment(glyphs.ellipsis, QUIET),)
    lines = _flow([*drafted, *own], width, glyphs)
    for kept in reversed(range(len(drafted))):
        if len(lines) <= rows:
            break
        lines = _flow([*drafted[:kept], more, *own], width, glyphs)
    return [cut(line, width, glyphs) for line in lines]


def _flow(tokens: list[Line], width: int, glyphs: Glyphs) -> list[Line]:
    """Tokens on as many lines as they need, none broken unless it is wider than a line."""
    lines: list[list[Segment]] = []
    taken = width  # cells of the last line; to begin with, there is none
    for token in tokens:
        cells = width_of(token)
        if taken + 1 + cells > width:
            lines.append([*token])
            taken = cells
        else:
            lines[-1] += [Segment(glyphs.between, QUIET), *token]
            taken += 1 + cells
    return [tuple(line) for line in lines]


def _look(link: Link, glyphs: Glyphs) -> Line:
    text = glyphs.of_token(link.text)
    if cell_len(text) == 0:
        text = glyphs.carrier + text if text else glyphs.dot
    if link.fate == "rejected":
        return words(glyphs.rejected), words(text, REJECTED)
    if link.origin is None:
        return (words(text, DISCARDED),)
    return words(glyphs.mark(link.origin)), words(text, origin_style(link.origin, True))

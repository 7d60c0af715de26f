"""Captions and tags of a scene: rich paraphrase in the fillers, never in the attributes.

Templates are expanded at random: ``<name>`` becomes one of ``PHRASES[name]``, ``{name}`` the attribute's word. Three
rules keep fillers honest. Every phrase suits every value of every attribute, so no filler commits the text to a value.
Sizes and colours, clauses and sentences come in different orders, and it is a filler that settles the order before an
attribute is named. The alternatives at a place begin with different words, each of them likely: a model that prefers
another of them has said nothing different.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from lvspec_cli.demo.scene import Truth

PHRASES: dict[str, tuple[str, ...]] = {
    "footage": ("video", "clip", "scene", "footage"),
    "shows": ("shows", "presents", "depicts", "displays"),
    "moving": ("moving", "drifting", "gliding", "sliding"),
    "moves": ("moves", "drifts", "glides", "slides"),
    "over": ("over", "on", "across", "upon"),
    "backdrop": ("background", "backdrop", "canvas", "surface"),
    "extent": ("size", "extent", "scale", "stature"),
    "noun": (
        "quite {size} {colour} {shape}",
        "fairly {size} {colour} {shape}",
        "plain {colour} {shape} of {size} <extent>",
        "simple {colour} {shape} of {size} <extent>",
    ),
    "intro": (
        "The <footage> <shows> a <noun> <moving> {motion} <over> a {background} <backdrop>.",
        "This <footage> <shows> a <noun> <moving> {motion} <over> a {background} <backdrop>.",
        "Here, a <noun> <moves> {motion} <over> a {background} <backdrop>.",
        "Against a {background} <backdrop>, a <noun> <moves> {motion}.",
    ),
    "also": ("Also,", "Moreover,", "Besides,", "Further,"),
    "rests": ("rests", "stays", "sits", "waits"),
    "inside": ("in", "inside", "within", "near"),
    "corner": ("corner", "area", "part", "region"),
    "second": (
        "<also> a {second_colour} {second_shape} <rests> <inside> the {row} {column} <corner> of the frame.",
        "<also> in the {row} {column} <corner> of the frame, there <rests> a {second_colour} {second_shape}.",
    ),
    "roaming": ("moving", "roaming", "active", "mobile"),
    "still": ("still", "static", "idle", "resting"),
    "figure": ("shape", "figure", "object", "form"),
    "arrives": ("arrives", "appears", "enters", "emerges"),
    "order": (
        "The <roaming> <figure> <arrives> {order} the <still> <figure>.",
        "This {colour} {shape} <arrives> {order} the <still> <figure>.",
    ),
    "are": ("are", "lie", "sit", "stand"),
    "find": ("find", "notice", "see", "spot"),
    "tiny": ("tiny", "little", "minute", "outlined"),
    "dots": ("dots", "spots", "points", "marks"),
    "along": ("along", "at", "by", "beside"),
    "edge": ("edge", "border", "margin", "rim"),
    "count": (
        "<also> there <are> {count} <tiny> <dots> <along> the lower <edge> of the picture.",
        "<also> you <find> {count} <tiny> <dots> <along> the lower <edge> of the picture.",
    ),
    "end": ("end", "close", "finish", "conclusion"),
    "event": (
        "<also> near the <end> of the sequence, the <roaming> <figure> {event}.",
        "<also> near the <end> of the sequence, this {shape} {event}.",
        "<also> the <roaming> <figure> {event} towards the <end> of the sequence.",
        "<also> the <roaming> <figure> {event} as it nears the <end> of the sequence.",
    ),
    "overall": ("Overall,", "Altogether,", "Generally,", "Broadly,"),
    "looks": ("looks", "seems", "feels", "remains"),
    "calm": ("calm", "quiet", "tidy", "clean"),
    "clear": ("clear", "sparse", "orderly", "uncluttered"),
    "empty": ("empty", "bare", "vacant", "unused"),
    "closing": (
        "Apart from these, the rest of the view is <empty>. "
        "<overall> the <footage> <looks> <calm> and <clear> from start to finish.",
    ),
    "blocks": (
        "<second> <order> <count> <event>",
        "<second> <order> <event> <count>",
        "<count> <second> <order> <event>",
        "<count> <event> <second> <order>",
        "<event> <second> <order> <count>",
        "<event> <count> <second> <order>",
    ),
    "caption": ("<intro> <blocks> <closing>",),
    "tags": (
        "{size} {colour} {shape}, {motion}, {background}, {event}, {order}, "
        "{second_colour} {second_shape}, {row} {column}, {count}",
    ),
}

CAPTION_PROMPTS = (
    "Describe this video.",
    "Describe the video.",
    "Describe this video in detail.",
    "Caption this video.",
    "Write a caption for this clip.",
    "What happens in this video?",
    "What is going on in this clip?",
    "Please describe what you see.",
)
TAG_PROMPTS = ("List the tags.", "Give the tags of this video.", "Tag this clip.")

_TOKEN = re.compile(r"<(\w+)>|\{(\w+)\}")


@dataclass(frozen=True)
class Piece:
    """A run of text that is one attribute's word, or filler."""

    text: str
    attribute: str | None  # a name of scene.ATTRIBUTES; None for filler


def expand(template: str, truth: Truth, generator: random.Random) -> list[Piece]:
    """Expand a template into pieces; their texts joined are the sentence."""
    pieces: list[Piece] = []
    end = 0
    for match in _TOKEN.finditer(template):
        if match.start() > end:
            pieces.append(Piece(template[end : match.start()], None))
        phrase, attribute = match.groups()
        if phrase:
            pieces += expand(generator.choice(PHRASES[phrase]), truth, generator)
        else:
            pieces.append(Piece(getattr(truth, attribute), attribute))
        end = match.end()
    if end < len(template):
        pieces.append(Piece(template[end:], None))
    return pieces


def join(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def caption(truth: Truth, generator: random.Random) -> list[Piece]:
    """One of very many right captions."""
    return expand("<caption>", truth, generator)


def tags(truth: Truth) -> list[Piece]:
    """Every attribute in a fixed order, with next to no filler."""
    return expand("<tags>", truth, random.Random(0))

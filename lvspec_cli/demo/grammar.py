"""Captions and tags of a scene: rich paraphrase in the fillers, never in the attributes.

Templates are expanded at random: ``<name>`` becomes one of ``PHRASES[name]``, ``{name}`` the attribute's word. Two
rules keep fillers honest. Every phrase suits every value of every attribute, so no filler commits the text to a value;
and sizes and colours, sentences and clauses come in different orders, so that two right captions may have the same
attribute a position apart.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from lvspec_cli.demo.scene import Truth

PHRASES: dict[str, tuple[str, ...]] = {
    "show": (
        "The video shows",
        "This clip shows",
        "We can see",
        "The scene shows",
        "One can see",
        "In this clip there is",
    ),
    "here": ("Here,", "In this video,", "In the clip,", "Throughout the video,", "In the scene,"),
    "moving": ("moving", "drifting", "gliding", "sliding", "travelling", "floating"),
    "moves": ("moves", "drifts", "glides", "slides", "travels", "floats"),
    "before": ("over", "on", "against", "in front of"),
    "backdrop": ("background", "backdrop"),
    "rests": ("rests", "stays", "sits", "stands", "remains"),
    "holds": ("holds", "contains", "shows", "features"),
    "meanwhile": ("Meanwhile,", "At the same time,", "Nearby,", "In addition,", "Besides that,"),
    "mover": ("moving shape", "mover", "main shape", "drifting one", "roaming shape"),
    "rester": ("resting shape", "still one", "other shape", "static one", "one in the corner"),
    "arrives": ("arrives", "appears", "comes into view", "enters", "shows up"),
    "later": (
        "Near the end",
        "Later on",
        "Towards the end",
        "In the final moments",
        "In the last part",
        "As time goes on",
    ),
    "later_after": (
        "near the end",
        "later on",
        "towards the end",
        "in the final moments",
        "in the last part",
        "as time goes on",
    ),
    "counting": ("There are", "One can count", "You can find", "We notice", "The picture also has"),
    "tiny": ("tiny", "little", "minute", "outlined"),
    "below": ("at the lower edge", "along the base", "near the lower border", "at the foot of the frame"),
    "below_first": ("At the lower edge", "Along the base", "Near the lower border", "At the foot of the frame"),
    "noun": (
        "{size} {colour} {shape}",
        "{colour} {size} {shape}",
        "{size}, {colour} {shape}",
        "{colour}, {size} {shape}",
    ),
    "intro": (
        "<show> a <noun> <moving> {motion} <before> a {background} <backdrop>.",
        "<here> a <noun> <moves> {motion} <before> a {background} <backdrop>.",
        "<show> a <noun> that <moves> {motion}. The <backdrop> is {background}.",
        "<here> a <noun> <moves> {motion}. The <backdrop> is {background}.",
        "<show> a {background} <backdrop> with a <noun> <moving> {motion}.",
    ),
    "second": (
        "<meanwhile> a {second_colour} {second_shape} <rests> in the {row} {column} corner.",
        "<second_alone>",
        "<second_alone>",
    ),
    "second_alone": (
        "A {second_colour} {second_shape} <rests> in the {row} {column} corner.",
        "The {row} {column} corner <holds> a {second_colour} {second_shape}.",
        "In the {row} {column} corner, a {second_colour} {second_shape} <rests>.",
    ),
    "order": (
        "The <mover> <arrives> {order} the <rester>.",
        "The {shape} <arrives> {order} the {second_shape}.",
        "The {colour} {shape} <arrives> {order} the {second_colour} {second_shape}.",
        "Compared with the <rester>, the {shape} <arrives> {order} it.",
    ),
    "event": (
        "<later>, the {shape} {event}.",
        "<later>, the <mover> {event}.",
        "<later>, the {colour} {shape} {event}.",
        "The {shape} {event} <later_after>.",
        "The <mover> {event} <later_after>.",
    ),
    "dots": (
        "<counting> {count} <tiny> dots <below>.",
        "<below_first>, {count} <tiny> dots are lined up.",
        "<counting> {count} dots <below>.",
        "<below_first> there are {count} <tiny> dots.",
    ),
    "caption": (
        "<intro> <second> <order> <dots> <event>",
        "<intro> <second> <order> <event> <dots>",
        "<intro> <second> <event> <order> <dots>",
        "<intro> <event> <second> <order> <dots>",
        "<second_alone> <intro> <order> <dots> <event>",
        "<intro> <dots> <second> <order> <event>",
    ),
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

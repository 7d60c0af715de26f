"""Streaming text: whole characters, nothing lost, nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.text_stream import TextStream


def decode_bytes(tokens):
    """A byte tokenizer: a token is a byte."""
    return bytes(tokens).decode("utf-8", errors="replace")


def decode_words(tokens):
    """A tokenizer whose first token of a text loses its leading space."""
    return "".join(f" w{token}" for token in tokens).removeprefix(" ")


def in_rounds(tokens, sizes):
    """Cut tokens into rounds of the given sizes, the last one taking what is left."""
    position = 0
    for size in sizes:
        yield tokens[position : position + size]
        position += size
    yield tokens[position:]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")), st.lists(st.integers(0, 5)))
def test_pieces_join_to_the_text_and_no_character_is_cut(text, sizes):
    stream = TextStream(decode_bytes)
    pieces = [stream.push(part) for part in in_rounds(list(text.encode()), sizes)]
    assert "".join(pieces) + stream.finish() == text
    assert not any("\ufffd" in piece for piece in pieces)


@given(st.binary(), st.lists(st.integers(0, 5)))
def test_broken_bytes_are_kept_to_the_end(data, sizes):
    stream = TextStream(decode_bytes)
    pieces = [stream.push(part) for part in in_rounds(list(data), sizes)]
    assert "".join(pieces) + stream.finish() == decode_bytes(data)


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 3)))
def test_spaces_between_rounds_survive(tokens, sizes):
    stream = TextStream(decode_words)
    pieces = [stream.push(part) for part in in_rounds(tokens, sizes)]
    assert "".join(pieces) + stream.finish() == decode_words(tokens)


def test_half_a_character_waits_for_its_other_half():
    stream = TextStream(decode_bytes)
    first, rest = list("é".encode())
    assert stream.push([ord("a"), first]) == ""
    assert stream.push([rest]) == "aé"
    assert stream.finish() == ""


def test_the_window_stays_short():
    longest = 0

    def watching(tokens):
        nonlocal longest
        longest = max(longest, len(tokens))
        return decode_bytes(tokens)

    stream = TextStream(watching)
    for byte in b"x" * 500:
        stream.push([byte])
    assert longest <= 3

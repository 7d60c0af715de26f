"""What single tokens say."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from lvspec_cli.token_texts import TokenTexts, speller
from tests.models import tiny


def decode(tokens):
    """A byte-level tokenizer: every token is one byte."""
    return bytes(tokens).decode(errors="replace")


@given(st.lists(st.integers(0, 262)), st.booleans())
def test_a_speller_says_what_the_tokenizer_s_decode_does(tokens, tidies):
    tokenizer = tiny.build_tokenizer("qwen2_5_vl")
    tokenizer.clean_up_tokenization_spaces = tidies
    assert speller(tokenizer)(tokens) == tokenizer.decode(tokens)


def test_a_tokenizer_that_tidies_up_is_left_to_do_so():
    tokenizer = SimpleNamespace(clean_up_tokenization_spaces=True, backend_tokenizer=None, decode=lambda ids: f"{ids}")
    assert speller(tokenizer)([1]) == "[1]"


@given(st.text())
def test_the_pieces_joined_are_the_text(text):
    tokens = list(text.encode())
    pieces = TokenTexts(decode).pieces(tokens)
    assert len(pieces) == len(tokens)
    assert "".join(pieces) == text


def test_a_character_of_several_tokens_is_at_the_last_of_them():
    assert TokenTexts(decode).pieces(list("aéb".encode())) == ["a", "", "é", "b"]


def test_bytes_that_never_become_a_character_are_shown_at_the_last_token():
    assert TokenTexts(decode).pieces([97, 0xC3]) == ["a", "\N{REPLACEMENT CHARACTER}"]


def test_a_token_is_read_behind_the_one_before_it():
    def spaced(tokens):  # the first word of a text has no space before it
        return " ".join(f"w{token}" for token in tokens)

    assert TokenTexts(spaced).pieces([1, 2, 3]) == ["w1", " w2", " w3"]
    assert TokenTexts(spaced).text(2) == "w2"


def test_what_was_decoded_once_is_not_decoded_again():
    asked = []

    def counted(tokens):
        asked.append(tuple(tokens))
        return decode(tokens)

    texts = TokenTexts(counted)
    texts.pieces([97, 98, 97, 98])
    before = len(asked)
    assert texts.pieces([97, 98, 97, 98]) == ["a", "b", "a", "b"]
    assert len(asked) == before

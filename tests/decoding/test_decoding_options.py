"""A wrong option is refused in one sentence that names it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from lvspec_cli.decoding.draft_length import LONGEST
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.decoding.options import DecodingOptions


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("method", "stricter"),
        ("draft_tokens", 0),
        ("draft_tokens", 2.5),
        ("draft_tokens", True),
        ("draft_tokens", "many"),
        ("max_tokens", 0),
        ("temperature", -0.1),
        ("temperature", 1e-9),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("top_p", 0.0),
        ("top_p", 1.01),
        ("top_p", float("nan")),
        ("top_k", -1),
        ("seed", -1),
        ("seed", 2**63),
    ],
)
def test_a_wrong_value_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{option} must be") as caught:
        DecodingOptions(**{option: value})
    assert "\n" not in str(caught.value)


def test_an_open_draft_length_has_a_bound_all_the_same() -> None:
    assert DecodingOptions(draft_tokens=7).most_draft_tokens == 7
    assert DecodingOptions(draft_tokens="auto").most_draft_tokens == LONGEST


def test_an_unknown_method_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="ar, strict"):
        DecodingOptions(method="stricter")


def test_stop_tokens_may_come_in_any_collection() -> None:
    assert DecodingOptions(stop_tokens=[3, 1, 3]).stop_tokens == frozenset({1, 3})  # type: ignore[arg-type]


def test_the_baseline_drafts_nothing_and_no_method_here_is_lossy() -> None:
    assert not METHODS["ar"].drafts
    assert METHODS["strict"].drafts
    assert METHODS["specvlm"].drafts
    assert not any(METHODS[name].lossy for name in ("ar", "strict", "specvlm"))


def test_options_and_methods_are_known_without_torch() -> None:
    code = "import sys; import lvspec_cli.decoding.options as o; o.DecodingOptions(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

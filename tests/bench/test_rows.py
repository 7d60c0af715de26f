"""The rows of a comparison: what each one adds to a method."""

from __future__ import annotations

import pytest

from lvspec_cli.bench.rows import ROWS, chosen_rows
from lvspec_cli.bench.setting import settings_to_try, usual_setting
from lvspec_cli.decoding.looseness import Looseness
from lvspec_cli.decoding.methods import METHODS
from lvspec_cli.errors import UsageError
from lvspec_cli.profiles import PROFILES

GIVEN = Looseness(min_probability=0.2, critical_words=("not",), threshold=1.0)


def looseness_of(name: str) -> Looseness:
    looseness = usual_setting(ROWS[name], 5, GIVEN).looseness
    assert looseness is not None
    return looseness


def test_every_method_has_a_row_and_every_row_a_method_and_a_profile_that_there_are() -> None:
    assert {row.method for row in ROWS.values()} == {*METHODS, None}
    assert {row.profile for row in ROWS.values()} == set(PROFILES)


def test_controls_are_measured_beside_their_models_and_throw_dice() -> None:
    controls = [row for row in ROWS.values() if row.as_loose_as]
    assert {row.name for row in controls} == {row.name for row in ROWS.values() if row.method == "random"}
    for control in controls:
        model = ROWS[str(control.as_loose_as)]
        assert (model.method, model.profile) == ("lvspec", control.profile)


def test_the_control_has_neither_guard_nor_list_unless_its_name_says_so() -> None:
    assert (looseness_of("random").min_probability, looseness_of("random").critical_words) == (0.0, ())
    for name in ("random-guarded", "lvspec", "lvspec-unshifted", "fly"):
        assert (looseness_of(name).min_probability, looseness_of(name).critical_words) == (0.2, ("not",)), name
    assert looseness_of("random").threshold == 1.0  # the rest is as given


def test_only_rows_without_a_length_of_their_own_are_tuned() -> None:
    for name, row in ROWS.items():
        tried = settings_to_try(usual_setting(row, 5, GIVEN), (2, 7))
        own = name in ("ar", "strict-auto", "lvspec-auto", "paper", "random-paper")
        assert (len(tried) == 1) == own, name
        assert own or {2, 7} <= {setting.draft_tokens for setting in tried}


def test_lossless_rows_have_no_looseness_and_shift_can_be_left_out() -> None:
    for name in ("ar", "strict", "strict-auto", "specvlm", "assisted"):
        assert usual_setting(ROWS[name], 5, GIVEN).looseness is None
    assert (looseness_of("lvspec-unshifted").shift_window, looseness_of("lvspec").shift_window) == (0, 2)


def test_rows_come_in_the_order_of_the_table_and_never_without_the_reference() -> None:
    assert [row.name for row in chosen_rows(["lvspec", "ar"])] == ["ar", "lvspec"]
    with pytest.raises(UsageError, match="has no reference"):
        chosen_rows(["lvspec"])

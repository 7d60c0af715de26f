"""The file of a pair's calibration: JSON, read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lvspec_cli.decoding.looseness import WatchedLayers
from lvspec_cli.decoding.relevance import Calibration
from lvspec_cli.errors import PresetError

SCHEMA = "lvspec.calibration/1"
DIGITS = 6  # significant ones of a number in the file


def read_calibration(path: Path, vocabulary_size: int, layer_count: int) -> Calibration:
    """The calibration in a file, for a pair whose tokenizer has so many tokens and whose target so many layers.

    Raises PresetError if the file cannot be read, is no calibration, or was made of another pair.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        if content["vocabulary_size"] != vocabulary_size:
            raise ValueError(f"it is for {content['vocabulary_size']} tokens and the pair has {vocabulary_size}")
        if content.get("layer_count") != layer_count:
            # A target of the same family has the same tokenizer, and other thresholds.
            known = content.get("layer_count", "an unknown number of")
            raise ValueError(f"it is for a target of {known} layers and the pair's has {layer_count}")
        return _calibration(content)
    except OSError as error:
        raise PresetError(f"cannot read the calibration {path}: {error.strerror}; run `lvspec calibrate`") from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise PresetError(f"{path} is no calibration of this pair ({reason}): run `lvspec calibrate` again") from error


def calibration_text(
    calibration: Calibration, vocabulary_size: int, layer_count: int, source: Mapping[str, Any]
) -> str:
    """A calibration as the text of its file.

    ``vocabulary_size``: of the pair's tokenizer; ``layer_count``: of its target; ``source``: where the calibration
    comes from, JSON values. Raises ValueError if a number in it is not finite.
    """
    table = None if calibration.table is None else _known(calibration.table)
    content = {
        "schema": SCHEMA,
        "source": dict(source),
        "vocabulary_size": vocabulary_size,
        "layer_count": layer_count,
        "attention_layers": list(calibration.watched.attention),
        "state_layer": calibration.watched.states,
        "nearest": calibration.watched.nearest,
        "judged": calibration.judged,
        "thresholds": {signal: _rounded(value) for signal, value in calibration.thresholds.items()},
        "ranks": {
            signal: [_rounded(value) for value in values.tolist()] for signal, values in calibration.ranks.items()
        },
        "table": table,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _calibration(content: Mapping[str, Any]) -> Calibration:
    return Calibration(
        table=None if content["table"] is None else _table(content["table"], content["vocabulary_size"]),
        ranks={signal: torch.tensor(values) for signal, values in content["ranks"].items()},
        thresholds={signal: float(value) for signal, value in content["thresholds"].items()},
        watched=WatchedLayers(tuple(content["attention_layers"]), content["state_layer"], content["nearest"]),
        judged=content["judged"],
    )


def _table(entries: Mapping[str, float], vocabulary_size: int) -> Tensor:
    table = torch.full((vocabulary_size,), nan)
    for token, value in entries.items():
        table[int(token)] = value
    return table


def _known(table: Tensor) -> dict[str, float]:
    return {str(token): _rounded(float(table[token])) for token in (~table.isnan()).nonzero()[:, 0].tolist()}


def _refuse(constant: str) -> float:
    """Python reads and writes such numbers, which are not JSON: an infinite threshold would loosen every token."""
    raise ValueError(f"{constant} is no number")


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")

"""Offline mode: no library below us reaches for the network, in this process or in those that it starts."""

from __future__ import annotations

import os
import sys

# The variables of huggingface_hub and transformers, which huggingface_hub reads once, when it is imported.
VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_TRUE = {"1", "ON", "YES", "TRUE"}  # in capitals; as huggingface_hub reads them


def go_offline() -> None:
    """Forbid all requests to the hub from here on."""
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    constants = sys.modules.get("huggingface_hub.constants")
    if constants is not None:  # imported before us, by a program that uses this package
        constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def is_offline() -> bool:
    """Whether requests to the hub are forbidden, by us or by our user's environment."""
    given = next(filter(None, map(os.environ.get, VARIABLES)), "")
    return given.upper() in _TRUE

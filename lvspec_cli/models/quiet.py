"""Keep the libraries below us from talking: stdout carries captions and stderr is ours."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, warnings or log lines of transformers and its kin inside; errors still come as exceptions."""
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging as library_logging

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        level, hub_level = library_logging.get_verbosity(), hub_logging.get_verbosity()
        quantization = logging.getLogger("bitsandbytes")
        quantization_level = quantization.level
        quantization.setLevel(logging.CRITICAL)
        bars, hub_bars = library_logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
        library_logging.set_verbosity(logging.CRITICAL)
        hub_logging.set_verbosity(logging.CRITICAL)
        library_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            library_logging.set_verbosity(level)
            hub_logging.set_verbosity(hub_level)
            quantization.setLevel(quantization_level)
            if bars:
                library_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
            (enable_progress_bars if hub_bars else disable_progress_bars)()

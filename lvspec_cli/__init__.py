"""Caption videos with a large Video-LLM, faster, because a small one that sees the same video proposes tokens.

    from lvspec_cli import Captioner

    with Captioner.from_preset("demo") as captioner:
        print(captioner.caption("clip.mp4").text)

Importing this package loads nothing heavy; the names below arrive on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lvspec_cli.caption import Caption, Progress
    from lvspec_cli.captioner import Captioner
    from lvspec_cli.preset import Preset

__version__ = "0.1.0"
__all__ = ["Caption", "Captioner", "Preset", "Progress", "__version__"]

_HOMES = {"Caption": "caption", "Captioner": "captioner", "Preset": "preset", "Progress": "caption"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""`--offline` for the commands that do not share the settings of `caption` and `ask`."""

from __future__ import annotations

from typing import Annotated

import typer

from lvspec_cli.offline import go_offline, is_offline
from lvspec_cli.settings import FIELDS, gather, resolve

FLAG = "--offline/--no-offline"
Offline = Annotated[bool | None, typer.Option(FLAG, help=FIELDS["offline"].metadata["help"], show_default=False)]


def settle_offline(flag: bool | None) -> bool:
    """Whether this run is offline, by its flag or by any other place of that setting; if so, it is from here on.

    Call it before anything imports huggingface_hub. Raises UsageError if a setting somewhere is wrong.
    """
    if resolve(gather({"offline": flag})).offline:
        go_offline()
    return is_offline()

"""Where models and settings lie, and whether the network may be used."""

from __future__ import annotations

import os
from pathlib import Path

from lvspec_cli.doctor.finding import Finding
from lvspec_cli.errors import UsageError
from lvspec_cli.models.disk import free_bytes, size_text
from lvspec_cli.models.weights_on_disk import cache_folder
from lvspec_cli.settings import ENVIRONMENT_PREFIX, PROJECT_FILE, gather, user_file


def cache_finding() -> Finding:
    """The folder that models of the hub are pulled into, and the room on its disk."""
    folder = cache_folder()
    free = free_bytes(folder)
    facts = {"folder": str(folder), "exists": folder.is_dir(), "free_bytes": free}
    text = f"{folder}, {size_text(free)} free"
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        text += ", not yours to write in: set HF_HUB_CACHE to a folder that is, before you pull"
        return Finding("cache", "note", text, facts)
    return Finding("cache", "ok", text if folder.is_dir() else f"{text}, nothing pulled yet", facts)


def settings_finding() -> Finding:
    """The files and variables that settings come from, and whether they can be understood."""
    files = [str(path) for path in (Path(PROJECT_FILE), user_file()) if path.is_file()]
    variables = sorted(name for name, value in os.environ.items() if name.startswith(ENVIRONMENT_PREFIX) and value)
    facts = {"files": files, "variables": variables, "user_file": str(user_file())}
    try:
        gather({})
    except UsageError as error:
        return Finding("settings", "problem", str(error), facts)
    return Finding("settings", "ok", ", ".join([*files, *variables]) or "no file, no variable", facts)


def offline_finding(offline: bool) -> Finding:
    """Whether the network may be used."""
    text = "on: nothing can be pulled" if offline else "off: `lvspec pull` may use the network"
    return Finding("offline", "ok", text, {"offline": offline})

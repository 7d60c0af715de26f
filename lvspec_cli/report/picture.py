"""A picture of a report, for a README or a talk: `python -m lvspec_cli.report.picture report.html -o report.png`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvspec_cli.errors import LvspecError, UsageError
from lvspec_cli.files import check_output, replace_file

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 120  # s that the browser may take


@dataclass(frozen=True)
class View:
    """What is to be seen of a report."""

    token: int | None = None  # of the first caption, which the panel tells of; rejected ones count too
    dark: bool = False
    width: int = 1280  # pixels
    height: int = 1080  # pixels

    @property
    def fragment(self) -> str:
        """What the page's address ends in."""
        token = "" if self.token is None else f"&token={self.token}"
        return f"theme={'dark' if self.dark else 'light'}{token}"


def find_chromium() -> str | None:
    """Chromium or Chrome, whichever is on the PATH; None if there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def take_picture(page: Path, output: Path, view: View) -> None:
    """Write what a headless Chromium shows of the top of a page as a PNG.

    Raises:
        UsageError: there is no Chromium, or no such page.
        LvspecError: it shows nothing, or the file cannot be written.
    """
    program = find_chromium()
    if program is None:
        raise UsageError(f"a picture needs Chromium: install it, so that one of {', '.join(PROGRAMS)} is on the PATH")
    if not page.is_file():
        raise UsageError(f"there is no page {page}: lvspec report makes one")
    replace_file(output, lambda beside: _shoot(program, page, beside.absolute(), view))


def _shoot(program: str, page: Path, output: Path, view: View) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Chromium's own sandbox refuses root.
        unboxed = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [
            program,
            *("--headless=new", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1", *unboxed),
            *(f"--user-data-dir={profile}", f"--window-size={view.width},{view.height}", f"--screenshot={output}"),
            f"{page.absolute().as_uri()}#{view.fragment}",
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise LvspecError(f"{program} makes no picture of {page}: does it run by itself?") from error
        if not output.is_file():
            raise LvspecError(f"{program} makes no picture of {page}: does it run by itself?")


def main(arguments: Sequence[str] | None = None) -> int:
    """Take a picture: 0, or the exit code of an error."""
    given = _parser().parse_args(arguments)
    try:
        view = View(given.token, given.dark, given.width, given.height)
        take_picture(given.page, check_output("-o", given.output), view)
    except LvspecError as error:
        print(f"lvspec: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    usual = View()
    parser = argparse.ArgumentParser(prog="python -m lvspec_cli.report.picture", description=__doc__)
    parser.add_argument("page", type=Path, metavar="FILE.html", help="what lvspec report wrote")
    parser.add_argument("-o", "--output", required=True, metavar="FILE.png", help="the picture to write")
    parser.add_argument("--token", type=int, metavar="N", help="show this token in the panel, 0 for the first")
    parser.add_argument("--dark", action="store_true", help="light on dark")
    for name in ("width", "height"):
        default = getattr(usual, name)
        parser.add_argument(f"--{name}", type=int, default=default, metavar="PIXELS", help=f"{default} if not given")
    return parser


if __name__ == "__main__":
    sys.exit(main())

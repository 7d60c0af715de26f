"""From arguments to an exit code: every error ends here as one line on stderr."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Sequence
from itertools import takewhile

from lvspec_cli.errors import LvspecError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130  # exit codes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 an input failed, 2 wrong usage, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in takewhile(lambda argument: argument != "--", given)
    try:
        with warnings.catch_warnings():
            if not debug and not sys.warnoptions:
                warnings.simplefilter("ignore")  # what libraries tell programmers is not for those who caption videos
            return _run(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _report(error, debug)


def _run(arguments: list[str]) -> int:
    _prepare_streams()
    from lvspec_cli.cli.app import app

    return app(arguments, prog_name="lvspec", standalone_mode=False) or OK


def _prepare_streams() -> None:
    """Make stdout carry UTF-8 whatever the locale, and file names that are not UTF-8 as the bytes they are."""
    if sys.stdout is None:
        raise LvspecError("stdout is closed: give it somewhere to go, or write to a file with -o FILE")
    reconfigure = getattr(sys.stdout, "reconfigure", None)  # a stand-in for stdout need not have it
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="surrogateescape")


def _report(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    if type(error).__name__ == "NoArgsIsHelpError":  # a command without its arguments: its help is the answer
        sys.stderr.write(f"{error}\n")
        return USAGE
    message, code = _explain(error)
    if code != INTERRUPTED:
        from lvspec_cli.ui.console import print_error

        print_error(message)
    return code


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, LvspecError):
        return str(error), error.exit_code
    # Typer's own errors: it keeps their base class private, and where it lives differs between versions.
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        return f"{error.format_message()} (--help shows the usage)", error.exit_code
    if type(error).__name__ == "Abort":
        return "", INTERRUPTED
    if isinstance(error, OSError) and error.strerror:
        name = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{name}", FAILED
    return f"{type(error).__name__}: {error}; this is a defect of lvspec, and --debug shows where", FAILED

"""From arguments to an exit code: every error ends here as one line on stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile

from lvspec_cli.cli.exit_codes import FAILED, INTERRUPTED, OK, USAGE
from lvspec_cli.cli.streams import prepare_streams, settle_streams
from lvspec_cli.cli.termination import terminable
from lvspec_cli.errors import LvspecError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 done, 1 an input failed, 2 wrong usage or configuration, 130 interrupted, 143 terminated.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in takewhile(lambda argument: argument != "--", given)
    try:
        with terminable(), warnings.catch_warnings():
            if not debug and not sys.warnoptions:
                warnings.simplefilter("ignore")  # what libraries tell programmers is not for those who caption videos
            return _run(given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAILED
    except Exception as error:
        return _report(error, debug)
    finally:
        settle_streams()


def _run(arguments: list[str]) -> int:
    prepare_streams()
    from lvspec_cli.cli.app import command

    return command()(arguments, prog_name="lvspec", standalone_mode=False) or OK


def _report(error: Exception, debug: bool) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # a command without its arguments: its help is the answer
        with suppress(OSError):
            sys.stderr.write(f"{error}\n")
        return USAGE
    from lvspec_cli.ui.console import print_error, print_traceback

    if debug:
        print_traceback(error)
    message, code = _explain(error)
    if code != INTERRUPTED:
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

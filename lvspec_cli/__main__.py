"""`python -m lvspec_cli` is `lvspec`."""

import sys

from lvspec_cli.cli import main

if __name__ == "__main__":
    code = main()
    # `python -m` ends by the signal, whatever the code, if an interrupt came while a text was executed as Python, which
    # is how dataclasses are made: it takes a note then (Py_RunMain in CPython). To execute another text clears that.
    exec("")
    sys.exit(code)

"""`python -m lvspec_cli` is `lvspec`."""

import sys

from lvspec_cli.cli import main

if __name__ == "__main__":
    sys.exit(main())

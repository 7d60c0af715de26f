"""The command line. Nothing heavy is imported until a command needs it, so that help and completion are instant."""

from lvspec_cli.cli.entry import main

__all__ = ["main"]

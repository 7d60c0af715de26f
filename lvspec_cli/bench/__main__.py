"""Measure, print one table a subject, and tell whether the targets were met."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lvspec_cli.bench.options import SUBJECTS, BenchOptions, whole_numbers
from lvspec_cli.errors import LvspecError

if TYPE_CHECKING:
    from lvspec_cli.bench.report import Subject
    from lvspec_cli.bench.suite import Bench

_DEFAULTS = BenchOptions()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench: 0, or 1 with --check if a target was missed, or the exit code of an error."""
    given = _parser().parse_args(arguments)
    try:
        options = BenchOptions(
            preset=given.preset,
            clips=given.clips,
            seed=given.seed,
            max_tokens=given.max_tokens,
            draft_tokens=whole_numbers("--draft-tokens", given.draft_tokens),
            threads=given.threads,
            subjects=tuple(given.subjects.split(",")),
        )
        return _measure(options, given.json, given.check)
    except LvspecError as error:
        print(f"lvspec: error: {error}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lvspec_cli.bench",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    lengths = ",".join(map(str, _DEFAULTS.draft_tokens))
    parser.add_argument("--preset", default=_DEFAULTS.preset, help="name, or path of a YAML file")
    parser.add_argument("--clips", type=int, default=_DEFAULTS.clips, metavar="N", help="held-out clips")
    parser.add_argument("--seed", type=int, default=_DEFAULTS.seed, metavar="S", help="of the first clip")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="a clip, at most; None: the preset's")
    parser.add_argument("--draft-tokens", default=lengths, metavar="N,...", help="draft lengths to try for strict")
    parser.add_argument("--threads", type=int, metavar="N", help="of torch; None: its own choice")
    parser.add_argument("--subjects", default=",".join(SUBJECTS), metavar="NAME,...", help="what to measure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target was missed")
    return parser


def _measure(options: BenchOptions, json_path: Path | None, check: bool) -> int:
    from lvspec_cli.bench.report import as_text, missed
    from lvspec_cli.bench.suite import Bench

    bench = Bench(options)
    print(f"{bench.machine}\n", flush=True)
    subjects = []
    for subject in bench.run():
        subjects.append(subject)
        print(f"{as_text(subject)}\n", flush=True)
    misses = missed(subjects)
    print("\n".join(f"missed: {miss}" for miss in misses) or "every target met")
    if json_path is not None:
        _write_json(json_path, bench, subjects)
    return 1 if misses and check else 0


def _write_json(path: Path, bench: Bench, subjects: Sequence[Subject]) -> None:
    from lvspec_cli.bench.report import as_record

    record = {
        "schema": "lvspec.engine-bench/1",
        "machine": asdict(bench.machine),
        "settings": bench.settings,
        "subjects": [as_record(subject) for subject in subjects],
    }
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""`lvspec bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lvspec_cli.batch.inputs import gather_inputs
from lvspec_cli.bench.options import ComparisonOptions, whole_numbers
from lvspec_cli.bench.rows import ROWS, chosen_rows
from lvspec_cli.cli.exit_codes import FAILED
from lvspec_cli.cli.offline import Offline, settle_offline
from lvspec_cli.errors import UsageError
from lvspec_cli.models.weights_on_disk import check_weights

if TYPE_CHECKING:
    from lvspec_cli.bench.outputs import Outputs

_USUAL = ComparisonOptions()
_OWN_LENGTHS = ", ".join(row.name for row in ROWS.values() if row.drafts and not row.tuned)
_MEASURED, _TUNED, _OUTPUT = "What is measured", "How", "Output"

# The options of the command, one a line of its signature.
_Preset = Annotated[str, typer.Option("--preset", metavar="NAME|FILE", help="The pair.", rich_help_panel=_MEASURED)]
_Clips = Annotated[
    int | None,
    typer.Option(
        "--clips",
        metavar="N",
        help=f"Synthetic clips, whose truth is known. [default: {_USUAL.clips}]",
        rich_help_panel=_MEASURED,
    ),
]
_Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="S",
        help=f"Of the first clip; the pair has not seen 1000 and above. [default: {_USUAL.seed}]",
        rich_help_panel=_MEASURED,
    ),
]
_Videos = Annotated[
    list[str] | None,
    typer.Option(
        "--videos",
        metavar="FILE|FOLDER",
        help="Your own videos instead, measured against what the target says by itself; may be repeated.",
        rich_help_panel=_MEASURED,
    ),
]
_Methods = Annotated[
    str | None,
    typer.Option(
        "--methods",
        metavar="NAME,...",
        help=f"Of {', '.join(ROWS)}; ar must be among them. [default: all]",
        rich_help_panel=_MEASURED,
    ),
]
_DraftTokens = Annotated[
    str | None,
    typer.Option(
        "--draft-tokens",
        metavar="N[,...]",
        help=f"Proposed a round; several with --sweep. {_OWN_LENGTHS} have lengths of their own. "
        "[default: each method's best, found on other clips; with --videos the preset's]",
        rich_help_panel=_TUNED,
    ),
]
_Sweep = Annotated[
    bool,
    typer.Option(
        "--sweep",
        help="Show how every method's best draft length was found; with --videos, find it first.",
        rich_help_panel=_TUNED,
    ),
]
_Ablation = Annotated[
    bool,
    typer.Option(
        "--ablation",
        help="Also measure what each relevance signal is worth, beside chance, on synthetic clips; "
        "add --methods ar for that alone.",
        rich_help_panel=_MEASURED,
    ),
]
_MaxTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", metavar="N", help="A caption, at most. [default: the preset's]", rich_help_panel=_TUNED
    ),
]
_Threads = Annotated[int | None, typer.Option("--threads", metavar="N", help="Of PyTorch.", rich_help_panel=_TUNED)]
_Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE.json|-", help="Write everything as JSON.", rich_help_panel=_OUTPUT),
]
_Markdown = Annotated[
    str | None,
    typer.Option("--markdown", metavar="FILE.md", help="Write the table as Markdown.", rich_help_panel=_OUTPUT),
]
_Plot = Annotated[
    list[str] | None,
    typer.Option(
        "--plot",
        metavar="FILE.svg|png",
        help="Draw speed against retention; may be repeated.",
        rich_help_panel=_OUTPUT,
    ),
]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.", rich_help_panel=_OUTPUT)]
_Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=_OUTPUT)]


def bench(
    preset: _Preset = _USUAL.preset,
    clips: _Clips = None,
    seed: _Seed = None,
    videos: _Videos = None,
    methods: _Methods = None,
    draft_tokens: _DraftTokens = None,
    sweep: _Sweep = False,
    ablation: _Ablation = False,
    max_tokens: _MaxTokens = None,
    threads: _Threads = None,
    offline: Offline = None,
    output: _Output = None,
    markdown: _Markdown = None,
    plot: _Plot = None,
    quiet: _Quiet = False,
    debug: _Debug = False,
) -> None:
    """Measure methods side by side: speed over the target alone, and what it costs in quality.

    The methods take turns clip by clip. The table goes to stdout; with -o - the JSON does, and the table to stderr.
    """
    settle_offline(offline)
    options = ComparisonOptions(
        preset=preset,
        clips=_USUAL.clips if clips is None else clips,
        seed=_USUAL.seed if seed is None else seed,
        videos=_paths(videos, synthetic=clips is not None or seed is not None),
        rows=None if methods is None else chosen_rows([name.strip() for name in methods.split(",")]),
        draft_tokens=() if draft_tokens is None else whole_numbers("--draft-tokens", draft_tokens),
        sweep=sweep,
        max_tokens=max_tokens,
        threads=threads,
        ablation=ablation,
    )
    _measure(options, _outputs(output, markdown, plot or []), quiet)


def _paths(videos: list[str] | None, *, synthetic: bool) -> tuple[str, ...]:
    if videos is None:
        return ()
    if synthetic:
        raise UsageError("--clips and --seed are for synthetic clips: leave them out with --videos")
    return gather_inputs(videos, recursive=True, from_file=None, null=False).paths


def _outputs(output: str | None, markdown: str | None, plots: list[str]) -> Outputs:
    from lvspec_cli.bench.outputs import Outputs

    return Outputs.of(output, markdown, plots)


def _measure(options: ComparisonOptions, outputs: Outputs, quiet: bool) -> None:
    from lvspec_cli.preset import load_preset

    preset = load_preset(options.preset)
    check_weights(preset)
    from lvspec_cli.bench.side_by_side import compare
    from lvspec_cli.ui import Stages, print_table

    with Stages(quiet=quiet) as stages:
        if preset.notice:
            stages.note(preset.notice)
        comparison = compare(options, preset, stages)
    for table in comparison.tables():
        print_table(table.title, table.headings, table.rows, table.note, to_stderr=outputs.json_to_stdout)
    outputs.write(comparison)
    if comparison.clips.skipped:
        raise typer.Exit(FAILED)

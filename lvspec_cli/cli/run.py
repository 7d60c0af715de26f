"""One run over some videos, the same for every command that makes captions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lvspec_cli.batch.inputs import Inputs, gather_inputs
from lvspec_cli.batch.journal import Journal, journals_beside
from lvspec_cli.batch.known_results import holds_all
from lvspec_cli.batch.leftovers import clear_leftovers
from lvspec_cli.batch.runner import Runner, RunOptions
from lvspec_cli.cli.dry_run import dry_run
from lvspec_cli.cli.exit_codes import FAILED, OK
from lvspec_cli.cli.journal import check_journal, journal_of, journal_path, shard_of
from lvspec_cli.cli.options import SharedOptions
from lvspec_cli.cli.runner import check_runner, source_of
from lvspec_cli.cli.trace import check_trace, open_trace
from lvspec_cli.models.weights_on_disk import check_weights
from lvspec_cli.offline import go_offline
from lvspec_cli.output.destination import Earlier, share_name
from lvspec_cli.output.outlet import Outlet, OutputOptions, outlet_for
from lvspec_cli.output.sink import Sink
from lvspec_cli.profiles import for_answers
from lvspec_cli.settings import Layer, gather, resolve
from lvspec_cli.ui import View, make_view, print_traceback

if TYPE_CHECKING:
    from lvspec_cli.captioner import Captioner
    from lvspec_cli.output.trace import TraceWriter
    from lvspec_cli.preset import Preset

_MOST_TOLD = 3  # names in a note


def run(videos: Sequence[str], question: str | None, shared: SharedOptions) -> int:
    """Caption the videos, or answer a question about each, and return the exit code.

    What can be known to be wrong without reading a video raises UsageError before anything heavy is imported.
    """
    layers = gather(shared.flags) if question is None else for_answers(gather(shared.flags))
    chosen = resolve(layers)
    if chosen.offline:
        go_offline()
    inputs = gather_inputs(videos, recursive=shared.recursive, from_file=shared.from_file, null=shared.null)
    shard = shard_of(shared.shard, collected=inputs.collected)
    options = OutputOptions(shared.output, shared.sidecar, shared.dry_run, shard.label)
    outlet = outlet_for(options, chosen, inputs.sources, several=inputs.several)
    check_runner(shared)
    shared = replace(shared, trace=shared.trace and share_name(shared.trace, shard.label))
    check_trace(shared.trace, outlet, paths=inputs.paths, dry_run=shared.dry_run)
    journal_file = journal_path(shared, outlet)
    if journal_file is not None:
        check_journal(shard.journal(journal_file), outlet, shared.trace, inputs.paths)
    paths = [source.path for source in inputs.sources if shard.takes(source)]
    with make_view(chosen.ui, quiet=shared.quiet, verbose=shared.verbose, name=chosen.name_of("ui")) as view:
        captioner, make_captioner = _make_captioner(layers, chosen.preset, view, shared)
        if outlet.untold and not chosen.given("format"):
            view.note(f"-o {shared.output} is written as text, for {outlet.untold} names no format: --format NAME does")
        if shared.dry_run:
            with outlet.open(Earlier.REPLACED if shared.overwrite else Earlier.KEPT) as sink, captioner:
                return dry_run(captioner, view, sink, paths, question)
        _tell_of_names(view, inputs, outlet)
        if shard.count > 1:
            to = "" if outlet.folder is not None or outlet.place is None else f", to {outlet.place}"
            view.note(f"share {shard}: {len(paths)} of {len(inputs.paths)} videos{to}")
        shaping = captioner.shaping(question)
        keeping = journal_of(journal_file, shard, shaping, overwrite=shared.overwrite)
        with _opened(outlet, paths, keeping, shared, journal_file, view) as (sink, journal, trace), captioner:
            if journal is not None and journal.damaged_lines:
                view.note(
                    f"damaged lines in the journal: {journal.damaged_lines}; a video that was in one is captioned "
                    "again if its files are gone; files of unknown origin are kept: take them away to have them anew"
                )
            run_options = RunOptions(shared.overwrite, shared.retry_failed, shared.fail_fast)
            tell_cause = print_traceback if shared.debug else None
            source = source_of(captioner, make_captioner, question, view, trace, shared)
            runner = Runner(source, view, sink, trace, journal, run_options, tell_cause)
            runner.over(paths)
            return OK if runner.complete else FAILED


def _tell_of_names(view: View, inputs: Inputs, outlet: Outlet) -> None:
    """Tell of videos that were named again, and of files that other ones than before would have."""
    if inputs.repeated:
        view.note(f"named again, and captioned once: {_few(inputs.repeated)}")
    if outlet.left_alone:
        view.note(
            f"{_few(outlet.left_alone)}: left as it was; several videos share that stem, so the files of each have its "
            "full name"
        )


def _few(names: Sequence[str]) -> str:
    more = len(names) - _MOST_TOLD
    return ", ".join(names[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")


@contextmanager
def _opened(
    outlet: Outlet,
    paths: Sequence[str],
    keeping: AbstractContextManager[Journal | None],
    shared: SharedOptions,
    journal_file: Path | None,
    view: View,
) -> Iterator[tuple[Sink, Journal | None, TraceWriter | None]]:
    """The places of results, journal and trace, for the videos of this share.

    A folder is checked before a journal is made in it. A file comes after the journal: whoever is
    refused there has not touched what another run is writing.
    """
    with ExitStack() as places:
        asked = Earlier.REPLACED if shared.overwrite else Earlier.KEPT
        folder = outlet.folder and places.enter_context(outlet.of_share(paths).open(asked))
        journal = places.enter_context(keeping)
        if outlet.folder is not None and outlet.place is not None and journal is not None and shared.journal is None:
            clear_leftovers(Path(outlet.place), outlet.files, journal)
        # What goes on where an earlier run ended writes all of its results again, but traces only what is new.
        again = Earlier.ASIDE if asked is Earlier.KEPT and journal is not None and journal.continues else asked

        def comes_again(file: Path) -> bool:
            journals = journals_beside(journal_file) if journal_file is not None else []
            return holds_all(journals, file, format=outlet.formats[0], several=outlet.several)

        sink = folder or places.enter_context(outlet.open(again, comes_again, view.note))
        goes_on = not shared.overwrite and (folder is not None or journal is not None)
        earlier = Earlier.CONTINUED if goes_on else asked
        yield sink, journal, places.enter_context(open_trace(shared.trace, earlier))


def _make_captioner(
    layers: Sequence[Layer], preset: str, view: View, shared: SharedOptions
) -> tuple[Captioner, Callable[[], Captioner]]:
    """A captioner, and what makes another one such as it, also in another process."""
    from lvspec_cli.captioner import Captioner

    loaded, reason = _choose_preset(preset)
    make = partial(Captioner, loaded, layers, ignore_memory=shared.ignore_memory, trace=shared.trace is not None)
    captioner = make()
    if not shared.dry_run:
        check_weights(loaded)
    # Said when it is sure that there is nothing wrong: an error is one line.
    if reason:
        view.note(f"preset {loaded.name}: {reason}")
    if loaded.notice:
        view.note(loaded.notice)
    view.settings(captioner.settings)
    return captioner, make


def _choose_preset(name: str) -> tuple[Preset, str]:
    """A preset, and why it was chosen if its user did not choose it."""
    if name != "auto":
        from lvspec_cli.preset import load_preset

        return load_preset(name), ""
    from lvspec_cli.selection import choose_preset

    choice = choose_preset()
    return choice.preset, choice.reason

"""Outlets for results by hand, and what becomes of them."""

import os

from lvspec_cli.output.destination import Earlier
from lvspec_cli.output.naming import Source
from lvspec_cli.output.outlet import OutputOptions, outlet_for
from lvspec_cli.settings import flag_layer, resolve


def outlet(*paths, formats=None, several=None, base=None, **options):
    sources = [Source(path, base=base) for path in paths or ("clip.mp4",)]
    settings = resolve([flag_layer({"format": formats})])
    several = len(sources) > 1 if several is None else several
    return outlet_for(OutputOptions(**options), settings, sources, several=several)


def write(outlet, *results, replace=False):
    with outlet.open(Earlier.REPLACED if replace else Earlier.KEPT) as sink:
        for result in results:
            sink.write(result, replace=replace)
        sink.close()


def tree(folder="."):
    found = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return sorted(os.path.relpath(path, folder) for path in found)

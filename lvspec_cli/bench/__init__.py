"""Speed, measured side by side: `python -m lvspec_cli.bench`, or `make bench`.

Everything is a ratio of times taken in one run, with the contenders taking turns clip by clip, so that a machine that
drifts cannot favour one of them; medians over clips are reported.
"""

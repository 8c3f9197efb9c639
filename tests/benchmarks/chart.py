#!/usr/bin/env -S python3 -B
"""chart.py JSON SVG: cost per tick against the number of timers, event loop always busy, one line per engine."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
# The same figures make the same file, with text that stays text.
matplotlib.rcParams["svg.hashsalt"] = "cliffracer"
matplotlib.rcParams["svg.fonttype"] = "none"

from matplotlib import pyplot  # noqa: E402  after the choice of the backend

from measures import ASIO, COROUTINE, GO, LIBEVENT, LIBUV, MEASURES, PLAIN, PYTHON  # noqa: E402

LINES = (
    (COROUTINE, "C0", "-"),
    (PLAIN, "C1", "-"),
    (ASIO, "C2", "--"),
    (LIBUV, "C3", "--"),
    (LIBEVENT, "C4", "--"),
    (GO, "C5", ":"),
    (PYTHON, "C7", ":"),
)


def main():
    medians = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["medians"]
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for row, colour, style in LINES:
        points = [
            (measure.timers, medians[measure.key][row.key]["cpu_ns_per_tick"])
            for measure in MEASURES
            if measure.mode == "saturated" and row.key in medians.get(measure.key, {})
        ]
        if points:
            axes.plot(*zip(*points), marker="o", color=colour, linestyle=style, label=row.title)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("timers")
    axes.set_ylabel("CPU per tick, nanoseconds")
    axes.set_title("Cost per tick, event loop always busy")
    axes.grid(True, which="both", alpha=0.3)
    if axes.lines:
        axes.legend()
    figure.savefig(sys.argv[2], format="svg", bbox_inches="tight", metadata={"Date": None})


main()

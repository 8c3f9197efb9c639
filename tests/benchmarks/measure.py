#!/usr/bin/env -S python3 -B
"""Runs the engines one after the other, several rounds of all, and prints medians, ratios and targets.

measure.py --programs FOLDER [--quick] [--rounds N] [--only TEXT] [--json FILE]...

Ends with 1 when a ratio could not be had."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import tables
from measures import BUSY, MEASURES, RATIOS, ROWS, SECOND

PATIENCE = 90  # seconds for one run


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path, action="append", default=[])
    arguments = parser.parse_args()
    if arguments.rounds is None:
        arguments.rounds = 1 if arguments.quick else 5
    if arguments.rounds < 1:
        parser.error("--rounds needs a number above zero")
    arguments.measures = [measure for measure in MEASURES if arguments.only in measure.key]
    if not arguments.measures:
        parser.error(f"no measure has {arguments.only} in its name")
    return arguments


def runner(programs, row):
    if row.program.endswith(".py"):
        return [sys.executable, str(Path(__file__).parent / "engines" / row.program)]
    return [str(programs / row.program)]


def command(programs, measure, row, quick):
    timers = min(measure.timers, 500) if quick else measure.timers
    nominal = measure.nominal or timers * BUSY
    seconds = measure.seconds
    if quick:
        seconds = min(seconds, 0.1)
        if measure.mode != "startstop":
            nominal = min(nominal, SECOND // 10)
    return [*runner(programs, row), measure.mode, row.kind, str(timers), str(nominal), str(seconds), str(row.tolerance)]


def run(line):
    """The figures that an engine prints; None, and why on stderr, when there are none."""
    try:
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        print(f"no end after {PATIENCE} s: {' '.join(line)}", file=sys.stderr)
        return None
    try:
        return json.loads(done.stdout)
    except ValueError:
        print(f"ended with {done.returncode}: {' '.join(line)}\n{done.stderr[-1000:]}", file=sys.stderr)
        return None


def measure_all(arguments):
    """All figures of all rounds: {measure: {row: [{name: value}]}}."""
    figures = {measure.key: {row.key: [] for row in measure.rows} for measure in arguments.measures}
    left_out = {row for row in ROWS if not Path(runner(arguments.programs, row)[-1]).exists()}
    for program in sorted({row.program for row in left_out}):
        print(f"{program} is not built: left out", file=sys.stderr)
    hopeless = set()
    for number in range(arguments.rounds):
        for measure in arguments.measures:
            if sys.stderr.isatty():
                print(f"\rround {number + 1} of {arguments.rounds}: {measure.key:20}", end="", file=sys.stderr)
            for row in measure.rows:
                if row in left_out or (measure, row) in hopeless:
                    continue
                found = run(command(arguments.programs, measure, row, arguments.quick))
                if found is None:
                    hopeless.add((measure, row))
                else:
                    figures[measure.key][row.key].append(found)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return figures


def medians(figures):
    """{measure: {row: {name: median}}}, without what could not be had."""
    return {
        measure: {
            row: {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
            for row, rounds in rows.items()
            if rounds
        }
        for measure, rows in figures.items()
    }


def machine():
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}, load {load} before"


def main():
    arguments = parse()
    machine_name = machine()
    print(f"machine: {machine_name}", flush=True)
    figures = measure_all(arguments)
    middle = medians(figures)
    wanted = [one for one in RATIOS if one.ours.measure in middle and one.theirs.measure in middle]
    ratios = {}
    for one in wanted:
        ours = middle[one.ours.measure].get(one.ours.row.key)
        theirs = middle[one.theirs.measure].get(one.theirs.row.key)
        if ours and theirs and theirs[one.theirs.name] > 0:
            ratios[one.name] = ours[one.ours.name] / theirs[one.theirs.name]

    tables.print_all(middle)
    print()
    for name, value in ratios.items():
        print(f"ratio {name} {value:.3f}")
    tables.print_targets(wanted, ratios)
    if arguments.quick:
        print("\nOne short round with few timers: these figures show only that everything runs.")
    everything = {
        "machine": machine_name,
        "quick": arguments.quick,
        "rounds": figures,
        "medians": middle,
        "ratios": ratios,
    }
    for file in arguments.json:
        file.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    sys.exit(0 if len(ratios) == len(wanted) else 1)


main()

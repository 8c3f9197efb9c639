"""The figures for people."""

from measures import MEASURES, ROWS


def print_table(title, headings, lines):
    """`lines`: lists of cells, the first of them the line's name."""
    print(f"\n{title}")
    widths = [max(len(line[column]) for line in [headings, *lines]) for column in range(len(headings))]
    for line in [headings, *lines]:
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        print("  " + "   ".join(cells).rstrip())


def cell(figures, name, unit, digits):
    """'-' where the engine was left out."""
    return f"{figures[name] / unit:.{digits}f}" if figures else "-"


def print_rows(title, headings, columns, medians):
    """`columns`: (measure, name, unit, digits) each; a row for each engine that has a figure in one of them."""
    lines = []
    for row in ROWS:
        cells = [cell(medians.get(measure, {}).get(row.key), *rest) for measure, *rest in columns]
        if any(one != "-" for one in cells):
            lines.append([row.title, *cells])
    if lines:
        print_table(title, ["", *headings], lines)


def print_busy(mode, regime, medians):
    measures = [measure for measure in MEASURES if measure.mode == mode and measure.key in medians]
    print_rows(
        f"{mode}: cost per tick, event loop always busy, {regime}: CPU, nanoseconds",
        [f"{measure.timers} timers" for measure in measures],
        [(measure.key, "cpu_ns_per_tick", 1, 0) for measure in measures],
        medians,
    )


def print_all(medians):
    for measure in MEASURES:
        if measure.mode == "paced" and measure.key in medians:
            names = ("cpu_ns_per_tick", "late_p50_ns", "late_p99_ns", "late_p999_ns")
            print_rows(
                f"{measure.key}: {measure.timers} timers of about {measure.nominal / 1e6:g} ms, microseconds",
                ["CPU per tick", "late p50", "late p99", "late p99.9"],
                [(measure.key, name, 1000, 1) for name in names],
                medians,
            )
    print_busy("saturated", "what has passed is passed over", medians)
    print_busy("backlog", "what has passed is run, too", medians)
    print_rows(
        "saturated, while a thread calls get_timer_stats() in a loop: CPU of the event loop per tick, nanoseconds",
        ["1000 timers"],
        [("read_1k", "cpu_ns_per_tick", 1, 0)],
        medians,
    )
    print_rows(
        "100000 timers",
        ["bytes per timer", "start, ms", "stop, ms", "get_timer_stats(), ns per timer"],
        [
            ("memory_100k", "bytes_per_timer", 1, 0),
            ("startstop_100k", "start_ns", 1e6, 1),
            ("startstop_100k", "stop_ns", 1e6, 1),
            ("stats_100k", "stats_ns_per_timer", 1, 0),
        ],
        medians,
    )
    print_rows(
        "handover: from the event loop to a worker thread, microseconds",
        ["p50", "p99"],
        [("handover", "late_p50_ns", 1000, 1), ("handover", "late_p99_ns", 1000, 1)],
        medians,
    )


def print_targets(wanted, ratios):
    lines = []
    for ratio in wanted:
        if ratio.target is None:
            continue
        value = ratios.get(ratio.name)
        verdict = "-" if value is None else "met" if value <= ratio.target else "missed"
        shown = "-" if value is None else f"{value:.3f}"
        lines.append([ratio.name, f"{ratio.target:.2f}", shown, verdict])
    if lines:
        print_table("targets: ours / theirs", ["", "at most", "is", ""], lines)

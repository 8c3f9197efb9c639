"""What is measured, against whom, and what was aimed at.

A loop that is always busy is measured in two regimes; in both each tick is one trip through the engine's timers.

saturated: an overloaded service that keeps its `missed_ticks` (coalesce). Due points that have passed are passed over:
the next one is the first of the grid after now. Timers come back in mixed order, the more so the quicker the engine is.
libuv waits for whole milliseconds: with few timers it is not busy all the time, and its figure is CPU per tick all the
same.

backlog: every missed point is run (burst). All timers are overdue all the time and come back in ascending order of
their due points, the easiest case for a heap."""

from dataclasses import dataclass

MILLISECOND = 1_000_000
SECOND = 1_000_000_000

# The interval that keeps a loop busy, in nanoseconds per timer: shorter than any engine needs for a tick.
BUSY = 50


@dataclass(frozen=True)
class Row:
    """An engine with one kind of method: a row of the tables."""

    key: str
    title: str
    program: str
    kind: str = "-"
    tolerance: int = 0  # nanoseconds


@dataclass(frozen=True)
class Measure:
    key: str
    mode: str
    timers: int
    nominal: int | None  # nanoseconds; None: BUSY for each timer
    seconds: float
    rows: tuple


COROUTINE = Row("coroutine", "cliffracer, coroutine", "cliffracer", "coroutine")
PLAIN = Row("plain", "cliffracer, plain method", "cliffracer", "plain")
POOL = Row("pool", "cliffracer, two workers", "cliffracer", "pool")
TOLERANT = Row("tolerant", "cliffracer, coroutine, tolerance 1 ms", "cliffracer", "coroutine", MILLISECOND)
ASIO = Row("asio", "asio timers by hand", "asio")
LIBUV = Row("libuv", "libuv (1 ms resolution)", "libuv")
LIBEVENT = Row("libevent", "libevent", "libevent")
GO = Row("go", "Go", "go_timers")
PYTHON = Row("python", "Python original's way", "asyncio_timers.py")

OURS = (COROUTINE, PLAIN, POOL)
THEIRS = (ASIO, LIBUV, LIBEVENT, GO)
ROWS = (*OURS, TOLERANT, *THEIRS, PYTHON)


def paced(key, timers, nominal, seconds, rows):
    return Measure("paced_" + key, "paced", timers, nominal, seconds, rows)


def saturated(key, timers, rows):
    return Measure("saturated_" + key, "saturated", timers, None, 0.5, rows)


def backlog(key, timers, rows):
    return Measure("backlog_" + key, "backlog", timers, None, 0.5, rows)


MEASURES = (
    paced("1_1ms", 1, MILLISECOND, 1, (*OURS, *THEIRS, PYTHON)),
    paced("100_10ms", 100, 10 * MILLISECOND, 1.5, (*OURS, *THEIRS, PYTHON)),
    paced("10k_1s", 10_000, SECOND, 1.5, (*OURS, TOLERANT, *THEIRS, PYTHON)),
    # More ticks a second than Python has time for.
    paced("100k_1s", 100_000, SECOND, 1.5, (*OURS, TOLERANT, *THEIRS)),
    saturated("1k", 1_000, (*OURS, *THEIRS, PYTHON)),
    Measure("read_1k", "read", 1_000, None, 0.5, (COROUTINE,)),
    saturated("10k", 10_000, (*OURS, *THEIRS, PYTHON)),
    # A round of Python's would take half a minute.
    saturated("100k", 100_000, (*OURS, *THEIRS)),
    # Go does not get so many started before the first are due.
    saturated("1m", 1_000_000, (COROUTINE, PLAIN, ASIO, LIBUV, LIBEVENT)),
    # Go's scheduler lets timers that are always overdue starve the rest of the program.
    backlog("1k", 1_000, (*OURS, ASIO, LIBUV, LIBEVENT, PYTHON)),
    backlog("100k", 100_000, (*OURS, ASIO, LIBUV, LIBEVENT)),
    Measure("memory_100k", "memory", 100_000, SECOND, 0.1, (*OURS, *THEIRS, PYTHON)),
    Measure("startstop_100k", "startstop", 100_000, 3600 * SECOND, 0, (*OURS, *THEIRS, PYTHON)),
    Measure("stats_100k", "stats", 100_000, 3600 * SECOND, 0, (COROUTINE,)),
    Measure("handover", "handover", 1, MILLISECOND, 1, (POOL, ASIO)),
)


@dataclass(frozen=True)
class Figure:
    measure: str
    row: Row
    name: str


@dataclass(frozen=True)
class Ratio:
    """Ours / theirs; `target` is the most it was meant to be."""

    name: str
    ours: Figure
    theirs: Figure
    target: float | None


def ratio(name, figure_name, ours, theirs, target=None):
    (our_measure, our_row), (their_measure, their_row) = ours, theirs
    return Ratio(
        name, Figure(our_measure, our_row, figure_name), Figure(their_measure, their_row, figure_name), target
    )


def ratio_in(measure, name, figure_name, ours, theirs, target=None):
    return ratio(name, figure_name, (measure, ours), (measure, theirs), target)


CPU = "cpu_ns_per_tick"
RATIOS = (
    ratio_in("saturated_1k", "saturated_coroutine_1k_vs_asio", CPU, COROUTINE, ASIO, 0.65),
    ratio_in("saturated_1k", "saturated_plain_1k_vs_libuv", CPU, PLAIN, LIBUV, 0.7),
    ratio_in("saturated_100k", "saturated_coroutine_100k_vs_asio", CPU, COROUTINE, ASIO, 0.40),
    ratio_in("saturated_100k", "saturated_coroutine_100k_vs_libuv", CPU, COROUTINE, LIBUV, 0.9),
    ratio_in("saturated_100k", "saturated_plain_100k_vs_libuv", CPU, PLAIN, LIBUV, 0.5),
    ratio("saturated_coroutine_1m_vs_100k", CPU, ("saturated_1m", COROUTINE), ("saturated_100k", COROUTINE), 1.5),
    ratio("saturated_plain_1m_vs_100k", CPU, ("saturated_1m", PLAIN), ("saturated_100k", PLAIN), 1.5),
    ratio_in("backlog_1k", "backlog_coroutine_1k_vs_asio", CPU, COROUTINE, ASIO),
    ratio_in("backlog_1k", "backlog_plain_1k_vs_libuv", CPU, PLAIN, LIBUV),
    ratio_in("backlog_100k", "backlog_coroutine_100k_vs_asio", CPU, COROUTINE, ASIO),
    ratio_in("backlog_100k", "backlog_plain_100k_vs_libuv", CPU, PLAIN, LIBUV),
    ratio_in("paced_10k_1s", "cpu_10k_1s_tolerance_1ms_vs_libuv", CPU, TOLERANT, LIBUV, 0.9),
    ratio_in("paced_10k_1s", "late_p99_10k_1s_tolerance_1ms_vs_libuv", "late_p99_ns", TOLERANT, LIBUV, 1.0),
    ratio_in("paced_100_10ms", "cpu_100_10ms_vs_asio", CPU, COROUTINE, ASIO, 1.05),
    ratio_in("paced_100_10ms", "late_p50_100_10ms_vs_asio", "late_p50_ns", COROUTINE, ASIO, 1.05),
    ratio_in("memory_100k", "memory_100k_vs_asio", "bytes_per_timer", COROUTINE, ASIO, 1.3),
    ratio_in("paced_10k_1s", "cpu_10k_1s_vs_python", CPU, COROUTINE, PYTHON, 0.2),
    ratio("statistics_reader_effect", CPU, ("read_1k", COROUTINE), ("saturated_1k", COROUTINE)),
    ratio_in("handover", "handover_p50_vs_asio", "late_p50_ns", POOL, ASIO),
)

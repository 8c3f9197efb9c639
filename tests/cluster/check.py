#!/usr/bin/env -S python3 -B
"""Says what a trial's ledger has to say: check.py FOLDER.

Ends with 1 when a tick was run by two owners, the guard took an older token after a newer one, or a tick was missed or
run beside another one without a fault: more than 15 s after the end of the last one. Of the timer that catches up, when
a tick was run twice, missed without a fault, or missed because of the deployment."""

import collections
import json
import sqlite3
import sys
from pathlib import Path

SETTLED = 15  # seconds after a fault
SECOND = 1_000_000_000
MILLISECOND = SECOND // 1000
INTERVAL = 1000  # from the token of a tick to that of the next: milliseconds
REPORT_SECONDS = 5  # from a tick to the next, of the timer that catches up
EDGE = SECOND // 10  # a run that ends so short before a tick may still count as running for others


class Trial:
    """What was left in the folder."""

    def __init__(self, folder):
        facts = json.loads((folder / "trial.json").read_text(encoding="utf-8"))
        self.begin, self.end = (int(facts[name] * SECOND) for name in ("begin", "end"))
        self.replicas = facts["replicas"]
        self.deployed = facts["deployed"]
        self.claims = {int(token): owner for token, owner in facts["claims"].items()}
        log = folder / "faults.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        self.faults = [json.loads(line) for line in lines]
        ledger = sqlite3.connect(folder / "ledger.db")
        ledger.row_factory = sqlite3.Row
        self.runs = ledger.execute("SELECT * FROM runs ORDER BY begin_wall").fetchall()
        self.reports = ledger.execute("SELECT * FROM reports ORDER BY begin_wall").fetchall()
        ledger.close()

    def tokens(self):
        """Of the ticks that somebody should have run: those at the very end may have met a replica that stops."""
        first = self.begin // SECOND + 1
        last = (self.end - SECOND // 2) // SECOND
        return range(first * INTERVAL, last * INTERVAL + 1, INTERVAL)

    def report_tokens(self):
        """The same of the timer that catches up."""
        return [token for token in self.tokens() if token % (REPORT_SECONDS * INTERVAL) == 0]

    def fault_at(self, wall):
        """The newest fault whose consequences may reach `wall`; None: there is none."""
        for fault in reversed(self.faults):
            if fault["begin"] - 1 <= wall / SECOND <= fault["end"] + SETTLED:
                return fault
        return None


def doubles(trial):
    """{token: its runs}, of ticks with several owners."""
    by_token = collections.defaultdict(list)
    for run in trial.runs:
        by_token[run["token"]].append(run)
    return {token: runs for token, runs in by_token.items() if len({run["owner"] for run in runs}) > 1}


def steps_back(trial):
    """Writes that the guard took after one with a newer token."""
    taken = sorted((run["accepted"], run["token"]) for run in trial.runs if run["accepted"])
    return sum(after < before for (_, before), (_, after) in zip(taken, taken[1:]))


def sort_missed(trial):
    """(passed over during a run, missed in a fault, missed without one): lists of tokens."""
    seen = {run["token"] for run in trial.runs}
    during_a_run, in_a_fault, without_a_fault = [], [], []
    for token in trial.tokens():
        if token in seen:
            continue
        due = token * MILLISECOND
        if any(run["begin_wall"] <= due and (run["end_wall"] or 0) > due - EDGE for run in trial.runs):
            during_a_run.append(token)
        elif trial.fault_at(due):
            in_a_fault.append(token)
        else:
            without_a_fault.append(token)
    return during_a_run, in_a_fault, without_a_fault


def report_faults(trial):
    """(run twice, missed without a fault or by the deployment): tokens of the timer that catches up."""
    runs = collections.Counter(run["token"] for run in trial.reports)
    missed = [token for token in trial.report_tokens() if runs[token] == 0]
    return (
        [token for token, count in runs.items() if count > 1],
        [token for token in missed if token == trial.deployed or not trial.fault_at(token * MILLISECOND)],
    )


def overlaps(trial):
    """(in a fault, without one): runs that began while another replica still ran another tick."""
    in_a_fault, without_a_fault = [], []
    for number, run in enumerate(trial.runs):
        begin = run["begin_wall"]
        others = [other for other in trial.runs[:number] if other["owner"] != run["owner"]]
        if any(other["token"] != run["token"] and (other["end_wall"] or 0) > begin for other in others):
            (in_a_fault if trial.fault_at(begin) else without_a_fault).append(run)
    return in_a_fault, without_a_fault


def longest_gap(trial):
    """(seconds, when it began): without the begin of a run."""
    begins = [run["begin_wall"] for run in trial.runs if trial.begin < run["begin_wall"] < trial.end]
    points = [trial.begin, *sorted(begins), trial.end]
    return max((after - before, before) for before, after in zip(points, points[1:]))


def lost_claims(trial):
    """Tokens of ticks that were run and that the bucket gives to nobody, or to another owner."""
    owners = collections.defaultdict(set)
    for run in trial.runs:
        owners[run["token"]].add(run["owner"])
    return [token for token, owner in trial.claims.items() if owner not in owners[token]]


def describe(trial, begin, end):
    """When, and what was done then and shortly before."""
    near = [
        f"{fault['kind']} ({fault['target']}) {fault['begin']:.3f} to {fault['end']:.3f}"
        for fault in trial.faults
        if fault["begin"] <= end / SECOND and fault["end"] + 5 >= begin / SECOND
    ]
    return f"from {begin / SECOND:.3f}; " + ("; ".join(near) or "no fault")


def report(trial):
    """Prints everything; returns how many promises were broken."""
    twice = doubles(trial)
    back = steps_back(trial)
    during_a_run, in_a_fault, without_a_fault = sort_missed(trial)
    beside_in_a_fault, beside_without_a_fault = overlaps(trial)
    reported_twice, not_caught_up = report_faults(trial)
    gap, gap_begin = longest_gap(trial)
    kinds = collections.Counter(fault["kind"] for fault in trial.faults)
    claims = collections.Counter()
    for statistics in trial.replicas:
        claims.update(statistics.get("claims", {}))

    print("faults: " + (", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())) or "none"))
    print("claims of those who lived to tell: " + ", ".join(f"{name} {count}" for name, count in claims.items()))
    figures = {
        "ticks": len(trial.tokens()),
        "runs": len(trial.runs),
        "cut short by the death of the owner": sum(run["end_wall"] is None for run in trial.runs),
        "retries": sum(run["attempt"] > 1 for run in trial.runs),
        "doubles": len(twice),
        "stale writes rejected": sum(run["accepted"] == 0 for run in trial.runs),
        "stale writes accepted": back,
        "run beside another, in a fault": len(beside_in_a_fault),
        "run beside another, without a fault": len(beside_without_a_fault),
        "passed over during a longer run": len(during_a_run),
        "missed, in a fault": len(in_a_fault),
        "missed, without a fault": len(without_a_fault),
        "claims that the bucket has lost": len(lost_claims(trial)),
        "caught up": sum(run["is_catch_up"] for run in trial.reports),
        "run twice by the timer that catches up": len(reported_twice),
        "not caught up": len(not_caught_up),
    }
    for name, count in figures.items():
        print(f"{name:38} {count:6}")
    print(f"{'longest gap':38} {gap / SECOND:6.1f} s {describe(trial, gap_begin, gap_begin + gap)}")

    for token, runs in list(twice.items())[:20]:
        when = describe(trial, token * MILLISECOND, (token + INTERVAL) * MILLISECOND)
        print(f"DOUBLE: {token}; the bucket gives it to {trial.claims.get(token)}; {when}")
        for run in runs:
            print("  " + ", ".join(f"{name} {run[name]}" for name in run.keys()))
    for run in beside_without_a_fault:
        print(f"BESIDE ANOTHER: {run['token']} of {run['owner']}")
    for token in without_a_fault:
        print(f"MISSED: {token}")
    for token in reported_twice + not_caught_up:
        print(f"CAUGHT UP TWICE, OR NOT AT ALL: {token}")
    broken = (twice, beside_without_a_fault, without_a_fault, reported_twice, not_caught_up)
    return back + sum(len(tokens) for tokens in broken)


if __name__ == "__main__":
    sys.exit(1 if report(Trial(Path(sys.argv[1]))) else 0)

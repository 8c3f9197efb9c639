#!/usr/bin/env -S python3 -B
"""Small ledgers in which something is wrong, or is not."""

import contextlib
import io
import json
import sqlite3
import tempfile
import unittest
from pathlib import Path

import check

START = 1_000_000  # the second before the first tick


def token_of(tick):
    """Of the tick that is due `tick` seconds after START."""
    return (START + tick) * 1000


class CheckTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.ledger = sqlite3.connect(self.folder / "ledger.db", isolation_level=None)
        self.addCleanup(self.ledger.close)
        self.ledger.executescript((Path(check.__file__).parent / "ledger.sql").read_text(encoding="utf-8"))
        self.writes = 0

    def run_tick(self, tick, owner="a", seconds=0.2, late=0.01, accepted=True):
        """The tick that is due `tick` seconds after START; `seconds` None: cut short."""
        begin = int((START + tick + late) * check.SECOND)
        end = None if seconds is None else begin + int(seconds * check.SECOND)
        if accepted:
            self.writes += 1
        order = None if seconds is None else self.writes if accepted else 0
        row = (token_of(tick), 1, owner, 1, begin, begin, end, end, order)
        columns = "token, attempt, owner, pid, begin_steady, begin_wall, end_steady, end_wall, accepted"
        self.ledger.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def report(self, tick, is_catch_up=False):
        """A run of the timer that catches up."""
        row = (token_of(tick), is_catch_up, "a", int((START + tick) * check.SECOND))
        self.ledger.execute("INSERT INTO reports VALUES (?, ?, ?, ?)", row)

    def trial(self, ticks, faults=(), claims=None, unreported=(), deployed=0):
        if self.ledger.execute("SELECT count(*) FROM reports").fetchone()[0] == 0:
            for tick in range(5, ticks + 1, 5):
                if tick not in unreported:
                    self.report(tick)
        facts = {"begin": START + 0.5, "end": START + ticks + 0.5, "replicas": [], "claims": claims or {}}
        facts["deployed"] = token_of(deployed)
        (self.folder / "trial.json").write_text(json.dumps(facts), encoding="utf-8")
        lines = [
            json.dumps({"kind": "kill owner", "target": "b", "begin": START + begin, "end": START + end}) + "\n"
            for begin, end in faults
        ]
        (self.folder / "faults.jsonl").write_text("".join(lines), encoding="utf-8")
        return check.Trial(self.folder)

    def broken(self, *arguments, **named):
        """(how many promises, what is printed of them)"""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            count = check.report(self.trial(*arguments, **named))
        return count, out.getvalue()

    def test_nothing_is_wrong(self):
        for tick in range(1, 11):
            self.run_tick(tick, owner="ab"[tick % 2])
        self.assertEqual(self.broken(10)[0], 0)
        self.assertEqual(list(self.trial(10).tokens()), [token_of(tick) for tick in range(1, 11)])

    def test_a_tick_of_two_owners(self):
        self.run_tick(1, owner="a")
        self.run_tick(1, owner="b", accepted=False)
        count, text = self.broken(1)
        self.assertEqual(count, 1)
        self.assertRegex(text, "doubles +1\n")
        self.assertIn(f"DOUBLE: {token_of(1)};", text)

    def test_a_tick_of_two_owners_of_whom_one_died(self):
        self.run_tick(1, owner="a", seconds=None)
        self.run_tick(1, owner="b")
        self.assertEqual(self.broken(1)[0], 1)

    def test_a_retry_is_no_double(self):
        self.run_tick(1)
        self.run_tick(1, late=0.4)
        self.assertEqual(self.broken(1)[0], 0)

    def test_something_stale_was_refused(self):
        self.run_tick(1, owner="a", accepted=False)
        self.run_tick(2, owner="b")
        count, text = self.broken(2)
        self.assertEqual(count, 0)
        self.assertRegex(text, "stale writes rejected +1\n")

    def test_something_stale_was_taken(self):
        self.run_tick(2, owner="b")
        self.run_tick(1, owner="a", late=3)
        count, text = self.broken(2)
        self.assertEqual(count, 1)
        self.assertRegex(text, "stale writes accepted +1\n")

    def test_a_tick_missed_without_a_fault(self):
        for tick in (1, 2, 4, 5):
            self.run_tick(tick)
        count, text = self.broken(5)
        self.assertEqual(count, 1)
        self.assertIn(f"MISSED: {token_of(3)}\n", text)
        self.assertRegex(text, r"longest gap +2\.0 s")

    def test_a_tick_missed_in_a_fault_and_one_long_after(self):
        for tick in range(1, 41):
            if tick not in (5, 19, 22):
                self.run_tick(tick)
        count, text = self.broken(40, faults=[(4, 5)])
        self.assertEqual(count, 1)
        self.assertRegex(text, "missed, in a fault +2\n")
        self.assertIn(f"MISSED: {token_of(22)}\n", text)

    def test_a_tick_passed_over_during_a_long_run(self):
        self.run_tick(1, seconds=1.6)
        self.run_tick(3)
        count, text = self.broken(3)
        self.assertEqual(count, 0)
        self.assertRegex(text, "passed over during a longer run +1\n")

    def test_a_run_beside_another_one(self):
        self.run_tick(1, owner="a", seconds=1.6)
        self.run_tick(2, owner="b")
        count, text = self.broken(2)
        self.assertEqual(count, 1)
        self.assertIn(f"BESIDE ANOTHER: {token_of(2)} of b", text)
        self.assertEqual(self.broken(2, faults=[(0, 1)])[0], 0)

    def test_a_run_cut_short_excuses_nothing(self):
        self.run_tick(1, seconds=None)
        self.run_tick(3)
        self.assertEqual(self.broken(3)[0], 1)

    def test_a_tick_that_was_caught_up_twice(self):
        for tick in range(1, 6):
            self.run_tick(tick)
        self.report(5)
        self.report(5, is_catch_up=True)
        count, text = self.broken(5)
        self.assertEqual(count, 1)
        self.assertRegex(text, "caught up +1\n")
        self.assertIn(f"CAUGHT UP TWICE, OR NOT AT ALL: {token_of(5)}\n", text)

    def test_a_tick_that_was_not_caught_up(self):
        for tick in range(1, 11):
            self.run_tick(tick)
        self.assertEqual(self.broken(10, unreported=(5,))[0], 1)

    def test_a_tick_that_was_not_caught_up_because_of_a_fault(self):
        for tick in range(1, 11):
            self.run_tick(tick)
        self.assertEqual(self.broken(10, unreported=(5,), faults=[(4, 6)])[0], 0)

    def test_a_tick_that_was_not_caught_up_after_the_deployment(self):
        for tick in range(1, 11):
            self.run_tick(tick)
        self.assertEqual(self.broken(10, unreported=(5,), faults=[(4, 6)], deployed=5)[0], 1)

    def test_a_claim_that_is_not_in_the_bucket(self):
        self.run_tick(1, owner="a")
        self.run_tick(2, owner="b")
        text = self.broken(2, claims={token_of(1): "a", token_of(2): None})[1]
        self.assertRegex(text, "claims that the bucket has lost +1\n")


if __name__ == "__main__":
    unittest.main()

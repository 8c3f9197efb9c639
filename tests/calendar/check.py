#!/usr/bin/env python3
"""Compares the library's calendar with two oracles that share no code with it.

    check.py expressions PROGRAM [--queries N] [--seed S]   points of random expressions, with cron_rules.py
    check.py zones PROGRAM                                  changes of all clocks from 1970 to 2100, with zdump -v
    check.py slim PROGRAM                                   the same, with zone files as zic -b slim writes them

PROGRAM is query.cpp, compiled. Ends with 1 and shows what differs, at most 20 of it.
"""

import argparse
import bisect
import calendar
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zoneinfo
from pathlib import Path

from cron_rules import MONTHS, WEEKDAYS, Cron, Days, Stretch, changes

# With gaps and overlaps of half an hour and of two, at midnight, at other than whole hours, and of a day.
STRANGE = """Europe/Berlin America/New_York Australia/Lord_Howe Antarctica/Troll America/Santiago Africa/Cairo
Africa/Casablanca Pacific/Apia Europe/Dublin America/Sao_Paulo Asia/Tehran Pacific/Chatham America/St_Johns
America/Havana Asia/Beirut Pacific/Kwajalein Asia/Kathmandu Europe/London America/Nuuk UTC""".split()


# By cctz 2.3.
KNOWN_WRONG_IF_SLIM = set("""America/Godthab America/Grand_Turk America/Indiana/Petersburg America/Indiana/Vincennes
America/Metlakatla America/North_Dakota/Beulah America/Nuuk America/Ojinaga America/Resolute America/Scoresbysund
Antarctica/Troll Asia/Famagusta Asia/Gaza Asia/Hebron Europe/Lisbon Pacific/Norfolk Portugal""".split())

# Rules that a random expression may break.
MAY_BE_REFUSED = ("there is no such day in any year", "it has more than 80 characters")


class Asker:
    def __init__(self, program, folder=None):
        self.program = program
        self.environment = {**os.environ, "TZDIR": folder} if folder else None
        self.asked = 0
        self.differences = []

    def ask(self, questions):
        self.asked += len(questions)
        done = subprocess.run([self.program], input="\n".join(questions) + "\n", capture_output=True, text=True,
                              check=True, env=self.environment)
        answers = done.stdout.splitlines()
        assert len(answers) == len(questions), f"{len(answers)} answers to {len(questions)} questions"
        return answers

    def compare(self, expected):
        """`expected`: pairs of question and a function that says whether an answer is right, or the answer."""
        for (question, wanted), answer in zip(expected, self.ask([question for question, _ in expected])):
            is_right = wanted(answer) if callable(wanted) else wanted == answer
            if not is_right:
                shown = wanted.__doc__ if callable(wanted) else wanted
                self.differences.append(f"{question}: {answer}, and should be {shown}")

    def report(self, what):
        for line in self.differences[:20]:
            print(line)
        print(f"{what}: {self.asked} questions, {len(self.differences)} differences")
        return 1 if self.differences else 0


# ---- Expressions

class Maker:
    def __init__(self, rng):
        self.rng = rng

    def item(self, low, high, names=(), first=0):
        rng = self.rng

        def value(n):
            return rng.choice((str.upper, str.lower, str.title))(names[(n - first) % len(names)]) \
                if names and rng.random() < 0.4 else str(n)

        kind = rng.randrange(6)
        if kind == 0:
            return f"*/{rng.randint(1, high - low)}"
        begin, end = sorted((rng.randint(low, high), rng.randint(low, high)))
        if kind == 1:
            return f"{value(begin)}-{value(end)}/{rng.randint(1, high - low)}"
        if kind == 2:
            return f"{value(begin)}-{value(end)}"
        return value(begin)

    def field(self, low, high, star, names=(), first=0):
        if self.rng.random() < star:
            return "*"
        return ",".join(self.item(low, high, names, first) for _ in range(self.rng.choice((1, 1, 1, 2, 3))))

    def day(self):
        rng = self.rng
        if rng.random() < 0.4:
            return rng.choice("**?")
        kind = rng.randrange(5)
        if kind == 0:
            return rng.choice(("L", f"L-{rng.randint(1, 30)}", f"{rng.randint(1, 28)},L"))
        if kind == 1:
            return rng.choice(("LW", f"{rng.randint(1, 31)}W"))
        return self.field(1, 31, 0)

    def weekday(self):
        rng = self.rng
        if rng.random() < 0.4:
            return rng.choice("**?")
        plus = rng.choice(("", "", "+"))
        kind = rng.randrange(5)
        if kind == 0:
            return plus + ",".join(f"{rng.choice(WEEKDAYS + list('01234567'))}#{rng.randint(1, 5)}"
                                   for _ in range(rng.randint(1, 2)))
        if kind == 1:
            return plus + f"{rng.randint(0, 7)}L"
        return plus + self.field(0, 6, 0, WEEKDAYS)

    def expression(self, near):
        """For a time near a change of the clock, in the hour before it, in it or after it."""
        rng = self.rng
        if rng.random() < 0.6:
            hour = ",".join(str((near + rng.randint(-2, 1)) % 24) for _ in range(rng.choice((1, 1, 2))))
            minute = self.field(0, 59, 0.2)
        else:
            minute, hour = self.field(0, 59, 0.25), self.field(0, 23, 0.35)
        days = "* * *" if rng.random() < 0.8 else self.days()
        seconds = self.field(0, 59, 0.1) + " " if rng.random() < 0.1 else ""
        return f"{seconds}{minute} {hour} {days}"

    def days(self):
        return f"{self.day()} {self.field(1, 12, 0.7, MONTHS, 1)} {self.weekday()}"


def questions_about(expression, cron, stretch, zone, rng, count):
    points = stretch.points(cron)
    margin = 3600 * 3  # of what happens before the stretch
    low, high = stretch.begin + margin, stretch.end - margin
    for _ in range(count):
        kind = rng.randrange(4)
        if kind == 0:
            time = rng.randint(low, high)
        elif kind == 1 or not points:
            time = stretch.middle + rng.randint(-7200, 7200)
        else:
            time = rng.choice(points) + rng.choice((-60, -1, 0, 1, 60))
        time = min(max(time, low), high)
        if rng.random() < 0.6:
            place = bisect.bisect_right(points, time)
            wanted = str(points[place]) if place < len(points) else later_than(stretch.end)
            yield f"N {zone} {time} {expression}", wanted
        else:
            place = bisect.bisect_left(points, time) - 1
            if place < 0:
                yield f"P {zone} {time} {expression}", earlier_than(low)
            elif points[place] >= low:
                yield f"P {zone} {time} {expression}", str(points[place])


def later_than(end):
    def is_right(answer):
        return answer == "-" or (not answer.startswith("!") and int(answer) > end - 60)
    is_right.__doc__ = f"later than {end}"
    return is_right


def earlier_than(begin):
    def is_right(answer):
        return answer == "-" or (not answer.startswith("!") and int(answer) < begin)
    is_right.__doc__ = f"earlier than {begin}"
    return is_right


def pick_stretch(rng, names, known):
    """Zone and stretch: around a change of its clocks, at any time, or some years in UTC."""
    day = 86400
    kind = rng.random()
    if kind < 0.25:
        return "UTC", Days(rng.randrange(0, 150_000) * day, 900)
    zone = rng.choice(STRANGE) if rng.random() < 0.5 else rng.choice(names)
    if zone not in known:
        known[zone] = changes(zone, 1971, 2100)
    middle = rng.choice(known[zone]) if known[zone] and kind < 0.9 else rng.randint(2 * day, 13_500_000_000)
    length = rng.choice((day // 2, day)) + 1800
    return zone, Stretch(zone, (middle - length) // 60 * 60, middle + length)


def check_expressions(arguments):
    rng = random.Random(arguments.seed)
    maker = Maker(rng)
    asker = Asker(arguments.program)
    names = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
    known = {}
    expected = []
    while asker.asked + len(expected) < arguments.queries:
        zone, stretch = pick_stretch(rng, names, known)
        if isinstance(stretch, Days):
            candidates = [f"{rng.randint(0, 59)} {rng.randint(0, 23)} {maker.days()}" for _ in range(12)]
        elif stretch.is_whole:
            hour = stretch.locals[len(stretch.locals) // 2].hour
            candidates = [maker.expression(hour) for _ in range(12)]
        else:
            continue
        for text, answer in zip(candidates, asker.ask(["E " + text for text in candidates])):
            if answer == "ok":
                expected += questions_about(text, Cron(text), stretch, zone, rng, 40)
            elif not any(rule in answer for rule in MAY_BE_REFUSED):
                asker.differences.append(f"{text}: {answer}")
        if len(expected) > 20_000:
            asker.compare(expected)
            expected = []
    asker.compare(expected)
    return asker.report("expressions")


# ---- Zones

def zdump(zone):
    """(instant, offset) of each line."""
    done = subprocess.run(["zdump", "-v", "-c", "1970,2101", zone], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        words = line.split()
        if "UT" not in words or not words[-1].startswith("gmtoff="):
            continue
        _, month, day, clock, year = words[1:6]
        instant = calendar.timegm(time.strptime(f"{year} {month} {day} {clock}", "%Y %b %d %H:%M:%S"))
        if 0 <= instant < 4_133_980_800:  # 2101
            yield instant, int(words[-1].removeprefix("gmtoff="))


def ask_of_zones(asker):
    """Yields each zone when it has been compared."""
    for zone in sorted(zoneinfo.available_timezones() - {"localtime"}):
        expected = []
        last = None
        for instant, offset in zdump(zone):
            expected.append((f"L {zone} {instant}", str(instant + offset)))
            if last and last[0] + 1 == instant:
                before, after = last[1], offset
                kind = "skipped" if after > before else "repeated"
                if before != after:
                    local = instant + (before + after) // 2
                    expected.append((f"K {zone} {local}", f"{kind} {local - before} {instant} {local - after}"))
            elif last:
                # Nothing changes in between.
                for part in range(1, 8):
                    middle = last[0] + (instant - last[0]) * part // 8
                    expected.append((f"L {zone} {middle}", str(middle + offset)))
            last = (instant, offset)
        if expected:
            asker.compare(expected)
        yield zone


def check_zones(arguments):
    asker = Asker(arguments.program)
    for _ in ask_of_zones(asker):
        pass
    return asker.report("zones")


def make_slim_files(folder):
    """False: there is nothing to make them from, or with."""
    sources = [path for path in (Path(folder) / "tzdata.zi" for folder in zoneinfo.TZPATH) if path.exists()]
    zic = shutil.which("zic", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if not sources or zic is None:
        return False
    subprocess.run([zic, "-b", "slim", "-d", folder, sources[0]], check=True)
    return True


def check_slim(arguments):
    with tempfile.TemporaryDirectory() as folder:
        if not make_slim_files(folder):
            print("SKIPPED: there is no zic, or no tzdata.zi")
            return 77
        asker = Asker(arguments.program, folder)
        wrong = []
        for zone in ask_of_zones(asker):
            if asker.differences:
                wrong.append(zone)
                asker.differences = []
        print(f"slim: {asker.asked} questions, wrong zones: {', '.join(wrong) or 'none'}")
        return 0 if KNOWN_WRONG_IF_SLIM.issuperset(wrong) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("expressions", "zones", "slim"))
    parser.add_argument("program")
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    checks = {"expressions": check_expressions, "zones": check_zones, "slim": check_slim}
    return checks[arguments.what](arguments)


if __name__ == "__main__":
    sys.exit(main())

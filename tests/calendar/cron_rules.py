"""What a cron expression means, by brute force: each minute of a stretch of time is looked at.

Written from the rules as they are documented in cron_expression.hpp, and on purpose not like the library: no sets of
bits, no search, no conversion from local time to UTC. Only what clocks show at an instant is asked of zoneinfo.
"""

import bisect
import datetime
from zoneinfo import ZoneInfo

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()
EPOCH = datetime.datetime(1970, 1, 1)


def number(text, names=(), first=0):
    return first + names.index(text.upper()) if text.upper() in names else int(text)


def plain_values(item, low, high, names=(), first=0):
    """*, */2, 5, 1-5, 1-5/2"""
    step = 1
    if "/" in item:
        item, step_text = item.split("/")
        step = int(step_text)
    if item in ("*", "?"):
        return set(range(low, high + 1, step))
    begin, dash, end = item.partition("-")
    start = number(begin, names, first)
    stop = number(end, names, first) if dash else start
    if dash and end.upper() == "SUN" and start > 0:
        stop = 7
    return set(range(start, stop + 1, step))


def field_values(text, low, high, names=(), first=0):
    return set().union(*(plain_values(item, low, high, names, first) for item in text.split(",")))


def nearest_working_day(year, month, day):
    """The day from Monday to Friday that is nearest, in this month."""
    last = days_in(year, month)
    if day > last:
        return None
    working = [d for d in range(1, last + 1) if datetime.date(year, month, d).isoweekday() <= 5]
    # A Saturday goes back and a Sunday goes on: by distance, there is never a tie.
    return min(working, key=lambda d: abs(d - day))


def days_in(year, month):
    following = datetime.date(year + month // 12, month % 12 + 1, 1)
    return (following - datetime.date(year, month, 1)).days


class Cron:
    def __init__(self, text):
        fields = text.split()
        if len(fields) == 5:
            fields = ["0"] + fields
        seconds, minutes, hours, self.day, months, self.weekday = fields
        self.seconds = sorted(field_values(seconds, 0, 59))
        self.minutes = field_values(minutes, 0, 59)
        self.hours = field_values(hours, 0, 23)
        self.months = field_values(months, 1, 12, MONTHS, 1)
        self.follows_real_time = "*" in minutes or "*" in hours
        self.both = self.weekday.startswith("+")
        self.weekday = self.weekday.lstrip("+")
        self.known = {}

    def day_fits(self, date):
        last = days_in(date.year, date.month)
        for item in self.day.split(","):
            if item == "LW":
                if date.day == nearest_working_day(date.year, date.month, last):
                    return True
            elif item.endswith("W"):
                if date.day == nearest_working_day(date.year, date.month, int(item[:-1])):
                    return True
            elif item.startswith("L"):
                if date.day == last - int(item[2:] or 0):
                    return True
            elif date.day in plain_values(item, 1, 31):
                return True
        return False

    def weekday_fits(self, date):
        today = date.isoweekday() % 7
        last = days_in(date.year, date.month)
        for item in self.weekday.split(","):
            name, hash_sign, place = item.partition("#")
            if item.endswith("L"):
                name = name.removesuffix("L")
                if number(name, WEEKDAYS) % 7 == today and date.day + 7 > last:
                    return True
            elif hash_sign:
                if number(name, WEEKDAYS) % 7 == today and (date.day + 6) // 7 == int(place):
                    return True
            elif today in {value % 7 for value in plain_values(item, 0, 7, WEEKDAYS)}:
                return True
        return False

    def date_fits(self, date):
        if date not in self.known:
            self.known[date] = self.is_right_date(date)
        return self.known[date]

    def is_right_date(self, date):
        if date.month not in self.months:
            return False
        any_day, any_weekday = self.day in ("*", "?"), self.weekday in ("*", "?")
        if any_day and any_weekday:
            return True
        if any_day:
            return self.weekday_fits(date)
        if any_weekday:
            return self.day_fits(date)
        if self.both:
            return self.day_fits(date) and self.weekday_fits(date)
        return self.day_fits(date) or self.weekday_fits(date)

    def fits(self, local):
        """Whether the minute of a local time is one of the expression's."""
        return local.minute in self.minutes and local.hour in self.hours and self.date_fits(local.date())


class Stretch:
    """What a zone's clocks show at each minute between two instants. `is_whole`: offsets have no seconds."""

    def __init__(self, zone_name, begin, end):
        zone = ZoneInfo(zone_name)
        self.begin, self.end = begin, end
        self.middle = (begin + end) // 2
        self.instants = range(begin, end + 1, 60)
        self.locals = [datetime.datetime.fromtimestamp(u, zone).replace(tzinfo=None) for u in self.instants]
        self.is_whole = all(local.second == 0 for local in self.locals)
        self.latest = []
        for local in self.locals:
            self.latest.append(max(local, self.latest[-1]) if self.latest else local)

    def points(self, cron):
        """All of them from the first minute to the last, without those that may be due to what lies before it."""
        found = set()
        if cron.follows_real_time:
            for instant, local in zip(self.instants, self.locals):
                if cron.fits(local):
                    found.update(instant + second for second in cron.seconds)
        else:
            local = self.locals[0]
            while local <= self.latest[-1]:
                if cron.fits(local):
                    # The first minute at which clocks show it, or one later than it.
                    place = bisect.bisect_left(self.latest, local)
                    is_skipped = self.latest[place] > local
                    found.update(self.instants[place] + (0 if is_skipped else second) for second in cron.seconds)
                local += datetime.timedelta(minutes=1)
        return sorted(found)


class Days:
    """Whole days in UTC, each of which is looked at: for rules of days, which need more of them than of minutes."""

    def __init__(self, begin, count):
        self.begin, self.end = begin, begin + count * 86400 - 60
        self.middle = (begin + self.end) // 2

    def points(self, cron):
        found = []
        for midnight in range(self.begin, self.end, 86400):
            if not cron.date_fits((EPOCH + datetime.timedelta(seconds=midnight)).date()):
                continue
            found += [midnight + hour * 3600 + minute * 60 + second
                      for hour in cron.hours for minute in cron.minutes for second in cron.seconds]
        return sorted(found)


def changes(zone_name, first_year, last_year):
    """The instants between 1 January of both years at which the offset changes, by halving."""
    zone = ZoneInfo(zone_name)

    def offset(instant):
        return datetime.datetime.fromtimestamp(instant, zone).utcoffset()

    week = 7 * 86400
    time = int((datetime.datetime(first_year, 1, 1) - EPOCH).total_seconds())
    end = int((datetime.datetime(last_year, 1, 1) - EPOCH).total_seconds())
    found = []
    while time < end:
        if offset(time) != offset(time + week):
            low, high = time, time + week
            while high - low > 1:
                middle = (low + high) // 2
                if offset(middle) == offset(low):
                    low = middle
                else:
                    high = middle
            found.append(high)
        time += week
    return found

"""The Python original's way with timers, on asyncio: one task per timer that waits for a stop event with its next due
point as the timeout, looks its method up by name for each run, and keeps the original's few statistics."""

import array
import asyncio
import gc
import inspect
import logging
import math
import os
import resource
import sys
import time

logger = logging.getLogger(__name__)


class Arguments:
    """The same as support/arguments.hpp says; times in nanoseconds."""

    def __init__(self, values):
        if len(values) not in (6, 7):
            sys.exit(f"usage: {values[0]} MODE KIND TIMERS NOMINAL_INTERVAL_NS SECONDS [TOLERANCE_NS]")
        self.mode = values[1]
        self.timers = int(values[3])
        self.nominal = int(values[4])
        self.duration = int(float(values[5]) * 1e9)

    def interval(self, n):
        if self.timers == 1:
            return self.nominal
        turns = n * 0.6180339887
        return int(self.nominal * (0.5 + turns - math.floor(turns)))

    def is_always_busy(self):
        return self.passes_over() or self.mode == "backlog"

    def passes_over(self):
        return self.mode == "saturated"


def next_due(due, interval, now):
    """As support/next_due.hpp."""
    due += interval
    if due <= now:
        due += interval * ((now - due) // interval + 1)
    return due


def cpu_time():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return int((usage.ru_utime + usage.ru_stime) * 1e9)


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Meter:
    """As support/meter.hpp."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.keeps_lateness = arguments.mode == "paced"
        self.stride = arguments.timers if arguments.is_always_busy() else 1
        self.ticks = 0
        self.look_at = sys.maxsize
        self.is_measuring = False
        self.lateness = array.array("q")
        gc.collect()
        self.resident_before = resident_bytes()

    def begin(self):
        self.window_begin = time.monotonic_ns() + max(300_000_000, self.arguments.nominal * 16 // 10)
        self.warm_ticks = self.ticks + 2 * self.arguments.timers if self.arguments.is_always_busy() else 0
        self.look_at = self.ticks + 1

    def tick(self, due):
        self.ticks += 1
        if self.ticks >= self.look_at:
            self.look(due)

    def look(self, due):
        now = time.monotonic_ns()
        if not self.is_measuring:
            if now >= self.window_begin and self.ticks >= self.warm_ticks:
                self.is_measuring = True
                self.window_begin = now
                self.ticks_before = self.ticks
                self.cpu_before = cpu_time()
        elif now >= self.window_begin + self.arguments.duration:
            self.finish(now)
        elif self.keeps_lateness:
            self.lateness.append(now - due)
        self.look_at = self.ticks + self.stride

    def finish(self, now):
        cpu = cpu_time() - self.cpu_before
        resident = resident_bytes()
        taken = now - self.window_begin
        ticks = self.ticks - self.ticks_before
        text = f'"ticks":{ticks},"seconds":{taken / 1e9:.6f}'
        text += f',"cpu_ns_per_tick":{cpu / ticks:.1f},"ns_per_tick":{taken / ticks:.1f}'
        if self.keeps_lateness:
            kept = sorted(self.lateness)
            for name, permille in (("late_p50_ns", 500), ("late_p99_ns", 990), ("late_p999_ns", 999)):
                text += f',"{name}":{kept[len(kept) * permille // 1000] if kept else 0}'
        if self.arguments.mode == "memory":
            text += f',"bytes_per_timer":{(resident - self.resident_before) / self.arguments.timers:.1f}'
        print("{" + text + "}", flush=True)
        os._exit(0)


class Timer:
    def __init__(self, interval, passes_over, service, method_name, max_drift=24 * 3600.0):
        self.interval = interval / 1e9
        self.passes_over = passes_over
        self.service = service
        self.method_name = method_name
        self.max_drift = max_drift
        self.stop_event = asyncio.Event()
        self.execution_count = 0
        self.total_execution_time = 0.0
        self.task = asyncio.create_task(self.loop())

    async def loop(self):
        due = time.monotonic() + self.interval
        while not self.stop_event.is_set():
            wait = due - time.monotonic()
            if wait < -self.max_drift:
                due += self.interval - wait
                wait = self.interval
            # The original does not wait at all when it is late; then nothing else would ever get a turn.
            try:
                await asyncio.wait_for(self.stop_event.wait(), max(wait, 1e-9))
                break
            except asyncio.TimeoutError:
                await self.run(due)
            if self.passes_over:
                due = next_due(due, self.interval, time.monotonic())
            else:
                due += self.interval

    async def run(self, due):
        method = getattr(self.service, self.method_name)
        begun = time.monotonic()
        self.execution_count += 1
        logger.debug("executing %s", self.method_name)
        if inspect.iscoroutinefunction(method):
            await method(due)
        else:
            method(due)
        taken = time.monotonic() - begun
        self.total_execution_time += taken
        logger.debug("%s took %.3f s", self.method_name, taken)


class Service:
    def __init__(self, meter):
        self.meter = meter

    async def tick(self, due):
        self.meter.tick(int(due * 1e9))


async def main():
    arguments = Arguments(sys.argv)
    meter = Meter(arguments)
    service = Service(meter)
    begun = time.monotonic_ns()
    passes_over = arguments.passes_over()
    timers = [Timer(arguments.interval(n), passes_over, service, "tick") for n in range(arguments.timers)]
    await asyncio.sleep(0)
    started = time.monotonic_ns()
    if arguments.mode != "startstop":
        meter.begin()
        await asyncio.Event().wait()  # the meter ends the process
    for timer in timers:
        timer.stop_event.set()
    await asyncio.gather(*(timer.task for timer in timers))
    print(f'{{"start_ns":{started - begun},"stop_ns":{time.monotonic_ns() - started}}}')


asyncio.run(main())

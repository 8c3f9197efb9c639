"""Does to servers and replicas what happens to servers and replicas, and writes down when."""

import json
import signal
import time

from processes import wait_until

PATIENCE = 60  # seconds for a server or replica to be well again


class Trouble(Exception):
    """Something that nobody wanted to happen."""


class Nemesis:
    """`pick` is a random.Random: the same one does the same things in the same order, though not at the same points of
    what the processes do."""

    def __init__(self, pick, servers, replicas, ledger, log):
        self._pick = pick
        self._servers = servers
        self._replicas = replicas
        self._ledger = ledger
        self._log = log
        self._down = set()
        self._bag = []

    def strike(self, longest):
        """One fault of at most about `longest` seconds, and the recovery of what it hit. All kinds have their turn."""
        if not self._bag:
            self._bag = [
                ("kill owner", self._owner_in_a_run, self._kill),
                # Beyond owner_timeout: others go on, and it writes something stale when it wakes up.
                ("freeze owner", self._owner_in_a_run, lambda owner, seconds: self._freeze(owner, 2 + seconds)),
                ("kill server", self._some_server, self._kill),
                ("freeze server", self._some_server, self._freeze),
                ("restart all servers", lambda: self._servers, self._kill),
            ]
            self._pick.shuffle(self._bag)
        kind, choose, hit = self._bag.pop()
        seconds = self._pick.uniform(0.3, longest)
        victims = choose()
        begin = time.time()
        hit(victims, seconds)
        self._note(kind, ", ".join(victim.name for victim in victims), begin, time.time())

    def replace(self, replicas, when):
        """Ends replicas in peace and starts them again at `when`, by the wall clock."""
        begin = time.time()
        self._down.update(replicas)
        for replica in replicas:
            replica.popen.send_signal(signal.SIGTERM)
        for replica in replicas:
            replica.popen.wait()
        self.pause(when - time.time())
        for replica in replicas:
            replica.start()
        self._wait_for(replicas)
        self._down.difference_update(replicas)
        self._note("deployment", "all replicas", begin, time.time())

    def pause(self, seconds):
        """Lets everything be. A machine that stood still meanwhile is noted as a fault, too."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            before = time.monotonic()
            time.sleep(min(left, 0.05))
            stalled = time.monotonic() - before
            if stalled > 0.5:
                now = time.time()
                self._note("machine stands still", "", now - stalled, now)
            for process in self._servers + self._replicas:
                if process not in self._down and process.has_ended():
                    raise Trouble(f"{process.name} has ended by itself with {process.popen.returncode}")

    def _kill(self, processes, seconds):
        how = self._pick.choice([signal.SIGKILL, signal.SIGTERM]) if len(processes) > 1 else signal.SIGKILL
        self._down.update(processes)
        for process in processes:
            process.popen.send_signal(how)
        for process in processes:
            process.popen.wait()
        self.pause(seconds)
        for process in processes:
            process.start()
        self._wait_for(processes)
        self._down.difference_update(processes)

    def _freeze(self, processes, seconds):
        for process in processes:
            process.freeze()
        self.pause(seconds)
        for process in processes:
            process.thaw()
        self._wait_for(processes)

    def _wait_for(self, processes):
        for process in processes:
            if not wait_until(process.is_healthy, PATIENCE):
                raise Trouble(f"{process.name} is not well {PATIENCE} s after a fault")

    def _some_server(self):
        return [self._pick.choice(self._servers)]

    def _owner_in_a_run(self):
        """The replica in the middle of a run, if there is one within 5 s; else who ran last."""
        self.pause(self._pick.uniform(0, 1))
        alive = {replica.pid: replica for replica in self._replicas}
        marks = ", ".join("?" * len(alive))

        def newest(condition):
            query = f"SELECT pid FROM runs WHERE pid IN ({marks}) {condition} ORDER BY id DESC LIMIT 1"
            row = self._ledger.execute(query, list(alive)).fetchone()
            return [alive[row[0]]] if row else None

        found = []
        wait_until(lambda: found.append(newest("AND end_wall IS NULL")) or found[-1], 5)
        return found[-1] or newest("") or [self._pick.choice(self._replicas)]

    def _note(self, kind, target, begin, end):
        line = json.dumps({"kind": kind, "target": target, "begin": begin, "end": end})
        with open(self._log, "a", encoding="utf-8") as log:
            log.write(line + "\n")

#!/usr/bin/env -S python3 -B
"""One trial: servers, replicas and a nemesis for some minutes; then the ledger is checked.

trial.py --replica PROGRAM --minutes N [--servers 1|3] [--replicas N] [--seed S]

Ends with 0 when all that is promised was kept, else with 1 and the name of a folder with the ledger, the log of the
faults and those of all processes. Nothing is left running."""

import argparse
import json
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import check
from claims import read_claims
from nemesis import Nemesis, Trouble
from processes import Replica, Server, die_with_parent, free_ports, wait_until

CALM = check.SETTLED + 6  # seconds without a fault at the end
WORK = 200  # milliseconds that a run takes
LONG_WORK = 1600


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replica", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--servers", type=int, choices=[1, 3], default=1)
    parser.add_argument("--replicas", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.minutes * 60 < CALM + 10:
        parser.error(f"--minutes: at least {(CALM + 10) / 60:.2f}")
    if not 2 <= arguments.replicas <= 20:
        parser.error("--replicas: 2 to 20")
    return arguments


def start(processes, seconds):
    for process in processes:
        process.start()
    for process in processes:
        if not wait_until(process.is_healthy, seconds):
            raise Trouble(f"{process.name} does not start")


def make_ledger(path):
    ledger = sqlite3.connect(path, isolation_level=None, timeout=20)
    ledger.executescript((Path(__file__).parent / "ledger.sql").read_text(encoding="utf-8"))
    return ledger


def play(pick, nemesis, seconds):
    """Faults and pauses; now and then a pause in which a missed tick has no excuse."""
    end = time.monotonic() + seconds
    longest = min(5.0, seconds / 10)
    strikes = 0
    while end - time.monotonic() > longest + 2:
        strikes += 1
        nemesis.strike(longest)
        length = pick.uniform(22, 30) if strikes % 6 == 0 else pick.uniform(1, 4)
        nemesis.pause(min(length, end - time.monotonic()))


def deploy(nemesis, replicas):
    """Another version of all replicas, over a tick of the timer that catches up. Returns its token."""
    wall = time.time()
    due = (int(wall + 1) // check.REPORT_SECONDS + 1) * check.REPORT_SECONDS
    nemesis.pause(due - 0.5 - wall)
    nemesis.replace(replicas, due + 0.5)
    return due * 1000


def stop_replicas(replicas):
    """Their last statistics."""
    for replica in replicas:
        replica.popen.send_signal(signal.SIGTERM)
    statistics = []
    for replica in replicas:
        if not wait_until(replica.has_ended, 30):
            raise Trouble(f"{replica.name} does not stop")
        if replica.popen.returncode != 0:
            raise Trouble(f"{replica.name} has ended with {replica.popen.returncode}")
        statistics.append(json.loads(replica.last_words()[-1]))
    return statistics


def run(arguments, folder, processes):
    """Fills the folder."""
    pick = random.Random(f"{arguments.seed}, {arguments.servers}")
    ports = [free_ports(3) for _ in range(arguments.servers)]
    servers = [Server(number, folder, ports) for number in range(1, arguments.servers + 1)]
    processes += servers
    start(servers, 30)
    ledger = make_ledger(folder / "ledger.db")
    urls = [server.url for server in servers]
    replicas = [
        Replica(number, folder, arguments.replica, urls, arguments.servers, WORK, LONG_WORK)
        for number in range(1, arguments.replicas + 1)
    ]
    processes += replicas
    start(replicas, 30)
    if not wait_until(lambda: ledger.execute("SELECT count(*) FROM runs").fetchone()[0] > 0, 30):
        raise Trouble("no replica runs")

    begin = time.time()
    end = time.monotonic() + arguments.minutes * 60
    nemesis = Nemesis(pick, servers, replicas, ledger, folder / "faults.jsonl")
    play(pick, nemesis, arguments.minutes * 60 - CALM)
    # Servers have their leaders again.
    nemesis.pause(3)
    deployed = deploy(nemesis, replicas)
    nemesis.pause(max(CALM, end - time.monotonic()))
    facts = {"begin": begin, "deployed": deployed, "end": time.time(), "replicas": stop_replicas(replicas)}
    tokens = [row[0] for row in ledger.execute("SELECT DISTINCT token FROM runs")]
    facts["claims"] = read_claims(urls[0], "trial.write", "cliffracer", tokens)
    ledger.close()
    (folder / "trial.json").write_text(json.dumps(facts), encoding="utf-8")


def main():
    arguments = parse()
    die_with_parent(signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    folder = Path(tempfile.mkdtemp(prefix="cliffracer-cluster-"))
    processes = []
    kept = False
    try:
        print(f"servers {arguments.servers}, replicas {arguments.replicas}, seed {arguments.seed}", flush=True)
        run(arguments, folder, processes)
        kept = check.report(check.Trial(folder)) == 0
    except Trouble as trouble:
        print(f"TROUBLE: {trouble}")
    finally:
        for process in processes:
            process.kill()
        if kept:
            shutil.rmtree(folder)
        else:
            print(f"everything is in {folder}", flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

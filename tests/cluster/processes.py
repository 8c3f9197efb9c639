"""What a trial starts: servers and replicas, on the loopback interface. None outlives the process that started it."""

import ctypes
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with_parent(signal_number=signal.SIGKILL):
    """A stopped process, too, when the signal is SIGKILL."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal_number))


def find_nats_server():
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/local/bin"])
    found = shutil.which("nats-server", path=path)
    if found is None:
        raise FileNotFoundError("nats-server is not installed (Debian, Ubuntu: apt-get install nats-server)")
    return found


def free_ports(count):
    """Not among those that the kernel hands to outgoing connections: a client that looks for a killed server would
    sooner or later hold the server's port itself."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="utf-8").split())
    candidates = [port for port in range(10000, 65536) if not low <= port <= high]
    chosen = []
    for port in random.SystemRandom().sample(candidates, len(candidates)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        chosen.append(port)
        if len(chosen) == count:
            return chosen
    raise RuntimeError("there are not enough free ports")


class Process:
    """One that is started again and again. Its output is appended to NAME.out and NAME.log in `folder`."""

    def __init__(self, name, folder, command):
        self.name = name
        self.folder = folder
        self.command = [str(word) for word in command]
        self.popen = None

    @property
    def pid(self):
        return self.popen.pid if self.popen else None

    def start(self):
        parent = os.getpid()

        def before_exec():
            die_with_parent()
            if os.getppid() != parent:
                os._exit(126)

        with open(self.folder / f"{self.name}.out", "ab") as out, open(self.folder / f"{self.name}.log", "ab") as log:
            self.popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                preexec_fn=before_exec,
                start_new_session=True,  # Ctrl-C is for who started it
            )

    def has_ended(self):
        return self.popen is None or self.popen.poll() is not None

    def kill(self, signal_number=signal.SIGKILL):
        """Returns when it is gone."""
        if not self.has_ended():
            self.popen.send_signal(signal_number)
            self.popen.wait()

    def freeze(self):
        """Returns when it stands still."""
        self.popen.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self):
        self.popen.send_signal(signal.SIGCONT)


class Server(Process):
    """A nats-server with JetStream, `number` of those whose (client, route, monitoring) ports are `all_ports`."""

    def __init__(self, number, folder, all_ports):
        name = f"server-{number}"
        config = folder / f"{name}.conf"
        super().__init__(name, folder, [find_nats_server(), "-c", config])
        port, route, self.monitoring = all_ports[number - 1]
        self.url = f"nats://127.0.0.1:{port}"
        lines = [
            f'server_name: "{name}"',
            f'listen: "127.0.0.1:{port}"',
            f'http: "127.0.0.1:{self.monitoring}"',
            f'jetstream {{ store_dir: "{folder / name}" }}',
        ]
        if len(all_ports) > 1:
            routes = ", ".join(f'"nats://127.0.0.1:{other}"' for _, other, _ in all_ports if other != route)
            lines.append(f'cluster {{ name: "trial", listen: "127.0.0.1:{route}", routes: [{routes}] }}')
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def is_healthy(self):
        """By its own account: JetStream is there and its streams are up to date."""
        connection = http.client.HTTPConnection("127.0.0.1", self.monitoring, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Replica(Process):
    def __init__(self, number, folder, program, urls, bucket_replicas, work, long_work):
        urls = urls[number % len(urls) :] + urls[: number % len(urls)]
        arguments = [",".join(urls), folder / "ledger.db", bucket_replicas, work, long_work]
        super().__init__(f"replica-{number}", folder, [program, *arguments])
        self._said = 0

    def _output(self):
        path = self.folder / f"{self.name}.out"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def start(self):
        self._said = len(self._output())
        super().start()

    def is_healthy(self):
        """It has started; how its connection is, is the library's affair."""
        return len(self._output()) > self._said

    def last_words(self):
        """What it has printed since its newest start, line by line."""
        return self._output()[self._said :].splitlines()


def wait_until(condition, seconds):
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True

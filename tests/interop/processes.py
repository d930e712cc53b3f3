"""Processes on loopback ports of nobody's choosing: started, awaited with a deadline, always ended.

Nothing here waits for time to pass: whatever is waited for is asked for again and again, until a deadline.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

# Below the kernel's ephemeral range, so that no outgoing connection takes the port before its owner binds it.
PORTS = range(20000, 32000)

running = []


class Gone(Exception):
    """The process ended before it was ready."""


def free_port():
    """A loopback TCP port that nobody listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(met, what, seconds=60):
    """Asks `met` until it answers with something true, which is returned."""
    deadline = time.monotonic() + seconds
    while True:
        answer = met()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


class Process:
    """A child in a process group of its own, whose output goes to a file."""

    def __init__(self, name, command, directory, env=None):
        self.name = name
        self.log_file = Path(directory) / f"{name}.log"
        # Should the tests be killed outright, the kernel ends the child.
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with self.log_file.open("ab") as log:
            self._child = subprocess.Popen(
                [str(part) for part in command],
                cwd=directory,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running.append(self)

    @property
    def pid(self):
        return self._child.pid

    def alive(self):
        return self._child.poll() is None

    def log(self):
        return self.log_file.read_text(errors="replace")

    def await_ready(self, ready, seconds=60):
        """Waits until `ready` holds; a process that has ended will never be."""

        def ready_or_gone():
            if not self.alive():
                raise Gone(f"{self.name} ended with {self._child.returncode}:\n{self.log()}")
            return ready()

        try:
            wait_until(ready_or_gone, f"{self.name} to be ready", seconds)
        except TimeoutError as late:
            raise TimeoutError(f"{late}:\n{self.log()}") from None
        return self

    def stop(self, seconds=30):
        """Asks it to end, then makes it; returns its exit status."""
        if self.alive():
            self._signal(signal.SIGTERM)
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        # Whatever it started itself goes with it.
        self._signal(signal.SIGKILL)
        if self in running:
            running.remove(self)
        return self._child.wait(seconds)

    def _signal(self, number):
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            pass


def start(begin, attempts=3):
    """Calls `begin`, which picks its ports anew at each call, until no one else takes them first."""
    for left in reversed(range(attempts)):
        try:
            return begin()
        except Gone as gone:
            if left == 0 or "in use" not in str(gone):
                raise


def stop_all():
    for process in list(running):
        process.stop()

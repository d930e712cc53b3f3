"""The units as systemd reads them, and a restart behind a socket that the machine holds: nobody is turned away."""

import http.client
import os
import re
import shutil
import signal
import socket
import sys
import threading
from pathlib import Path

import processes
import pytest
from conftest import DEPLOY, good, portcullis, run
from recorder import Recorder

UNITS = DEPLOY / "systemd"

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze: the units are not read")

CONFIGURATION = """
[server]
listen = "fd:gate"
admin = "127.0.0.1:{admin}"

[upstream]
url = "{upstream}"

[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["client"]
jwks_url = "http://127.0.0.1:9/jwks.json"
required = false

[routes]
"/{{*rest}}" = {{ access = "public" }}
"""

# What systemd does with a socket of its own: https://www.freedesktop.org/software/systemd/man/sd_listen_fds.html
ACTIVATOR = """
import os, sys
socket = int(sys.argv[1])
if socket != 3:
    os.dup2(socket, 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "gate"}
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def units(tmp_path):
    """The units with a program that is there."""
    for unit in UNITS.glob("portcullis.s*"):
        text = unit.read_text().replace("/usr/local/bin/portcullis", os.environ["PORTCULLIS_BIN"])
        (tmp_path / unit.name).write_text(text)
    return tmp_path


@needs_systemd
def test_systemd_takes_the_units_and_finds_them_hardened(units):
    done = run("systemd-analyze", "verify", units / "portcullis.service", units / "portcullis.socket")
    assert (done.returncode, done.stderr) == (0, "")
    told = good(run("systemd-analyze", "security", "--offline=yes", "--threshold=15", units / "portcullis.service"))
    assert float(re.search(r"exposure level for portcullis.service: ([\d.]+)", told)[1]) <= 1.5
    # A misspelt setting is told by the same command, not swallowed.
    service = units / "portcullis.service"
    service.write_text(service.read_text().replace("ProtectSystem", "ProtectSytem"))
    assert "ProtectSytem" in run("systemd-analyze", "verify", service).stderr


def test_socket_and_configuration_agree():
    name = re.search(r"^FileDescriptorName=(.+)$", (UNITS / "portcullis.socket").read_text(), re.M)[1]
    configuration = (UNITS / "portcullis.toml").read_text()
    assert f'listen = "fd:{name}"' in configuration
    good(portcullis("check", "--config", UNITS / "portcullis.toml"))


def test_a_restart_behind_the_socket_loses_no_request(tmp_path):
    upstream = Recorder()
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as held:
        address = held.getsockname()

        def begin():
            file = tmp_path / "portcullis.toml"
            file.write_text(CONFIGURATION.format(admin=processes.free_port(), upstream=upstream.url))
            command = [sys.executable, "-c", ACTIVATOR, "3", os.environ["PORTCULLIS_BIN"], "run", "--config", file]
            return Activated(command, tmp_path, held)

        first = processes.start(begin)
        answers, faults, stop = [], [], threading.Event()

        def ask():
            # A connection for each request: every one of them must find somebody.
            while not stop.is_set():
                try:
                    connection = http.client.HTTPConnection(*address, timeout=60)
                    connection.request("GET", "/orders")
                    answers.append(connection.getresponse().status)
                    connection.close()
                except OSError as fault:
                    faults.append(fault)
                    return

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        processes.wait_until(lambda: len(answers) > 20, "requests to be answered")
        assert first.end() == 0
        second = processes.start(begin)
        before = len(answers)
        processes.wait_until(lambda: len(answers) > before + 20, "requests to be answered by the next process")
        stop.set()
        for client in clients:
            client.join()
        assert second.end() == 0
    assert faults == []
    assert set(answers) == {200}
    assert len(upstream.requests) == len(answers)
    upstream.stop()


class Activated:
    """The program with a socket that stays when it goes."""

    def __init__(self, command, directory, held):
        import subprocess

        self._log = Path(directory) / "gate.log"
        inherited = held.fileno()
        command = [str(inherited) if part == "3" else str(part) for part in command]
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(command, pass_fds=[inherited], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        listening = self._log.read_text().count("listening")
        processes.wait_until(lambda: self._child.poll() is not None or self._log.read_text().count("listening") > listening, "it to listen")
        if self._child.poll() is not None:
            raise processes.Gone(self._log.read_text())

    def end(self):
        self._child.send_signal(signal.SIGTERM)
        return self._child.wait(60)

"""Radicale, a calendar server that believes whatever X-Remote-User says, behind the gate.

A CalDAV client that knows nothing of the gate signs in with a Cognito token; one that brings its own X-Remote-User
gets nowhere.
"""

import json
import os
import subprocess
from pathlib import Path

import processes
from gate import send
from pytest import fixture, mark

HERE = Path(__file__).parent

SETTINGS = """\
[server]
hosts = 127.0.0.1:{port}

[auth]
type = http_x_remote_user
delay = 0

[rights]
type = owner_only

[storage]
filesystem_folder = {folder}
"""

# Methods are the application's affair: PROPFIND, MKCALENDAR, REPORT and PUT go where GET goes.
POLICY = """\
[identity.headers]
X-Remote-User = { value = "username", required = true }

[routes]
"/{*rest}" = "aws.cognito.signin.user.admin"
"""

# Radicale is a WSGI service: every one of these is its HTTP_X_REMOTE_USER.
SPELLINGS = ["X-Remote-User", "x-remote-user", "X_Remote_User", "X-Remote_User", "x_remote-user"]

WHO_AM_I = b"""<?xml version="1.0"?>
<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>"""


class Radicale:
    def __init__(self, directory):
        self._directory = directory
        self.process = processes.start(self._begin)

    def _begin(self):
        self.port = processes.free_port()
        file = self._directory / "radicale.ini"
        file.write_text(SETTINGS.format(port=self.port, folder=self._directory / "collections"))
        python = Path(os.environ["INTEROP_SCRATCH"]) / "dav/bin/python"
        process = processes.Process("radicale", [python, "-m", "radicale", "--config", file], self._directory)
        return process.await_ready(self._answers)

    def _answers(self):
        try:
            return send(self.port, "GET", "/.web/")
        except OSError:
            return False


@fixture(scope="module")
def radicale(tmp_path_factory):
    return Radicale(tmp_path_factory.mktemp("radicale"))


@fixture(scope="module")
def gate(open_gate, pool, radicale):
    return open_gate(pool.table() + POLICY, upstream=f"http://127.0.0.1:{radicale.port}")


@fixture(scope="module")
def alice(pool):
    return pool.web.sign_in("alice")["AccessToken"]


@fixture(scope="module")
def bob(pool):
    return pool.web.sign_in("bob")["AccessToken"]


def run_calendar_client(gate, token, *arguments):
    python = Path(os.environ["INTEROP_SCRATCH"]) / "dav/bin/python"
    command = [python, HERE / "calendar_client.py", gate.url, *arguments]
    environment = {**os.environ, "TOKEN": token}
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


def calendars(gate, token, *arguments):
    done = run_calendar_client(gate, token, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@fixture(scope="module")
def alices_calendar(gate, alice):
    return calendars(gate, alice, "add", "Work", "Budget review")


def principal(port, headers):
    answer = send(port, "PROPFIND", "/", [("Depth", "0"), *headers], WHO_AM_I)
    assert answer.status == 207, (answer.status, answer.body)
    return answer.body.decode()


def test_a_calendar_is_made_and_read_with_a_token(gate, alice, alices_calendar):
    assert alices_calendar["principal"].endswith("/alice/")
    assert alices_calendar["calendars"] == {"Work": ["Budget review"]}
    assert calendars(gate, alice, "list", "Work") == alices_calendar


def test_each_user_has_calendars_of_her_own(gate, bob, alices_calendar):
    bobs = calendars(gate, bob, "add", "Home", "Dentist")
    assert bobs["principal"].endswith("/bob/")
    assert bobs["calendars"] == {"Home": ["Dentist"]}


def test_without_a_good_token_there_is_no_calendar(gate, alice, alices_calendar):
    assert run_calendar_client(gate, alice[:-8] + "AAAAAAAA", "list", "Work").returncode != 0
    answer = gate.ask("PROPFIND", "/alice/")
    assert (answer.status, answer.problem["reason"]) == (401, "missing_token")
    assert answer.challenge.startswith("Bearer")


@mark.parametrize("spelling", SPELLINGS)
def test_radicale_itself_believes_any_client(radicale, spelling):
    """What the gate is for: without it, a header is all that it takes."""
    assert "/alice/" in principal(radicale.port, [(spelling, "alice")])


@mark.parametrize("spelling", SPELLINGS)
def test_a_client_that_names_itself_gets_nowhere(gate, bob, alices_calendar, spelling):
    forged = [(spelling, "alice")]
    answer = gate.ask("PROPFIND", "/alice/", headers=forged)
    assert (answer.status, answer.problem["reason"]) == (401, "missing_token")

    seen = principal(gate.port, [("Authorization", f"Bearer {bob}"), *forged])
    assert "/bob/" in seen and "alice" not in seen
    for depth in ("0", "1"):
        answer = gate.ask("PROPFIND", "/alice/", bob, [("Depth", depth), *forged], WHO_AM_I)
        assert answer.status == 403 and b"Work" not in answer.body
    assert gate.ask("DELETE", "/alice/", bob, forged).status == 403


def test_a_machine_has_no_user_to_be(gate, pool):
    """A token without `username` never reaches a service that would take no name for some name."""
    answer = gate.ask("PROPFIND", "/", pool.machine.machine_token("orders/read"))
    assert (answer.status, answer.problem["reason"]) == (403, "insufficient_scope")

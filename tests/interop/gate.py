"""The gate under test: the real binary with a configuration, and a client that says exactly what it is told to."""

import http.client
import json
import os
from dataclasses import dataclass
from pathlib import Path

import processes
from recorder import Recorder, Seen

BINARY = os.environ["PORTCULLIS_BIN"]

SERVER = """\
[server]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin_port}"
drain_timeout = "2s"
{server}
[upstream]
url = "{upstream}"

"""


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def problem(self):
        assert self.headers.get_content_type() == "application/problem+json", (self.status, self.body)
        return json.loads(self.body)

    @property
    def challenge(self):
        return self.headers.get("WWW-Authenticate", "")


class Gate:
    """`policy` is the configuration from `[pools]` on, `server` are more lines of `[server]`. Without an `upstream` it gets a recorder
    of its own; without a `port`, one of its own choosing."""

    def __init__(self, directory, policy, upstream=None, env=None, server="", port=None):
        self.upstream = None if upstream else Recorder()
        self._directory = Path(directory)
        self._policy, self._server, self._port = policy, server, port
        self._upstream_url = upstream or self.upstream.url
        self._env = {"NO_COLOR": "1", **(env or {})}
        self.process = processes.start(self._begin)

    def _begin(self):
        self.port, self.admin_port = self._port or processes.free_port(), processes.free_port()
        settings = {"port": self.port, "admin_port": self.admin_port, "upstream": self._upstream_url, "server": self._server}
        text = SERVER.format(**settings) + self._policy
        file = self._directory / "portcullis.toml"
        file.write_text(text)
        process = processes.Process("gate", [BINARY, "run", "--config", file], self._directory, self._env)
        return process.await_ready(lambda: self._is_ready())

    def _is_ready(self):
        try:
            return send(self.admin_port, "GET", "/readyz").status == 200
        except OSError:
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method, target, token=None, headers=(), body=None):
        bearer = [("Authorization", f"Bearer {token}")] if token else []
        return send(self.port, method, target, [*bearer, *headers], body)

    def admits(self, method, target, token=None, headers=(), body=None):
        """The request reaches the upstream, once; returned is what the upstream saw of it."""
        before = len(self.upstream.requests)
        answer = self.ask(method, target, token, headers, body)
        assert answer.status == 200, (answer.status, answer.body)
        assert len(self.upstream.requests) == before + 1
        return Seen(**json.loads(answer.body))

    def refuses(self, status, reason, method, target, token=None, headers=(), body=None):
        """The request is refused with this status and reason, and nothing of it reaches the upstream."""
        before = len(self.upstream.requests)
        answer = self.ask(method, target, token, headers, body)
        assert (answer.status, answer.problem.get("reason")) == (status, reason), answer.problem
        assert answer.problem["status"] == status
        assert len(self.upstream.requests) == before
        if status == 401:
            assert answer.challenge.startswith("Bearer")
        if token:
            assert token not in answer.body.decode()
        return answer

    def stop(self):
        status = self.process.stop()
        if self.upstream:
            self.upstream.stop()
        return status


def send(port, method, target, headers=(), body=None):
    """One request on a connection of its own, its headers byte for byte and repeated where they repeat."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()

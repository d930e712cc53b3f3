"""A configuration that changes under load: no request fails, and each is judged by one configuration alone.

Two configurations take turns. Red sends to the red service and calls everybody red; blue to the blue one. `/door` is
public in red and asks for a scope that nobody has in blue. So a service that is told the other colour, or a blue one that is asked for
`/door`, has met a request that was judged by halves of two.
"""

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from itertools import cycle
from pathlib import Path

import jwt
import processes
from cryptography.hazmat.primitives.asymmetric import rsa
from gate import BINARY, send
from jwt.algorithms import RSAAlgorithm
from pytest import fixture, mark

pytestmark = mark.skipif(
    not shutil.which("h2load"), reason="SKIPPED: h2load is missing (Debian: nghttp2-client): nothing was reloaded under load"
)

SECONDS = int(os.environ.get("INTEROP_RELOAD_SECONDS", "60"))
RELOADS = 200

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Reload"

POLICY = """\
# {number}
[server]
listen = "127.0.0.1:{port}"
admin = "127.0.0.1:{admin_port}"
drain_timeout = "2s"

[upstream]
url = "{red}"
[upstreams.blue]
url = "{blue}"

[pools.main]
user_pool_id = "eu-west-1_Reload"
jwks_url = "none"
jwks_file = "{jwks}"
client_ids = ["reloader"]

[telemetry]
access_log = false

[identity.headers]
X-First = "{colour}-{{sub}}"
X-Second = "{colour}-{{client_id}}"

[routes]
"/mix" = {{ any_scope = ["mix/{colour}"], upstream_line }}
"/door" = {{ {door} }}

[tests]
"the door" = {{ request = "GET /door", expect = "{expect}" }}
"""


class Service:
    """A service of one colour that counts what it is sent, and what should never have come to it."""

    def __init__(self, colour):
        self.colour, self.seen, self.wrong = colour, 0, []
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        threading.Thread(target=self._run, args=(started,), daemon=True).start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(lambda: Speaker(self), "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        self._loop.run_forever()

    def meet(self, head):
        self.seen += 1
        path = head.split(b" ", 2)[1]
        colours = re.findall(rb"^x-(?:first|second): (\w+)-", head, re.M | re.I)
        told = [self.colour.encode()] * 2 if path == b"/mix" else []
        if colours != told or (path == b"/door" and self.colour == "blue"):
            self.wrong.append(head)

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)


class Speaker(asyncio.Protocol):
    """Requests without a body, one after the other."""

    def __init__(self, service):
        self._service, self._buffer = service, b""

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
            self._service.meet(head)
            body = self._service.colour.encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


class Mount:
    """A ConfigMap as the kubelet keeps it: `portcullis.toml` leads through `..data` to the version of the day."""

    def __init__(self, folder):
        self.folder, self._count = Path(folder), 0
        self.file = self.folder / "portcullis.toml"

    def swap(self, text):
        """All files at once, by one rename."""
        self._count += 1
        version = self.folder / f"..v{self._count}"
        version.mkdir()
        (version / "portcullis.toml").write_text(text)
        link = self.folder / "..data_tmp"
        link.symlink_to(version.name)
        before = os.readlink(self.folder / "..data") if self._count > 1 else None
        os.replace(link, self.folder / "..data")
        if self._count == 1:
            self.file.symlink_to("..data/portcullis.toml")
        elif not self.file.is_symlink():
            link.symlink_to("..data/portcullis.toml")
            os.replace(link, self.file)
        if before:
            shutil.rmtree(self.folder / before)

    def replace(self, text):
        """As an editor does it: a plain file, renamed over what was there."""
        new = self.folder / "new"
        new.write_text(text)
        os.replace(new, self.file)


class Reloaded:
    """The gate, its services, and the token that opens both configurations."""

    def __init__(self, folder):
        self.services = {colour: Service(colour) for colour in ("red", "blue")}
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": "k1", "use": "sig", "alg": "RS256"}
        self._jwks = Path(folder) / "jwks.json"
        self._jwks.write_text(json.dumps({"keys": [public]}))
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "somebody",
            "client_id": "reloader",
            "token_use": "access",
            "scope": "mix/red mix/blue",
            "iat": now,
            "exp": now + 3600,
        }
        self.token = jwt.encode(claims, key, "RS256", headers={"kid": "k1"})
        (Path(folder) / "mount").mkdir()
        self.mount = Mount(Path(folder) / "mount")
        self._folder, self._number = folder, 0
        self.process = processes.start(self._begin)

    def _begin(self):
        self.port, self.admin_port = processes.free_port(), processes.free_port()
        self.mount.swap(self.text("red"))
        process = processes.Process("gate", [BINARY, "run", "--config", self.mount.file], self._folder)
        return process.await_ready(self._is_ready)

    def _is_ready(self):
        try:
            return send(self.admin_port, "GET", "/readyz").status == 200
        except OSError:
            return False

    def text(self, colour):
        self._number += 1
        is_red = colour == "red"
        text = POLICY.format(
            number=self._number,
            port=self.port,
            admin_port=self.admin_port,
            red=self.services["red"].url,
            blue=self.services["blue"].url,
            jwks=self._jwks,
            colour=colour,
            door='access = "public"' if is_red else 'any_scope = ["nobody/has"]',
            expect="allow" if is_red else "missing_token",
        )
        return text.replace("upstream_line", 'timeout = "30s"' if is_red else 'upstream = "blue"')

    def bad(self):
        """Configurations that must be refused, each for another reason."""
        good = self.text("red")
        return [
            good + "\n[routes",
            good.replace("client_ids", "cliend_ids"),
            good.replace('expect = "allow"', 'expect = "no_route"'),
            good.replace("[telemetry]", '[upstreams.x]\nurl = "http://127.0.0.1:1"\nbasic_auth = { username = { file = "/nowhere" }, password = { env = "NOWHERE" } }\n[telemetry]'),
            "",
        ]

    def count(self, result):
        metrics = send(self.admin_port, "GET", "/metrics").body.decode()
        found = re.search(rf'^portcullis_config_reloads_total{{result="{result}"}} (\d+)$', metrics, re.M)
        return int(found.group(1)) if found else 0

    def stop(self):
        status = self.process.stop()
        for service in self.services.values():
            service.stop()
        return status


@fixture
def reloaded(tmp_path):
    reloaded = Reloaded(tmp_path)
    yield reloaded
    reloaded.stop()


class Load(threading.Thread):
    """A client that asks for `/mix` until it is told to stop: h2load in rounds, of a few connections. One that failed is a fault."""

    ROUND = 10

    def __init__(self, reloaded, done, *options):
        super().__init__(daemon=True)
        self._command = ["h2load", "-D", str(self.ROUND), "-c", "2", "-t", "1", *options]
        self._command += ["-H", f"authorization: Bearer {reloaded.token}", f"http://127.0.0.1:{reloaded.port}/mix"]
        self._done, self.requests, self.rounds, self.faults = done, 0, 0, []
        self.start()

    def run(self):
        while not self._done.is_set() and not self.faults:
            said = subprocess.run(self._command, capture_output=True, text=True, timeout=self.ROUND + 60).stdout
            counted = re.search(r"^requests: (.*)$", said, re.M)
            counts = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", counted.group(1) if counted else "")}
            statuses = {name: int(count) for count, name in re.findall(r"(\d+) (\dxx)", said)}
            good = counts.get("done", 0)
            if not (good > 0 and counts["succeeded"] == statuses["2xx"] == good and counts["failed"] == 0):
                self.faults.append(said)
            self.requests, self.rounds = self.requests + good, self.rounds + 1


def knock(reloaded, done, answers):
    """Asks for the door again and again over one connection: open, or closed, and nothing else."""
    connection = http.client.HTTPConnection("127.0.0.1", reloaded.port, timeout=20)
    while not done.is_set():
        connection.request("GET", "/door")
        answer = connection.getresponse()
        answers.append((answer.status, answer.read().decode()))
    connection.close()


def test_two_hundred_reloads_under_load(reloaded):
    started = time.monotonic()
    done, answers = threading.Event(), []
    clients = [Load(reloaded, done, "-m", "4"), Load(reloaded, done, "--h1")]
    knocker = threading.Thread(target=knock, args=(reloaded, done, answers))
    knocker.start()
    process = reloaded.process
    bad, colours, kinds = cycle(range(5)), cycle(["blue", "red"]), cycle(["swap", "bad", "replace"])
    before = {result: reloaded.count(result) for result in ("ok", "refused")}
    taken = {"ok": 0, "refused": 0}
    for number in range(RELOADS):
        kind = next(kinds)
        if kind == "bad":
            result, text = "refused", reloaded.bad()[next(bad)]
        else:
            result, text = "ok", reloaded.text(next(colours))
        earlier = reloaded.count(result)
        (reloaded.mount.replace if kind == "replace" else reloaded.mount.swap)(text)
        # Every tenth is left to be found by itself.
        if number % 10:
            os.kill(process.pid, signal.SIGHUP)
        processes.wait_until(lambda: reloaded.count(result) > earlier, f"reload {number}, a {kind}")
        taken[result] += 1
        # Spread over the time that is asked for, whatever a reload itself takes.
        pause = started + (number + 1) * SECONDS / RELOADS - time.monotonic()
        time.sleep(max(0, min(pause, 1)))
    done.set()
    for client in [*clients, knocker]:
        client.join()
    assert [client.faults for client in clients] == [[], []]
    assert taken["ok"] + taken["refused"] == RELOADS
    for result, least in taken.items():
        assert reloaded.count(result) - before[result] >= least
    assert {(200, "red")} <= set(answers) and {status for status, _ in answers} == {200, 401}, set(answers)
    assert all(body == "red" for status, body in answers if status == 200)
    services = reloaded.services.values()
    assert all(service.wrong == [] for service in services), [service.wrong[:3] for service in services]
    assert all(service.seen > 100 for service in services)
    # Each reached one service, once; at the end of its rounds h2load leaves off in the middle of some.
    seen = sum(service.seen for service in services)
    requests = [client.requests for client in clients]
    expected = sum(requests) + sum(status == 200 for status, _ in answers)
    left_off = sum(client.rounds * 2 * 4 for client in clients)
    assert 0 <= seen - expected <= left_off, (seen, expected)
    assert "panicked" not in process.log() and "eyJ" not in process.log()
    print(f"{RELOADS} reloads ({taken}) in {time.monotonic() - started:.0f} s, {requests} requests, door {len(answers)}")
    assert reloaded.process.stop() == 0

"""A gate with two configurations that take turns, the two services behind it, and clients that never stop asking.

Red sends to the red service and calls everybody red; blue to the blue one. `/door` is public in red and asks for a scope that
nobody has in blue. So a service that is told the other colour, or a blue one that is asked for `/door`, has met a request that was judged by
halves of two.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import jwt
import processes
from cryptography.hazmat.primitives.asymmetric import rsa
from gate import BINARY, send
from jwt.algorithms import RSAAlgorithm

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

    def __init__(self, folder, before=()):
        """`before` is what the gate is started by: a command that runs another."""
        self.services = {colour: Service(colour) for colour in ("red", "blue")}
        self._keys = [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]
        self._jwks = Path(folder) / "jwks.json"
        self.publish(0, 1)
        self.token = self.issue(0)
        (Path(folder) / "mount").mkdir()
        self.mount = Mount(Path(folder) / "mount")
        self._folder, self._number, self._before = folder, 0, list(before)
        self.process = processes.start(self._begin)

    def publish(self, *numbers):
        """These keys, and no others, are the pool's."""
        keys = [
            {**json.loads(RSAAlgorithm.to_jwk(self._keys[number].public_key())), "kid": f"k{number}", "use": "sig", "alg": "RS256"}
            for number in numbers
        ]
        new = self._jwks.with_suffix(".new")
        new.write_text(json.dumps({"keys": keys}))
        os.replace(new, self._jwks)

    def issue(self, number, **changes):
        """A token by the key of this number."""
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
        return jwt.encode({**claims, **changes}, self._keys[number], "RS256", headers={"kid": f"k{number}"})

    def _begin(self):
        self.port, self.admin_port = processes.free_port(), processes.free_port()
        self.mount.swap(self.text("red"))
        process = processes.Process("gate", [*self._before, BINARY, "run", "--config", self.mount.file], self._folder)
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

"""Clients that people use, and services that they call, with the gate between them: curl, events, WebSockets, gRPC, h2load.

R15: bodies of 200 MB pass both ways, in every framing, over both protocols, and the gate holds none of them.
"""

import json
import re
import shutil
import ssl
import subprocess
import threading
from pathlib import Path

import certificates
import grpc
import httpx
import legacy
import processes
import pytest
import websockets
from httpx_sse import connect_sse
from pytest import fixture, mark
from websockets.sync import client

POLICY = """\
[upstreams.storage]
url = "{storage}"

[upstreams.events]
url = "{events}"

[upstreams.echo]
url = "{echo}"

[upstreams.greeter]
url = "{greeter}"
http2 = true

[identity.headers]
X-User = ["username", "client:{{client_id}}"]

[routes]
"GET /orders/{{id}}" = "orders/read"
"POST /orders" = "orders/write"
"/public/{{*rest}}" = {{ access = "public" }}
"/store/{{*rest}}" = {{ any_scope = ["orders/write"], upstream = "storage", strip_prefix = "/store" }}
"/events" = {{ any_scope = ["orders/read"], upstream = "events" }}
"/ws" = {{ any_scope = ["orders/read"], upstream = "echo" }}
"POST /test.Greeter/{{method}}" = {{ any_scope = ["orders/read"], upstream = "greeter" }}
"""

TLS = """\

[server.tls]
cert_file = "{0}/cert.pem"
key_file = "{0}/key.pem"
"""

MEGABYTES = 200
# What the gate may grow by while it passes them on: buffers, not bodies.
ROOM = 24 << 20


@fixture(scope="module")
def services():
    made = {"storage": legacy.Storage(), "events": legacy.Events(), "echo": legacy.Echo(), "greeter": legacy.Greeter()}
    yield made
    for service in made.values():
        service.stop()


@fixture(scope="module")
def policy(pool, services):
    return pool.table() + POLICY.format(**{name: service.url for name, service in services.items()})


@fixture(scope="module")
def gate(open_gate, policy):
    return open_gate(policy)


@fixture(scope="module")
def secure(open_gate, policy, tmp_path_factory):
    directory = certificates.write(tmp_path_factory.mktemp("certificates"))
    gate = open_gate(policy + TLS.format(directory))
    gate.authority = directory / "ca.pem"
    return gate


@fixture(scope="module")
def token(pool):
    return pool.machine.machine_token("orders/read orders/write")


@fixture(scope="module")
def user(pool):
    return f"client:{pool.machine.id}"


# How curl speaks to which gate, and what it says that it spoke.
WAYS = {
    "http1": (["--http1.1"], "1.1"),
    "http2": (["--http2-prior-knowledge"], "2"),
    "tls-http1": (["--http1.1"], "1.1"),
    "tls-http2": (["--http2"], "2"),
}


class Curl:
    def __init__(self, way, request, token):
        self._options, self.version = WAYS[way]
        self.gate = request.getfixturevalue("secure" if way.startswith("tls") else "gate")
        self._origin = self.gate.url
        if way.startswith("tls"):
            self._options = [*self._options, "--cacert", self.gate.authority]
            self._origin = f"https://localhost:{self.gate.port}"
        self._token = token

    def command(self, target, *options, token=True):
        bearer = ["--header", f"Authorization: Bearer {self._token}"] if token else []
        return ["curl", "--silent", "--show-error", "--max-time", "300", *bearer, *self._options, *options, self._origin + target]

    def __call__(self, target, *options, token=True, input=None):
        """Status, version of HTTP and body."""
        written = ["--write-out", "\n%{http_code} %{http_version}"]
        command = self.command(target, *written, *options, token=token)
        done = subprocess.run(command, input=input, capture_output=True, timeout=330)
        assert done.returncode == 0, done.stderr
        body, _, told = done.stdout.rpartition(b"\n")
        status, version = told.decode().split()
        assert version == self.version
        return int(status), body


@fixture(params=WAYS)
def curl(request, token):
    if not shutil.which("curl"):
        pytest.skip("no curl")
    return Curl(request.param, request, token)


def test_curl_is_served_and_refused(curl, user):
    status, body = curl("/orders/1?a=%20b")
    seen = json.loads(body)
    assert (status, seen["target"]) == (200, "/orders/1?a=%20b")
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert headers["x-user"] == user
    assert headers["x-forwarded-proto"] == ("https" if curl.gate.url != curl._origin else "http")
    assert "authorization" not in headers
    status, body = curl("/orders/1", token=False)
    assert (status, json.loads(body)["reason"]) == (401, "missing_token")
    status, body = curl("/public/x", "--head", "--path-as-is")
    assert status == 200
    status, body = curl("/public/../orders/1", "--path-as-is", token=False)
    assert (status, json.loads(body)["reason"]) == (400, "ambiguous_path")


def test_curl_waits_for_a_go_ahead_and_gets_its_refusal_without_one(curl):
    """Over HTTP/2 no go-ahead is given: a client goes on when it has waited for long enough."""
    body = b"x" * 300_000
    patience = "20" if curl.version == "1.1" else "0.5"
    expecting = ["--data-binary", "@-", "--header", "Expect: 100-continue", "--expect100-timeout", patience]
    status, answer = curl("/orders", *expecting, input=body)
    assert (status, len(json.loads(answer)["body"])) == (200, len(body))
    status, answer = curl("/orders", *expecting, token=False, input=body)
    assert (status, json.loads(answer)["reason"]) == (401, "missing_token")


@mark.parametrize("size", [10, 300_000, 10_000_000])
def test_s19_curl_reads_its_refusal_while_it_is_still_sending(curl, size):
    """Older curls take a stream that is reset for a fault, even when its answer is whole."""
    body = b"x" * size
    for _ in range(10):
        status, answer = curl("/orders", "--data-binary", "@-", "--header", "Expect:", token=False, input=body)
        assert (status, json.loads(answer)["reason"]) == (401, "missing_token")


def memory(gate):
    status = Path(f"/proc/{gate.process.pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)[1]) << 10


class Watched:
    """The most memory that the gate held meanwhile."""

    def __init__(self, gate):
        self._gate, self._over = gate, threading.Event()
        self._before = self._most = memory(gate)
        self._thread = threading.Thread(target=self._look)

    def _look(self):
        while not self._over.wait(0.02):
            self._most = max(self._most, memory(self._gate))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    @property
    def grown(self):
        return self._most - self._before


@fixture(scope="module")
def blob_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("blob") / "blob"
    with path.open("wb") as file:
        for piece in legacy.blob(MEGABYTES):
            file.write(piece)
    yield path
    path.unlink()


@fixture(scope="module")
def blob_digest():
    return legacy.digest(legacy.blob(MEGABYTES))


@mark.parametrize("framing", ["length", "chunked"])
def test_r15_a_large_upload_passes_whole_and_is_not_held(curl, framing, blob_file, blob_digest):
    options = ["--upload-file", blob_file]
    if framing == "chunked":
        # From a pipe nobody knows how much there will be; over HTTP/2 that needs no word.
        options = ["--upload-file", "-"]
    with Watched(curl.gate) as watched, blob_file.open("rb") as file:
        done = subprocess.run(curl.command("/store/x", *options), stdin=file, capture_output=True, timeout=330)
    assert done.returncode == 0, done.stderr
    expected = str(MEGABYTES << 20) if framing == "length" else "chunked"
    assert done.stdout.decode() == f"{blob_digest} {expected}"
    assert watched.grown < ROOM, f"{watched.grown >> 20} MB"


@mark.parametrize("framing", ["length", "chunked"])
def test_r15_a_large_download_passes_whole_and_is_not_held(curl, framing, blob_digest):
    target = f"/store/{'chunked/' if framing == 'chunked' else ''}{MEGABYTES}"
    with Watched(curl.gate) as watched:
        child = subprocess.Popen(curl.command(target), stdout=subprocess.PIPE)
        came = legacy.digest(iter(lambda: child.stdout.read(1 << 20), b""))
    assert (child.wait(), came) == (0, blob_digest)
    assert watched.grown < ROOM, f"{watched.grown >> 20} MB"


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


@mark.parametrize("way", WAYS)
def test_events_are_heard_one_by_one(request, token, services, way):
    """The service says the next only when the last was heard: whoever kept one back would keep it for ever."""
    gate = request.getfixturevalue("secure" if way.startswith("tls") else "gate")
    verify, url = True, f"{gate.url}/events"
    if way.startswith("tls"):
        verify, url = ssl.create_default_context(cafile=gate.authority), f"https://localhost:{gate.port}/events"
    is_http2 = way.endswith("http2")
    with httpx.Client(http1=not is_http2, http2=is_http2, verify=verify, timeout=60, trust_env=False) as client:

        def hear(headers):
            heard = []
            with connect_sse(client, "GET", url, headers={**bearer(token), **headers}) as source:
                source.response.raise_for_status()
                assert source.response.http_version == ("HTTP/2" if is_http2 else "HTTP/1.1")
                for event in source.iter_sse():
                    assert event.event == "word"
                    heard.append((event.id, event.data))
                    services["events"].heard.release()
            return heard

        told = [(str(number), word) for number, word in enumerate(services["events"].WORDS, 1)]
        assert hear({}) == told
        # Who comes back is told the rest.
        assert hear({"Last-Event-ID": "1"}) == told[1:]


def connect(url, **more):
    """A WebSocket whose client has patience."""
    return client.connect(url, open_timeout=60, close_timeout=60, ping_timeout=None, **more)


def test_websockets_talk_through_it(gate, token, user, services):
    with connect(f"ws://127.0.0.1:{gate.port}/ws", additional_headers=bearer(token), max_size=4 << 20) as socket:
        socket.send("who")
        assert socket.recv(timeout=60) == user
        for message in (b"\x00\xff" * (512 << 10), "\u2713" * (350 << 10), "", b""):
            socket.send(message)
            assert socket.recv(timeout=60) == message
        # In pieces: a message of many frames.
        socket.send(["one ", "two ", "three"])
        assert socket.recv(timeout=60) == "one two three"
        assert socket.ping(b"still there?").wait(60)
    assert processes.wait_until(lambda: services["echo"].closed, "the service to hear the close")[-1] == (1000, "")


@mark.parametrize("code, reason", [(1000, "done"), (1001, "gone"), (1008, "no"), (1011, "broken"), (4321, "own \u2713")])
def test_codes_of_a_close_pass_both_ways(gate, token, services, code, reason):
    url = f"ws://127.0.0.1:{gate.port}/ws"
    closed_before = len(services["echo"].closed)
    with connect(url, additional_headers=bearer(token)) as socket:
        socket.send(f"close {code} {reason}")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            socket.recv(timeout=60)
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, reason)
    with connect(url, additional_headers=bearer(token)) as socket:
        socket.close(code, reason)
    # The service hears the close of both: what answered its own, and what the client began.
    both = closed_before + 2
    processes.wait_until(lambda: len(services["echo"].closed) == both, "the service to hear both closes")
    assert services["echo"].closed[closed_before:] == [(code, reason)] * 2


def test_websockets_over_tls_and_without_a_token(gate, secure, token):
    trust = ssl.create_default_context(cafile=secure.authority)
    with connect(f"wss://localhost:{secure.port}/ws", additional_headers=bearer(token), ssl=trust) as socket:
        socket.send("hello")
        assert socket.recv(timeout=60) == "hello"
    with pytest.raises(websockets.InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{gate.port}/ws")
    assert refused.value.response.status_code == 401


class Stub:
    def __init__(self, channel, token):
        self._channel = channel
        self._metadata = [("authorization", f"Bearer {token}"), ("x-user", "forged")] if token else []

    def __call__(self, kind, method, request, **more):
        call = getattr(self._channel, kind)(f"/test.Greeter/{method}")
        return call(request, metadata=self._metadata, timeout=60, **more)


@fixture(params=["plain", "tls"])
def channel(request):
    if request.param == "plain":
        made = grpc.insecure_channel(f"127.0.0.1:{request.getfixturevalue('gate').port}")
    else:
        gate = request.getfixturevalue("secure")
        made = grpc.secure_channel(f"localhost:{gate.port}", grpc.ssl_channel_credentials(gate.authority.read_bytes()))
    with made:
        yield made


def test_grpc_calls_of_every_kind(channel, token, user, services):
    stub = Stub(channel, token)
    call = channel.unary_unary("/test.Greeter/Unary")
    answer, done = call.with_call(b"hello", metadata=[("authorization", f"Bearer {token}"), ("x-user", "forged")])
    assert answer == b"hello for " + user.encode()
    assert (done.code(), dict(done.trailing_metadata())["x-served"]) == (grpc.StatusCode.OK, "yes")
    assert list(stub("unary_stream", "ServerStream", b"5000")) == [b"%d" % number for number in range(5000)]
    assert stub("stream_unary", "ClientStream", iter([b"x" * 100_000] * 50)) == b"5000000"
    assert list(stub("stream_stream", "Chat", iter([b"a", b"b" * 200_000, b""]))) == [b"A", b"B" * 200_000, b""]


def test_grpc_talks_turn_by_turn(channel, token):
    """Neither side waits for the other's end: what is said is heard at once."""
    said = []
    heard = threading.Semaphore(0)

    def words():
        for word in (b"one", b"two", b"three"):
            said.append(word)
            yield word
            assert heard.acquire(timeout=60)

    answers = Stub(channel, token)("stream_stream", "Chat", words())
    for number, answer in enumerate(answers, 1):
        assert (answer, len(said)) == (said[-1].upper(), number)
        heard.release()
    assert len(said) == 3


def test_grpc_statuses_come_in_trailers(channel, token):
    with pytest.raises(grpc.RpcError) as failed:
        Stub(channel, token)("unary_unary", "Fail", b"")
    error = failed.value
    assert (error.code(), error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "no more of that: 100 % \u2713")
    assert dict(error.trailing_metadata())["x-served"] == "no"


def test_grpc_without_a_token_is_unauthenticated(channel):
    """HTTP's 401 is what gRPC clients take for that."""
    with pytest.raises(grpc.RpcError) as refused:
        Stub(channel, None)("unary_unary", "Unary", b"")
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_grpc_cancellation_reaches_the_service(channel, token, services):
    services["greeter"].cancelled.clear()
    answers = Stub(channel, token)("unary_stream", "ServerStream", b"100000000")
    next(answers)
    answers.cancel()
    assert services["greeter"].cancelled.wait(60)


@mark.skipif(not shutil.which("h2load"), reason="no h2load (Debian: nghttp2-client)")
@mark.parametrize("protocol", [[], ["--h1"]], ids=["http2", "http1"])
def test_h2load_loses_no_request(gate, token, protocol):
    command = ["h2load", *protocol, "--requests", "5000", "--clients", "20", "--max-concurrent-streams", "20"]
    command += ["--header", f"authorization: Bearer {token}", f"http://127.0.0.1:{gate.port}/orders/1"]
    before = len(gate.upstream.requests)
    told = subprocess.run(command, capture_output=True, text=True, timeout=330).stdout
    assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in told, told
    assert "status codes: 5000 2xx" in told, told
    assert len(gate.upstream.requests) == before + 5000

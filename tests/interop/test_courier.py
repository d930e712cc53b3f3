"""Calls out: tokens of ministack by every grant, at a destination that is itself behind a gate that demands the scope."""

import asyncio
import concurrent.futures
import os
import resource
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import cognito
import processes
from gate import send
from pytest import fixture, mark
from recorder import Server

ROUTES = """\
[identity.headers]
X-User = ["username", "client:{client_id}"]

[routes]
"GET /orders/{id}" = "orders/read"
"POST /orders" = "orders/write"
"GET /me" = { access = "authenticated" }
"""
NO_ROUTES = '[routes]\n"/none" = { access = "public" }\n\n'
LEGACY = Path(__file__).with_name("legacy_client.py")


@fixture(scope="module")
def destination(open_gate, pool):
    """The second gate, and behind it a service that tells what it saw."""
    return open_gate(pool.table(token_use="any") + ROUTES)


class Courier:
    """A gate with the courier's listeners, each on a port of its own."""

    def __init__(self, open_gate, pool, tmp_path, credentials, outbound):
        self._secrets = tmp_path
        self.ports = {name: processes.free_port() for name in outbound}
        listeners = "".join(
            f'[outbound.{name}]\nlisten = "127.0.0.1:{self.ports[name]}"\n{text}\n' for name, text in outbound.items()
        )
        self.gate = open_gate(pool.table() + credentials + listeners + NO_ROUTES)

    def ask(self, name, method, target, headers=(), body=None):
        return send(self.ports[name], method, target, headers, body)

    def metric(self, sample):
        for line in send(self.gate.admin_port, "GET", "/metrics").body.decode().splitlines():
            if line.startswith(sample + " "):
                return float(line.split()[-1])
        return None


@fixture
def open_courier(open_gate, pool, tmp_path):
    return lambda credentials, outbound: Courier(open_gate, pool, tmp_path, credentials, outbound)


@fixture
def secret(tmp_path):
    """Writes a secret into a file, and answers how the configuration names it."""

    def write(name, value):
        file = tmp_path / name
        file.write_text(value + "\n")
        return f'{{ file = "{file}" }}'

    return write


def machine(pool, secret, name="machine", auth="basic", token_url=None):
    return (
        f'[credentials.{name}]\ngrant = "client_credentials"\ntoken_url = "{token_url or pool.token_url}"\n'
        f'client_id = "{pool.machine.id}"\nclient_secret = {secret("machine", pool.machine.secret)}\n'
        f'client_auth = "{auth}"\n'
    )


def user(pool, ministack, secret, name, grant, client, username="alice", password=cognito.PASSWORD, more=""):
    hidden = f'client_secret = {secret(name + "-client", client.secret)}\n' if client.secret else ""
    return (
        f'[credentials.{name}]\ngrant = "{grant}"\nuser_pool_id = "{pool.id}"\nendpoint = "{ministack.url}/"\n'
        f'client_id = "{client.id}"\n{hidden}username = {secret(name + "-user", username)}\n'
        f'password = {secret(name + "-password", password)}\n{more}\n'
    )


def relay(url, credential, scopes=()):
    wanted = f"scopes = {list(scopes)}\n" if scopes else ""
    return f'upstream = "{url}"\ncredential = "{credential}"\n{wanted}'


@mark.parametrize("auth", ["basic", "post"])
def test_a_machine_calls_with_the_scope_it_is_configured_for(destination, open_courier, pool, secret, auth):
    out = {"read": relay(destination.url, "machine", ["orders/read"])}
    courier = open_courier(machine(pool, secret, auth=auth), out)
    answer = courier.ask("read", "GET", "/orders/1?a=b")
    assert answer.status == 200, answer.body
    seen = destination.upstream.requests[-1]
    assert (seen.target, seen.values("X-User")) == ("/orders/1?a=b", [f"client:{pool.machine.id}"])
    assert seen.values("Authorization") == []
    # It may not write, and the destination's own refusal comes back.
    refused = courier.ask("read", "POST", "/orders", body=b"{}")
    assert (refused.status, refused.problem["reason"]) == (403, "insufficient_scope")
    assert courier.metric('portcullis_credential_fetches_total{credential="machine",result="ok"}') == 1


@mark.parametrize("grant", ["user_password", "user_srp"])
@mark.parametrize("kind", ["web", "confidential"])
@mark.parametrize("token", ["access", "id"])
def test_a_user_calls_by_password_and_by_srp(destination, open_courier, pool, ministack, secret, grant, kind, token):
    client = getattr(pool, kind)
    credential = user(pool, ministack, secret, "alice", grant, client, more=f'token = "{token}"')
    courier = open_courier(credential, {"me": relay(destination.url, "alice")})
    answer = courier.ask("me", "GET", "/me")
    assert answer.status == 200, (answer.body, courier.gate.process.log()[-2000:])


def test_a_wrong_password_is_refused_by_srp_and_told_without_it(destination, open_courier, pool, ministack, secret):
    wrong = user(pool, ministack, secret, "alice", "user_srp", pool.web, password="Wrong-Horse-9!")
    courier = open_courier(wrong, {"me": relay(destination.url, "alice")})
    before = len(destination.upstream.requests)
    answer = courier.ask("me", "GET", "/me")
    assert (answer.status, answer.problem["reason"]) == (503, "token_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert len(destination.upstream.requests) == before
    processes.wait_until(lambda: "NotAuthorized" in courier.gate.process.log(), "the fault to be logged")
    assert "Wrong-Horse" not in courier.gate.process.log()


def test_a_user_of_a_pool_of_mail_addresses_calls(open_gate, open_courier, ministack, pool, secret):
    mail = ministack.idp.create_user_pool(PoolName="mail", UsernameAttributes=["email"])["UserPool"]["Id"]
    made = ministack.idp.create_user_pool_client(UserPoolId=mail, ClientName="mail", ExplicitAuthFlows=cognito.SIGN_IN)
    client = cognito.AppClient(pool, made["UserPoolClient"])
    name = "carol@example.com"
    ministack.idp.admin_create_user(UserPoolId=mail, Username=name, MessageAction="SUPPRESS")
    ministack.idp.admin_set_user_password(UserPoolId=mail, Username=name, Password=cognito.PASSWORD, Permanent=True)
    table = (
        f'[pools.mail]\nuser_pool_id = "{mail}"\nclient_ids = ["{client.id}"]\n'
        f'jwks_url = "{ministack.url}/{mail}/.well-known/jwks.json"\n\n'
    )
    destination = open_gate(table + ROUTES)
    for grant in ["user_password", "user_srp"]:
        credential = (
            f'[credentials.carol]\ngrant = "{grant}"\nuser_pool_id = "{mail}"\nendpoint = "{ministack.url}/"\n'
            f'client_id = "{client.id}"\nusername = {secret("carol", name)}\n'
            f'password = {secret("carol-password", cognito.PASSWORD)}\n'
        )
        courier = open_courier(credential, {"me": relay(destination.url, "carol")})
        assert courier.ask("me", "GET", "/me").status == 200, courier.gate.process.log()[-2000:]


def test_a_refresh_token_calls(destination, open_courier, pool, ministack, secret, tmp_path):
    refresh = pool.web.sign_in("bob")["RefreshToken"]
    credential = (
        f'[credentials.bob]\ngrant = "refresh_token"\nuser_pool_id = "{pool.id}"\nendpoint = "{ministack.url}/"\n'
        f'client_id = "{pool.web.id}"\nrefresh_token = {secret("refresh", refresh)}\n'
        f'state_file = "{tmp_path / "state"}"\n'
    )
    courier = open_courier(credential, {"me": relay(destination.url, "bob")})
    assert courier.ask("me", "GET", "/me").status == 200, courier.gate.process.log()[-2000:]


@mark.parametrize("way", ["base URL", "HTTP_PROXY"])
def test_a_legacy_program_gets_through_unmodified(destination, open_courier, pool, secret, way):
    both = ["orders/read", "orders/write"]
    outbound = {
        "relay": relay(destination.url, "machine", both),
        "proxy": 'mode = "forward_proxy"\n[outbound.proxy.destinations]\n'
        f'"{destination.url}" = {{ credential = "machine", scopes = {both} }}\n',
    }
    courier = open_courier(machine(pool, secret), outbound)
    environment = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    url = destination.url
    if way == "base URL":
        url = f"http://127.0.0.1:{courier.ports['relay']}"
    else:
        environment["HTTP_PROXY"] = f"http://127.0.0.1:{courier.ports['proxy']}"
    before = len(destination.upstream.requests)
    command = [sys.executable, str(LEGACY), url]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["200", "200"], (ran.stdout, ran.stderr)
    get, post = destination.upstream.requests[before:]
    assert (get.target, post.target, post.body) == ("/orders/1", "/orders", "one line")
    assert get.values("X-User") == post.values("X-User") == [f"client:{pool.machine.id}"]
    # Without the courier the same program is refused.
    if way == "HTTP_PROXY":
        del environment["HTTP_PROXY"]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert ran.stdout.split() == ["401", "401"]


CALLERS = 1000


async def at_once(port, number):
    """The statuses of so many calls, each over a connection of its own that is open before the first call is made."""
    opening = [asyncio.open_connection("127.0.0.1", port) for _ in range(number)]
    connections = await asyncio.gather(*opening)

    async def call(reader, writer):
        writer.write(b"GET /orders/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ", 2)[1])

    return await asyncio.gather(*(call(*connection) for connection in connections))


def test_x11_a_thousand_callers_at_a_cold_start_cause_one_fetch(destination, open_courier, pool, secret):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    courier = open_courier(machine(pool, secret), {"read": relay(destination.url, "machine", ["orders/read"])})
    statuses = asyncio.run(at_once(courier.ports["read"], CALLERS))
    assert (set(statuses), len(statuses)) == ({200}, CALLERS)
    assert courier.metric('portcullis_credential_fetches_total{credential="machine",result="ok"}') == 1


class ShortLived:
    """A token endpoint before the stand-in's: the tokens are its own, and are said to live for a moment."""

    def __init__(self, pool, seconds):
        self.fetches = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.fetches += 1
                token = pool.machine.machine_token("orders/read")
                body = f'{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}'.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/oauth2/token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def test_renewals_under_load_lose_no_call(destination, open_courier, pool, secret):
    endpoint = ShortLived(pool, 3)
    credential = machine(pool, secret, token_url=endpoint.url)
    courier = open_courier(credential, {"read": relay(destination.url, "machine", ["orders/read"])})
    over = threading.Event()

    def calls(_):
        statuses = {}
        while not over.is_set():
            status = courier.ask("read", "GET", "/orders/1").status
            statuses[status] = statuses.get(status, 0) + 1
        return statuses

    with concurrent.futures.ThreadPoolExecutor(4) as callers:
        running = [callers.submit(calls, number) for number in range(4)]
        try:
            processes.wait_until(lambda: endpoint.fetches >= 12, "renewals", seconds=120)
        finally:
            over.set()
        counts = [done.result() for done in running]
    endpoint.stop()
    assert all(set(statuses) == {200} for statuses in counts), counts
    print(f"{sum(statuses[200] for statuses in counts)} calls over {endpoint.fetches} tokens")


FIVE_MINUTES = {"AccessTokenValidity": 5, "IdTokenValidity": 5, "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "minutes"}}


@mark.skipif(not os.environ.get("INTEROP_SLOW"), reason="five and a half minutes: INTEROP_SLOW=1 runs it")
def test_tokens_of_five_minutes_are_renewed_while_calls_go_on(destination, open_gate, open_courier, pool, ministack, secret):
    made = pool.idp.create_user_pool_client(
        UserPoolId=pool.id,
        ClientName="five minutes",
        GenerateSecret=True,
        ExplicitAuthFlows=cognito.SIGN_IN,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=["orders/read"],
        **FIVE_MINUTES,
    )
    client = cognito.AppClient(pool, made["UserPoolClient"])
    table = pool.table().replace("client_ids = [", f"client_ids = ['{client.id}', ")
    destination = open_gate(table + ROUTES)
    credentials = (
        f'[credentials.machine]\ngrant = "client_credentials"\ntoken_url = "{pool.token_url}"\n'
        f'client_id = "{client.id}"\nclient_secret = {secret("five-minutes", client.secret)}\n'
    ) + "".join(
        user(pool, ministack, secret, name, grant, client)
        for name, grant in [("alice", "user_srp"), ("bob", "user_password")]
    )
    routes = {"machine": ("/orders/1", ["orders/read"]), "alice": ("/me", []), "bob": ("/me", [])}
    outbound = {name: relay(destination.url, name, scopes) for name, (_, scopes) in routes.items()}
    courier = open_courier(credentials, outbound)
    fetched = lambda name: courier.metric(f'portcullis_credential_fetches_total{{credential="{name}",result="ok"}}')
    expiry = lambda name: courier.metric(f'portcullis_credential_expiry_timestamp_seconds{{credential="{name}"}}')
    for name, (target, _) in routes.items():
        assert courier.ask(name, "GET", target).status == 200, courier.gate.process.log()[-2000:]
        assert 290 < expiry(name) - time.time() <= 300
    first = {name: expiry(name) for name in routes}
    statuses, begun = {}, time.time()
    # Until every first token is over: at the destination it would be refused.
    while time.time() < max(first.values()) + 5:
        for name, (target, _) in routes.items():
            answer = courier.ask(name, "GET", target).status
            statuses[name, answer] = statuses.get((name, answer), 0) + 1
        time.sleep(0.2)
    assert {status for _, status in statuses} == {200}, statuses
    assert {name: fetched(name) for name in routes} == dict.fromkeys(routes, 2)
    print(f"{statuses} in {time.time() - begun:.0f} s")

"""Tokens of an issuer that isn't Cognito: found by discovery, signed by keys that turn over while the gate runs."""

import json
import os
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import processes
import requests
import tokens
from browser import walk_to
from pytest import fixture, mark

pytestmark = mark.skipif(not os.environ.get("INTEROP_NODE"), reason="SKIPPED: node and npm make the foreign issuer")

CALLBACK = "http://127.0.0.1:1/callback"

ROUTES = """\
jwks_refresh = "1s"
jwks_cooldown = "1s"

[identity.headers]
X-User = ["username", "client:{client_id}"]
X-Groups = "roles"

[routes]
"GET /orders/{id}" = "orders/read"
"POST /orders" = "orders/write"
"GET /staff" = { any_group = ["admins"] }
"""


class Issuer:
    def __init__(self, directory):
        self._directory = directory
        self.process = processes.start(self._begin)
        self.endpoints = requests.get(f"{self.url}/.well-known/openid-configuration", timeout=60).json()

    def _begin(self):
        port = processes.free_port()
        self._base = f"http://127.0.0.1:{port}"
        self.url = f"{self._base}/tenants/acme"
        node = Path(os.environ["INTEROP_SCRATCH"]) / "node"
        environment = {"PORT": str(port), "CALLBACK": CALLBACK}
        process = processes.Process("issuer", ["node", node / "op.mjs"], self._directory, environment)
        return process.await_ready(lambda: f"ready {self.url}" in process.log(), seconds=60)

    def machine_token(self, client="reader", scope="orders/read", resource="urn:orders"):
        form = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
        secret = (client, f"{client}-secret")
        answer = requests.post(self.endpoints["token_endpoint"], data=form, auth=secret, timeout=60)
        answer.raise_for_status()
        return answer.json()["access_token"]

    def sign_in(self, username):
        """A user's `access_token` and `id_token`, by the code flow through the issuer's own pages."""
        ask = {"client_id": "web", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid orders/read"}
        start = f"{self.endpoints['authorization_endpoint']}?{urlencode(ask)}"
        pages = [{"login": username, "password": "any", "prompt": "login"}, {"prompt": "consent"}]
        code = walk_to(CALLBACK, start, pages)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        answer = requests.post(self.endpoints["token_endpoint"], data=form, auth=("web", "web-secret"), timeout=60)
        answer.raise_for_status()
        return answer.json()

    def rotate(self):
        self._post("/keys/rotate")

    def withdraw(self):
        self._post("/keys/withdraw")

    def _post(self, path):
        urllib.request.urlopen(urllib.request.Request(self._base + path, method="POST"), timeout=60).read()

    def table(self, audiences=None, clients=("reader", "untyped", "web")):
        lines = ["[pools.acme]", f'issuer = "{self.url}"', f"client_ids = {json.dumps(clients)}"]
        lines.append('groups_claim = "roles"')
        if audiences:
            lines.append(f"audiences = {json.dumps(audiences)}")
        return "\n".join(lines) + "\n"


@fixture(scope="module")
def issuer(tmp_path_factory):
    return Issuer(tmp_path_factory.mktemp("issuer"))


@fixture(scope="module")
def gate(open_gate, issuer):
    """Bound to the API's own audience."""
    return open_gate(issuer.table(audiences=["urn:orders"]) + ROUTES)


@fixture(scope="module")
def typed_gate(open_gate, issuer):
    """Without audiences: a token's type alone says that it is an access token."""
    return open_gate(issuer.table() + ROUTES)


def test_a_machine_of_a_discovered_issuer_is_admitted(gate, issuer):
    seen = gate.admits("GET", "/orders/1", issuer.machine_token())
    assert seen.values("X-User") == ["client:reader"]
    answer = gate.refuses(403, "insufficient_scope", "POST", "/orders", issuer.machine_token(), body=b"{}")
    assert 'scope="orders/write"' in answer.challenge


def test_a_user_who_signed_in_at_the_issuer_is_admitted(gate, typed_gate, issuer):
    signed_in = issuer.sign_in("alice")
    for each in (gate, typed_gate):
        seen = each.admits("GET", "/staff", signed_in["access_token"])
        assert (seen.values("X-User"), seen.values("X-Groups")) == (["alice"], ["admins"])
    typed_gate.refuses(401, "wrong_token_use", "GET", "/staff", signed_in["id_token"])


def test_a_token_for_another_api_is_refused(gate, issuer):
    gate.refuses(401, "wrong_audience", "GET", "/orders/1", issuer.machine_token(resource="urn:orders:es256"))


def test_a_client_that_is_not_listed_is_refused(gate, issuer):
    gate.refuses(401, "wrong_client", "GET", "/orders/1", issuer.machine_token("stranger"))


def test_type_or_audience_makes_it_an_access_token(gate, typed_gate, issuer):
    typed, untyped = issuer.machine_token("reader"), issuer.machine_token("untyped")
    assert (tokens.header(typed)["typ"], tokens.header(untyped)["typ"]) == ("at+jwt", "JWT")
    assert "token_use" not in tokens.claims(typed)
    gate.admits("GET", "/orders/1", typed)
    gate.admits("GET", "/orders/1", untyped)
    typed_gate.admits("GET", "/orders/1", typed)
    typed_gate.refuses(401, "wrong_token_use", "GET", "/orders/1", untyped)


@mark.parametrize("algorithm", ["ES256", "PS256"])
def test_the_keys_own_algorithm_holds(typed_gate, issuer, algorithm):
    token = issuer.machine_token(resource=f"urn:orders:{algorithm.lower()}")
    assert tokens.header(token)["alg"] == algorithm
    typed_gate.admits("GET", "/orders/1", token)
    typed_gate.refuses(401, "bad_signature", "GET", "/orders/1", tokens.with_claims(token, sub="root"))


def test_keys_turn_over_under_a_running_gate(open_gate, issuer):
    gate = open_gate(issuer.table(audiences=["urn:orders"]) + ROUTES)
    old = issuer.machine_token()
    gate.admits("GET", "/orders/1", old)

    issuer.rotate()
    new = issuer.machine_token()
    assert tokens.header(old)["kid"] != tokens.header(new)["kid"]
    processes.wait_until(lambda: gate.ask("GET", "/orders/1", new).status == 200, "the new key to be known")
    gate.admits("GET", "/orders/1", old)

    issuer.withdraw()
    processes.wait_until(lambda: gate.ask("GET", "/orders/1", old).status == 401, "the old key to be forgotten")
    gate.refuses(401, "unknown_key", "GET", "/orders/1", old)
    gate.admits("GET", "/orders/1", new)


def test_keys_outlive_their_issuer(open_gate, tmp_path):
    issuer = Issuer(tmp_path)
    gate = open_gate(issuer.table(audiences=["urn:orders"]) + ROUTES)
    token, fresh = issuer.machine_token(), issuer.machine_token()
    gate.admits("GET", "/orders/1", token)
    issuer.process.stop()
    gate.admits("GET", "/orders/1", token)
    gate.admits("GET", "/orders/1", fresh)

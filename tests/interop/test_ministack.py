"""Tokens of a Cognito pool, as the AWS SDK and an SRP client get them, at a gate that knows the pool by its id."""

import requests
import tokens
from pytest import fixture, mark

IDENTITY = """\
[identity.headers]
X-User = ["username", "client:{client_id}"]
X-Groups = "cognito:groups"
X-Email = "email"
X-Kind = "@kind"

"""

ROUTES = """\
[routes]
"GET /orders/{id}" = "orders/read"
"POST /orders" = "orders/write"
"GET /profile" = "aws.cognito.signin.user.admin"
"GET /staff" = { any_group = ["admins"] }
"GET /me" = { access = "authenticated" }
"/health" = { access = "public" }
"""

# The spellings of an identity header that some service takes for it; {} is "User" or "Groups".
SPELLINGS = ["X-{}", "x_{}", "X_{}", "X.{}", "X~{}"]


@fixture(scope="module")
def gate(open_gate, pool):
    return open_gate(pool.table() + IDENTITY + ROUTES)


@fixture(scope="module")
def gate_of_both_uses(open_gate, pool):
    routes = """\
[routes]
"GET /api" = { access = "authenticated", token_use = "access" }
"GET /profile" = { access = "authenticated", token_use = "id" }
"GET /me" = { access = "authenticated" }
"""
    return open_gate(pool.table(token_use="any") + IDENTITY + routes)


@fixture(scope="module")
def reader(pool):
    return pool.machine.machine_token("orders/read")


@fixture(scope="module")
def alice(pool):
    return pool.web.sign_in("alice")


@fixture(scope="module")
def bob(pool):
    return pool.web.sign_in("bob")


def test_without_a_token_the_challenge_names_no_error(gate):
    answer = gate.refuses(401, "missing_token", "GET", "/orders/1")
    assert "error" not in answer.challenge


@mark.parametrize("by", ["basic", "post"])
def test_a_machine_is_named_by_its_client(gate, pool, by):
    token = pool.machine.machine_token("orders/read", by)
    seen = gate.admits("GET", "/orders/1?expand=lines", token)
    assert seen.target == "/orders/1?expand=lines"
    assert seen.values("X-User") == [f"client:{pool.machine.id}"]
    assert seen.values("X-Kind") == ["machine"]
    assert seen.values("X-Groups") == []
    assert seen.values("Authorization") == []


def test_a_machine_does_what_its_scopes_say_and_no_more(gate, pool, reader):
    answer = gate.refuses(403, "insufficient_scope", "POST", "/orders", reader, body=b"{}")
    assert 'error="insufficient_scope"' in answer.challenge
    assert 'scope="orders/write"' in answer.challenge
    writer = pool.machine.machine_token("orders/write")
    assert gate.admits("POST", "/orders", writer, body=b'{"item": 1}').body == '{"item": 1}'


@mark.parametrize(
    "sign_in",
    [
        lambda pool: pool.web.sign_in("alice"),
        lambda pool: pool.confidential.sign_in("alice"),
        lambda pool: pool.web.sign_in_by_srp("alice"),
        lambda pool: pool.confidential.sign_in_by_srp("alice"),
        lambda pool: pool.web.renew(pool.web.sign_in("alice")["RefreshToken"]),
    ],
    ids=["password", "password and secret", "srp", "srp and secret", "renewed"],
)
def test_a_user_is_known_however_she_signed_in(gate, pool, sign_in):
    token = sign_in(pool)["AccessToken"]
    seen = gate.admits("GET", "/me", token)
    assert seen.values("X-User") == ["alice"]
    assert seen.values("X-Groups") == ["admins"]
    assert seen.values("X-Kind") == ["user"]
    # Tokens of the SDK's flows carry this scope and no other.
    gate.admits("GET", "/profile", token)
    answer = gate.refuses(403, "insufficient_scope", "GET", "/orders/1", token)
    assert 'error="insufficient_scope"' in answer.challenge
    assert 'scope="orders/read"' in answer.challenge


def test_groups_open_what_they_open(gate, alice, bob, reader):
    gate.admits("GET", "/staff", alice["AccessToken"])
    gate.refuses(403, "missing_group", "GET", "/staff", bob["AccessToken"])
    gate.refuses(403, "missing_group", "GET", "/staff", reader)


def test_an_id_token_is_no_access_token(gate, alice):
    gate.refuses(401, "wrong_token_use", "GET", "/me", alice["IdToken"])


def test_a_route_may_be_narrower_than_its_pool(gate_of_both_uses, alice):
    gate_of_both_uses.refuses(403, "token_not_allowed", "GET", "/api", alice["IdToken"])
    gate_of_both_uses.refuses(403, "token_not_allowed", "GET", "/profile", alice["AccessToken"])
    gate_of_both_uses.admits("GET", "/api", alice["AccessToken"])
    seen = gate_of_both_uses.admits("GET", "/profile", alice["IdToken"])
    assert seen.values("X-Email") == ["alice@example.com"]


def test_access_and_id_tokens_are_verified_by_keys_of_their_own(gate_of_both_uses, pool, alice):
    published = {key["kid"] for key in requests.get(pool.jwks_url, timeout=60).json()["keys"]}
    kids = {tokens.header(alice[use])["kid"] for use in ("AccessToken", "IdToken")}
    assert len(kids) == 2 and kids == published
    for use in ("AccessToken", "IdToken"):
        gate_of_both_uses.admits("GET", "/me", alice[use])
    crossed = tokens.with_header(alice["AccessToken"], kid=tokens.header(alice["IdToken"])["kid"])
    gate_of_both_uses.refuses(401, "bad_signature", "GET", "/me", crossed)


def test_a_client_that_is_not_listed_is_refused(gate, gate_of_both_uses, pool):
    stranger = pool.stranger.sign_in("alice")
    gate.refuses(401, "wrong_client", "GET", "/me", stranger["AccessToken"])
    gate_of_both_uses.refuses(401, "wrong_client", "GET", "/me", stranger["IdToken"])


def test_another_pools_token_is_refused(gate, ministack):
    from cognito import Pool

    foreign = Pool(ministack).web.sign_in("alice")
    gate.refuses(401, "unknown_issuer", "GET", "/me", foreign["AccessToken"])


def test_a_tampered_token_is_refused(gate, alice, bob):
    token = alice["AccessToken"]
    gate.admits("GET", "/me", token)
    spoilt = {
        "the claims": (tokens.with_claims(bob["AccessToken"], **{"cognito:groups": ["admins"]}), "bad_signature"),
        "a later end": (tokens.with_claims(token, exp=tokens.claims(token)["exp"] + 3600), "bad_signature"),
        "the signature": (tokens.with_signature_of(token, bob["AccessToken"]), "bad_signature"),
        "the key": (tokens.with_header(token, kid="bm90IGEga2V5IG9mIHRoaXMgcG9vbA=="), "unknown_key"),
        "the algorithm": (tokens.with_header(token, alg="none"), "unsupported_algorithm"),
        "the algorithm's family": (tokens.with_header(token, alg="HS256"), "unsupported_algorithm"),
    }
    for what, (forged, reason) in spoilt.items():
        print(what)
        gate.refuses(401, reason, "GET", "/staff", forged)


@mark.parametrize("offset, reason", [("+2h", "expired"), ("-2h", "not_yet_valid")])
def test_a_token_holds_in_its_time_only(open_gate, pool, reader, offset, reason):
    gate = open_gate(pool.table() + IDENTITY + ROUTES, env=tokens.clock_set(offset))
    gate.refuses(401, reason, "GET", "/orders/1", reader)


@mark.parametrize("spelling", SPELLINGS)
def test_a_forged_identity_never_arrives(gate, bob, reader, pool, spelling):
    user, groups = spelling.format("User"), spelling.format("Groups")
    forged = [(user, "alice"), (user.upper(), "root"), (groups, "admins")]
    seen = gate.admits("GET", "/me", bob["AccessToken"], forged)
    assert (seen.values("X-User"), seen.values("X-Groups")) == (["bob"], [])
    # A claim that is missing leaves no room for a forged one, and on a public route nobody is anybody.
    seen = gate.admits("GET", "/orders/1", reader, forged)
    assert (seen.values("X-User"), seen.values("X-Groups")) == ([f"client:{pool.machine.id}"], [])
    seen = gate.admits("GET", "/health", headers=forged)
    assert (seen.values("X-User"), seen.values("X-Groups")) == ([], [])
    gate.refuses(401, "missing_token", "GET", "/me", headers=forged)


def test_what_connection_names_is_dropped_but_not_the_identity(gate, bob):
    headers = [("Connection", "X-User, X-Groups, X-Custom"), ("X-Custom", "1")]
    seen = gate.admits("GET", "/me", bob["AccessToken"], headers)
    assert seen.values("X-User") == ["bob"]
    assert seen.values("X-Custom") == []


def test_what_no_route_names_is_refused_token_or_not(gate, alice):
    gate.refuses(403, "no_route", "GET", "/internal", alice["AccessToken"])
    gate.refuses(403, "no_route", "GET", "/internal")

"""People with a browser, at the pages of two issuers, and a legacy service behind the gate that knows nothing of either.

ministack stands for Cognito; node-oidc-provider has pages, sessions and habits of its own. Tokens live for seconds, so that
they are renewed while one looks. Pictures go to the scratch folder.
"""

import base64
import json
import os
import secrets
from pathlib import Path

import certificates
import processes
from chromium import Browser
from front import Front
from gate import Gate, send
from pytest import fixture, mark
from test_radicale import Radicale

pytestmark = mark.skipif(
    not (os.environ.get("INTEROP_BROWSER") and os.environ.get("INTEROP_NODE")),
    reason="SKIPPED: no browser (Debian: chromium) or no node: nobody signed in",
)

LIFETIME = 8
COOKIE = "portcullis"

POLICY = """\
{pool}
[identity.headers]
X-Remote-User = {{ value = "username", required = true }}
X-Email = "email"
X-Token = "jti"

[routes]
"/{{*rest}}" = {{ access = "authenticated", login = true }}

[login]
domain = "{domain}"
client_id = "{client}"
client_secret = {{ file = "{keys}/client" }}
scopes = ["openid", "email"]
after_logout = "{app}/.web/"
session_key = [{{ file = "{keys}/first" }}, {{ file = "{keys}/second" }}]
"""


class Cognito:
    """ministack, with an app client whose tokens live for seconds. It has no session of its own and revokes nothing."""

    def __init__(self, pool, app):
        from cognito import PASSWORD

        self._password = PASSWORD
        self._pool = pool
        # By another name than the gate's: browsers keep cookies apart by name, not by port.
        self.domain = pool.token_url.removesuffix("/oauth2/token").replace("127.0.0.1", "localhost")
        client = pool._client(
            GenerateSecret=True,
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid", "email"],
            SupportedIdentityProviders=["COGNITO"],
            CallbackURLs=[f"{app}/_portcullis/callback"],
            LogoutURLs=[f"{app}/.web/"],
            AccessTokenValidity=LIFETIME,
            IdTokenValidity=LIFETIME,
            TokenValidityUnits={"AccessToken": "seconds", "IdToken": "seconds"},
        )
        self.client, self.secret = client.id, client.secret

    def table(self):
        return self._pool.table().replace("client_ids = [", f"client_ids = ['{self.client}', ")

    def sign_in(self, tab, user):
        tab.comes_to(f"{self.domain}/oauth2/authorize")
        tab.fill("#username", user)
        tab.fill("#password", self._password)
        tab.click("button[type=submit]")

    def confirm_sign_out(self, tab):
        """Cognito asks nothing."""

    def check(self):
        """Nothing is known of what it did."""


class Provider:
    """node-oidc-provider: a session of its own, pages for consent and for signing out, refresh tokens that are good once."""

    def __init__(self, directory, app):
        self._directory, self._app = directory, app
        self.client, self.secret = "portal", "portal-secret"
        self.process = processes.start(self._begin)

    def _begin(self):
        port = processes.free_port()
        self.domain = f"http://localhost:{port}"
        environment = {"PORT": str(port), "APP": self._app, "LIFETIME": str(LIFETIME)}
        node = Path(os.environ["INTEROP_SCRATCH"]) / "node"
        process = processes.Process("provider", ["node", node / "login.mjs"], self._directory, environment)
        return process.await_ready(lambda: "ready" in process.log(), seconds=60)

    def table(self):
        return f'[pools.acme]\nissuer = "{self.domain}"\nclient_ids = ["{self.client}"]\n'

    def sign_in(self, tab, user):
        tab.comes_to(f"{self.domain}/interaction/")
        if tab.read("document.querySelector('input[name=login]') !== null"):
            tab.fill("input[name=login]", user)
            tab.fill("input[name=password]", "any")
            tab.click("button[type=submit]")
            tab.until("document.querySelector('input[name=login]') === null")
        if tab.url().startswith(self.domain):
            tab.click("button[type=submit]")

    def confirm_sign_out(self, tab):
        tab.comes_to(f"{self.domain}/logout")
        tab.click("button[name=logout]")

    def check(self):
        # What is used twice ends the sign-in, so that everybody would notice; but nobody may even try.
        assert "already used" not in self.process.log(), self.process.log()


class Door:
    """An issuer, a front, and the keys of sessions."""

    def __init__(self, make, directory):
        self.front = Front()
        self.issuer = make(self.front.url)
        self.keys = directory
        (directory / "client").write_text(self.issuer.secret)
        self.seal_with(new_key(), new_key())

    def seal_with(self, first, second):
        for name, key in (("first", first), ("second", second)):
            file = self.keys / f"{name}.new"
            file.write_text(key)
            file.rename(self.keys / name)
        self.sealing = (first, second)

    def policy(self):
        return POLICY.format(
            pool=self.issuer.table(),
            domain=self.issuer.domain,
            client=self.issuer.client,
            keys=self.keys,
            app=self.front.url,
        )


def new_key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


@fixture(scope="module", params=["ministack", "node-oidc-provider"])
def door(request, tmp_path_factory):
    if request.param == "ministack":
        pool = request.getfixturevalue("pool")
        door = Door(lambda app: Cognito(pool, app), tmp_path_factory.mktemp("keys"))
    else:
        door = Door(lambda app: Provider(tmp_path_factory.mktemp("provider"), app), tmp_path_factory.mktemp("keys"))
    door.name = request.param
    yield door
    door.front.stop()
    door.issuer.check()


@fixture(scope="module")
def radicale(tmp_path_factory):
    return Radicale(tmp_path_factory.mktemp("radicale"))


@fixture(scope="module")
def calendar(door, open_gate, radicale):
    """Radicale behind one gate; the address of its page."""
    gate = open_gate(door.policy(), upstream=f"http://127.0.0.1:{radicale.port}")
    door.calendar = [gate.port]
    return f"{door.front.url}/.web/"


@fixture
def browser(door):
    browser = Browser()
    yield browser
    browser.close()


@fixture
def signed_in(door, calendar, browser):
    door.front.replicas = door.calendar
    tab = browser.tab()
    tab.goto(calendar)
    door.issuer.sign_in(tab, "alice")
    tab.comes_to(calendar)
    return tab


def test_a_person_makes_a_calendar_in_a_page_that_trusts_a_header(door, signed_in, browser):
    tab = signed_in
    # Radicale asks for a name as well, and believes whatever the header says.
    tab.fill("#loginscene [data-name=user]", "whoever")
    tab.fill("#loginscene [data-name=password]", "anything")
    tab.click("#loginscene [data-name=form] [type=submit]")
    tab.until("document.querySelector('#logoutview [data-name=user]').textContent.includes('alice')")
    assert "whoever" not in tab.text()
    if "Work" not in tab.text():
        tab.click("#collectionsscene [data-name=new]")
        tab.fill("#create_displayname", "Work")
        tab.click("#createcollectionscene [type=submit]")
    tab.until("document.getElementById('collectionsscene').innerText.includes('Work')")
    tab.picture(f"login-calendar-{door.name}")

    cookie = browser.cookies()[COOKIE]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert tab.read("document.cookie") == ""
    # A sign-in that is over leaves nothing behind.
    assert [name for name in browser.cookies() if name.startswith(f"{COOKIE}-state")] == []


def test_it_is_renewed_while_one_works(door, calendar, signed_in, browser):
    sealed = [browser.cookies()[COOKIE]["value"]]

    def works():
        assert signed_in.goto(calendar) == 200
        assert signed_in.url() == calendar
        # As its page does while one looks: a request that no redirect would help.
        asked = "fetch('/', {method: 'PROPFIND', headers: {Depth: '0'}}).then((answer) => answer.status)"
        assert signed_in.read(asked) == 207
        value = browser.cookies()[COOKIE]["value"]
        if value != sealed[-1]:
            sealed.append(value)
        return len(sealed) > 2

    before = len(browser.visited())
    processes.wait_until(works, "two renewals", 90)
    assert all(url.startswith(calendar) for url in browser.visited()[before:])


def test_many_requests_renew_once(door, calendar, signed_in, browser):
    """All of a page's requests come with a token that is over: each is served, and the refresh token is used once."""
    start = browser.cookies()[COOKIE]["value"]
    many = "Promise.all([...Array(12)].map(() => fetch('/.web/', {cache: 'no-store'}).then((answer) => answer.status)))"

    def renewed():
        assert signed_in.read(many) == [200] * 12
        return browser.cookies()[COOKIE]["value"] != start

    processes.wait_until(renewed, "a renewal", 60)


def test_three_tabs_at_once_come_back_to_where_they_were(door, calendar, browser):
    door.front.replicas = door.calendar
    tabs = [browser.tab(f"tab {number}") for number in range(3)]
    pages = [f"{calendar}?tab={number}&from=a%20mail" for number in range(3)]
    for tab, page in zip(tabs, pages):
        tab.goto(page)
    for tab in tabs:
        door.issuer.sign_in(tab, "alice")
    for tab, page in zip(tabs, pages):
        tab.comes_to(page)
        assert tab.url() == page


def test_signing_out_is_signing_out(door, calendar, signed_in, browser):
    kept = browser.cookies()[COOKIE]["value"]
    signed_in.read("location.assign('/_portcullis/logout')")
    door.issuer.confirm_sign_out(signed_in)
    # Back at `after_logout`, which asks for a sign-in, which asks for a password.
    signed_in.comes_to(door.issuer.domain)
    assert COOKIE not in browser.cookies()
    signed_in.until("document.querySelector('input[type=password]') !== null")
    signed_in.picture(f"login-page-{door.name}")
    # A copy of the cookie is no way back in for longer than its token lasts.
    answers = lambda: send(door.calendar[0], "GET", "/.web/", [("Cookie", f"{COOKIE}={kept}")]).status
    processes.wait_until(lambda: answers() == 401, "the token to expire", 60)
    door.issuer.sign_in(signed_in, "alice")
    signed_in.comes_to(calendar)


def test_another_sites_page_signs_nobody_out(door, calendar, signed_in, browser):
    other = browser.tab("other")
    # The issuer's own address is another site than the gate's.
    other.goto(f"{door.issuer.domain}/")
    other.read(f"location.assign('{door.front.url}/_portcullis/logout')")
    other.comes_to(f"{door.front.url}/_portcullis/logout")
    other.until("document.body.innerText.includes('cross_site')")
    assert COOKIE in browser.cookies()
    assert signed_in.goto(calendar) == 200 and signed_in.url() == calendar


def test_a_script_is_told_and_not_sent(door, calendar, signed_in, browser):
    signed_in.read("location.assign('/_portcullis/logout')")
    door.issuer.confirm_sign_out(signed_in)
    signed_in.comes_to(door.issuer.domain)
    answer = send(door.calendar[0], "GET", "/.web/", [("Accept", "text/html"), ("Sec-Fetch-Mode", "cors")])
    assert (answer.status, answer.problem["reason"]) == (401, "missing_token")


def test_two_replicas_serve_one_browser_while_the_key_turns_over(door, open_gate, browser):
    """Each request goes to the other one than the last, and no replica knows what the other did."""
    first = open_gate(door.policy())
    second = open_gate(door.policy(), upstream=first.upstream.url)
    door.front.replicas = [first.port, second.port]
    home = f"{door.front.url}/home"
    tab = browser.tab()
    tab.goto(home)
    door.issuer.sign_in(tab, "alice")
    tab.comes_to(home)
    old, new = door.sealing

    def values():
        return browser.cookies()[COOKIE]["value"]

    def works():
        """Every page, on both."""
        for _ in range(2):
            assert tab.goto(home) == 200 and tab.url() == home
            seen = json.loads(tab.text("pre"))
            sent = {name.lower(): value for name, value in seen["headers"]}
            assert (sent["x-remote-user"], sent.get("cookie")) == ("alice", None)
        return True

    def reloads(gate):
        metrics = send(gate.admin_port, "GET", "/metrics").body.decode()
        [line] = [line for line in metrics.splitlines() if line.startswith('portcullis_config_reloads_total{result="ok"}')]
        return int(line.split()[-1])

    def turn_over(*keys):
        before = {gate: reloads(gate) for gate in (first, second)}
        door.seal_with(*keys)
        processes.wait_until(
            lambda: works() and all(reloads(gate) > before[gate] for gate in before), "the keys to be read anew", 60
        )

    works()
    # The new key seals, the old one still opens.
    turn_over(new, old)
    sealed = values()
    processes.wait_until(lambda: works() and values() != sealed, "a session sealed with the new key", 60)
    # The old one is gone.
    turn_over(new, new_key())
    works()
    assert {port for port, _ in door.front.served[-4:]} == {first.port, second.port}


def test_over_tls_the_session_is_this_hosts_alone(pool, tmp_path):
    """As it is run for people: over HTTPS, the cookie with the prefix that no plain page and no sibling can set."""
    certificates.write(tmp_path)
    port = processes.free_port()
    app = f"https://localhost:{port}"
    issuer = Cognito(pool, app)
    issuer.domain = issuer.domain.replace("localhost", "127.0.0.1")
    for name, text in (("client", issuer.secret), ("first", new_key()), ("second", new_key())):
        (tmp_path / name).write_text(text)
    policy = POLICY.format(pool=issuer.table(), domain=issuer.domain, client=issuer.client, keys=tmp_path, app=app)
    server = f'tls = {{ cert_file = "{tmp_path}/cert.pem", key_file = "{tmp_path}/key.pem" }}\nexternal_url = "{app}"\n'
    gate = Gate(tmp_path, policy, server=server, port=port)
    browser = Browser(trusts=certificates.fingerprint(tmp_path))
    try:
        tab = browser.tab()
        tab.goto(f"{app}/home")
        issuer.sign_in(tab, "alice")
        tab.comes_to(f"{app}/home")
        sent = {name.lower(): value for name, value in json.loads(tab.text("pre"))["headers"]}
        assert (sent["x-remote-user"], sent["x-forwarded-proto"], sent.get("cookie")) == ("alice", "https", None)
        assert tab.read("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"

        assert set(browser.cookies()) == {"__Host-portcullis"}
        session = browser.cookies()["__Host-portcullis"]
        flags = [session[flag] for flag in ("secure", "httpOnly", "sameSite", "path", "domain")]
        assert flags == [True, True, "Lax", "/", "localhost"]
        # A page of the same host without TLS can neither set it nor lay another beside it (L06).
        plain = browser.tab("plain")
        plain.goto(f"{issuer.domain.replace('127.0.0.1', 'localhost')}/_ministack/health")
        plain.read("document.cookie = '__Host-portcullis=tossed; path=/'; document.cookie = 'portcullis=tossed; path=/'")
        assert browser.cookies()["__Host-portcullis"] == session
        assert tab.goto(f"{app}/home") == 200 and tab.url() == f"{app}/home"

        tab.read("location.assign('/_portcullis/logout')")
        tab.comes_to(issuer.domain)
        assert "__Host-portcullis" not in browser.cookies()
    finally:
        browser.close()
        gate.stop()

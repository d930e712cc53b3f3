"""The pages people look at, in a real browser: the status page of a gate that refuses, and the demo's own.

Pictures of them go to the folder `pictures` of the scratch folder.
"""

import os
import shutil
import subprocess
import time

import processes
import requests
from chromium import Browser
from gate import send
from page import Demo, browse, picture
from pytest import fixture, mark

pytestmark = mark.skipif(
    not (os.environ.get("INTEROP_BROWSER") and os.environ.get("INTEROP_NODE")),
    reason="SKIPPED: no browser (Debian: chromium) or no node: the pages were not looked at",
)

POLICY = """\
[pools.main]
user_pool_id = "eu-west-1_DemoPool1"
jwks_url = "{pool}/eu-west-1_DemoPool1/.well-known/jwks.json"
client_ids = ["demo-reader", "demo-writer", "demo-app"]

[pools.partner]
issuer = "https://id.partner.example"
jwks_url = "http://127.0.0.1:1/keys"
client_ids = ["partner"]
required = false

[identity.headers]
X-User = ["username", "client:{{client_id}}"]

[routes]
"GET /health" = {{ access = "public" }}
"GET /orders/{{id}}" = "orders/read"
"POST /orders" = "orders/write"
"GET /reports" = {{ any_group = ["staff"], mode = "audit" }}
"GET /invoices/{{id}}" = {{ any_scope = ["orders/read"], mode = "audit" }}
"""

EMPTY = """\
[pools.main]
user_pool_id = "eu-west-1_DemoPool1"
jwks_url = "http://127.0.0.1:1/keys"
client_ids = ["app"]
"""

SHOWN = "document.getElementById('verdict').textContent"
ROWS = "[...document.querySelectorAll('#{} tbody tr')].map((row) => row.innerText)"


@fixture(scope="module")
def demo(tmp_path_factory):
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo
    demo.process.stop()


@fixture(scope="module")
def gate(demo, open_gate):
    found = requests.get(f"{demo.pool}/eu-west-1_DemoPool1/.well-known/jwks.json", timeout=60)
    assert found.status_code == 200, found.text
    gate = open_gate(POLICY.format(pool=demo.pool))
    provoke(demo, gate)
    return gate


def provoke(demo, gate):
    """A little of everything, over a few seconds, for the charts to have something to show."""
    reader, writer = demo.machine_token("reader"), demo.machine_token("writer")
    for round in range(12):
        for number in range(6 + round):
            gate.ask("GET", f"/orders/{number}", reader)
        gate.ask("POST", "/orders", writer, body=b"{}")
        if round % 2:
            gate.ask("GET", f"/orders/{round}")
            gate.ask("POST", "/orders", reader, body=b"{}")
        gate.ask("GET", "/reports", reader)
        gate.ask("GET", "/reports", writer)
        gate.ask("GET", f"/invoices/{round}", reader)
        # A point of the charts is two seconds: this is to look at, and nothing waits for it.
        time.sleep(0.4)
    gate.ask("GET", "/nowhere/%3Cimg%20src=x%20onerror=alert(1)%3E?token=eyJhbGciOi")
    gate.ask("GET", "/a/../b", reader)
    gate.ask("GET", "/orders/1", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln")
    gate.ask("GET", "/orders/1", reader[:-8] + "AAAAAAAA")


@mark.parametrize("scheme", ["light", "dark"])
def test_what_is_refused_is_seen_with_what_to_do(gate, scheme):
    said = browse(
        f"http://127.0.0.1:{gate.admin_port}/",
        {"until": f"{SHOWN} === 'Ready'"},
        {"until": "document.querySelector('#reasons tr[data-key=no_route]') !== null"},
        {"read": ROWS.format("reasons"), "as": "reasons"},
        {"read": ROWS.format("refusals"), "as": "refusals"},
        {"read": ROWS.format("pools"), "as": "pools"},
        {"read": ROWS.format("routes"), "as": "routes"},
        {"read": "document.getElementById('audit').innerText", "as": "audit"},
        {"read": "document.getElementById('attention').innerText", "as": "attention"},
        {"read": "document.querySelectorAll('#chart-requests .curve')[0].getAttribute('points').length", "as": "chart"},
        {"read": "document.querySelectorAll('img').length", "as": "images"},
        {"read": "getComputedStyle(document.body).backgroundColor", "as": "background"},
        {"picture": picture(f"status-{scheme}")},
        {"click": "#refusals-more"},
        {"until": "document.querySelectorAll('#refusals tbody tr').length > 12"},
        scheme=scheme,
    )
    read = said["read"]
    for reason in ["no_route", "missing_token", "insufficient_scope", "ambiguous_path", "bad_signature"]:
        [row] = [row for row in read["reasons"] if row.startswith(reason)]
        assert row.rstrip().endswith("."), row
    assert any("add a line to [routes]" in row for row in read["reasons"])
    # A path is text, whatever it says; a query is never there.
    assert any("/nowhere/%3Cimg" in row for row in read["refusals"])
    assert not any("eyJ" in row or "token=" in row for row in read["refusals"])
    assert read["images"] == 0
    assert any("demo-reader" in row for row in read["refusals"])
    assert any("serving" in row for row in read["pools"])
    assert "Pool partner has no keys" in read["attention"]
    assert any("GET /reports" in row and "audit" in row for row in read["routes"])
    assert "would have been refused" in read["audit"] and "demo-writer" in read["audit"]
    assert "can be turned on" in read["audit"]
    assert read["chart"] > 10
    light = sum(int(part) for part in read["background"].strip("rgb()").split(",")) > 3 * 128
    assert light == (scheme == "light"), read["background"]
    # Nothing but the page and its status was asked for, and the browser had nothing to complain of.
    assert {url.split("/")[-1] for url in said["requested"] if not url.startswith("data:")} == {"", "status"}
    assert said["errors"] == []


TROUBLED = """\
[upstreams.dead]
url = "http://127.0.0.1:{nowhere}"

[pools.main]
user_pool_id = "eu-west-1_DemoPool1"
jwks_url = "{pool}/eu-west-1_DemoPool1/.well-known/jwks.json"
client_ids = ["demo-reader"]

[routes]
"GET /orders/{{id}}" = "orders/read"
"GET /ledger" = {{ access = "public", upstream = "dead" }}

[credentials.reader]
grant = "client_credentials"
token_url = "{pool}/oauth2/token"
client_id = "demo-reader"
client_secret = {{ env = "READER" }}

[credentials.stale]
grant = "client_credentials"
token_url = "{pool}/oauth2/token"
client_id = "demo-writer"
client_secret = {{ env = "STALE" }}

[outbound.inventory]
listen = "127.0.0.1:{inventory}"
upstream = "{service}"
credential = "reader"
allow = ["GET /orders/{{*rest}}"]

[outbound.billing]
listen = "127.0.0.1:{billing}"
upstream = "{service}"
credential = "stale"
"""


@fixture(scope="module")
def troubled(demo, open_gate):
    """A credential that works and one that does not, a service that is dead, a configuration that was refused."""
    ports = {name: processes.free_port() for name in ["inventory", "billing", "nowhere"]}
    policy = TROUBLED.format(pool=demo.pool, service=demo.service, **ports)
    secrets = {"READER": "reader-secret-for-demo-only", "STALE": "rotated-away-hunter2"}
    gate = open_gate(policy, env=secrets)
    for _ in range(4):
        assert send(ports["inventory"], "GET", "/orders/1").status == 200
        assert send(ports["inventory"], "GET", "/ledger").status == 403
        assert send(ports["billing"], "GET", "/orders/1").status == 503
        assert gate.ask("GET", "/ledger").status == 502
    file = gate._directory / "portcullis.toml"
    good = file.read_text()
    file.write_text(good.replace('"GET /ledger"', '"GET ledger"'))

    def refused():
        metrics = send(gate.admin_port, "GET", "/metrics").body.decode()
        return 'portcullis_config_reloads_total{result="refused"} 1' in metrics

    processes.wait_until(refused, "the configuration is refused", 30)
    return gate


@mark.parametrize("scheme", ["light", "dark"])
def test_what_is_in_trouble_is_told_at_the_top(troubled, scheme):
    said = browse(
        f"http://127.0.0.1:{troubled.admin_port}/",
        {"until": f"{SHOWN} === 'Ready'"},
        {"until": "document.getElementById('attention').children.length >= 3"},
        {"read": "document.getElementById('attention').innerText", "as": "attention"},
        {"read": ROWS.format("credentials"), "as": "credentials"},
        {"read": ROWS.format("outbound"), "as": "outbound"},
        {"read": "document.getElementById('configuration').innerText", "as": "configuration"},
        {"picture": picture(f"status-troubled-{scheme}")},
        scheme=scheme,
    )
    read = said["read"]
    assert "Credential stale" in read["attention"] and "invalid_client" in read["attention"]
    assert "Upstream dead" in read["attention"] and "502 upstream_unreachable" in read["attention"]
    assert "A new configuration was refused" in read["attention"]
    assert "this is no route pattern" in read["configuration"] and "^^^" in read["configuration"]
    [reader] = [row for row in read["credentials"] if row.startswith("reader")]
    [stale] = [row for row in read["credentials"] if row.startswith("stale")]
    assert "no token" not in reader and "no token" in stale
    [inventory, refused] = [row for row in read["outbound"] if row.startswith("inventory")]
    [billing] = [row for row in read["outbound"] if row.startswith("billing")]
    assert "200 4" in inventory and "403 4" in refused
    assert "503 4" in billing
    assert not any("hunter2" in str(one) or "eyJ" in str(one) for one in read.values())
    assert said["errors"] == []


def test_there_is_something_to_see_from_the_first_seconds(demo, open_gate):
    gate = open_gate(POLICY.format(pool=demo.pool))
    for number in range(20):
        gate.ask("GET", f"/orders/{number}", demo.machine_token("reader") if number % 2 else None)
    # How wide the curve is, in hundredths of the chart.
    width = "(() => { const xs = document.querySelector('#chart-requests .curve').getAttribute('points').split(' ').map((one) => Number(one.split(',')[0])); return Math.max(...xs) - Math.min(...xs); })()"
    said = browse(
        f"http://127.0.0.1:{gate.admin_port}/",
        {"until": f"{SHOWN} === 'Ready'"},
        {"until": f"document.querySelector('#chart-requests .curve') !== null && {width} > 20"},
        {"read": "document.querySelector('.since').textContent", "as": "since"},
        {"read": "document.getElementById('summary').textContent", "as": "summary"},
        {"read": "document.getElementById('now-requests').textContent", "as": "now"},
        {"picture": picture("status-first-seconds")},
    )
    assert said["read"]["since"] == "1 min ago"
    assert "since the start" in said["read"]["summary"]
    assert float(said["read"]["now"]) > 0


def test_a_refusal_appears_while_one_looks(gate):
    browse(
        f"http://127.0.0.1:{gate.admin_port}/",
        {"until": f"{SHOWN} === 'Ready'"},
        {"ask": f"{gate.url}/teapot"},
        {"until": "document.getElementById('refusals').innerText.includes('/teapot')"},
    )


def test_it_fits_a_small_screen(gate):
    said = browse(
        f"http://127.0.0.1:{gate.admin_port}/",
        {"until": f"{SHOWN} === 'Ready'"},
        {"read": "document.documentElement.scrollWidth - document.documentElement.clientWidth", "as": "overflow"},
        {"picture": picture("status-small")},
        width=390,
    )
    assert said["read"]["overflow"] == 0


def test_a_gate_that_is_not_ready_says_why(tmp_path):
    from gate import Gate

    class Unready(Gate):
        def _is_ready(self):
            try:
                return send(self.admin_port, "GET", "/livez").status == 200
            except OSError:
                return False

    gate = Unready(tmp_path, EMPTY)
    try:
        said = browse(
            f"http://127.0.0.1:{gate.admin_port}/",
            {"until": f"{SHOWN} === 'Not ready'"},
            {"read": "document.getElementById('state').innerText", "as": "state"},
            {"picture": picture("status-unready")},
        )
        assert "keys of pool main" in said["read"]["state"]
        assert "could not be reached" in said["read"]["state"]
    finally:
        gate.stop()


@mark.parametrize("scheme", ["light", "dark"])
def test_the_demo_shows_who_passes(demo, scheme):
    said = browse(
        f"{demo.url}/",
        {"click": "#run-all"},
        {"until": "!document.getElementById('run-all').disabled && document.getElementById('outcome-no-route').textContent !== ''"},
        {
            "read": "Object.fromEntries([...document.querySelectorAll('[id^=outcome-]')].map((one) => [one.id.slice(8), one.textContent]))",
            "as": "outcomes",
        },
        {"click": "#scenario-forged-header"},
        {"until": "document.getElementById('result').dataset.scenario === 'forged-header' && document.getElementById('result').dataset.state === 'passed'"},
        {"read": "document.getElementById('result').innerText", "as": "result"},
        {"picture": picture(f"demo-{scheme}")},
        scheme=scheme,
    )
    assert said["read"]["outcomes"] == {
        "missing-token": "401 missing_token",
        "reader-reads": "200",
        "reader-writes": "403 insufficient_scope",
        "writer-writes": "201",
        "forged-header": "200",
        "staff-report": "200",
        "other-report": "403 missing_group",
        "no-route": "403 no_route",
    }
    assert "client:demo-reader" in said["read"]["result"]
    # Browsers report refused fetches of their own page's as errors: those are what is shown here.
    assert all("Failed to load resource" in error for error in said["errors"]), said["errors"]


def test_a_person_signs_in_to_the_demo_with_a_click_and_out_again(demo):
    browser = Browser()
    try:
        tab = browser.tab()
        tab.goto(f"{demo.url}/")
        tab.click("#sign-in")
        tab.until("document.querySelector('#as-alice') !== null")
        assert not tab.url().startswith(demo.url)
        tab.picture("demo-sign-in")
        tab.click("#as-alice")
        tab.comes_to(f"{demo.url}/account")
        tab.until("document.getElementById('caller').textContent === 'alice'")
        told = dict(line.split("\t") for line in tab.text("#headers").splitlines())
        assert (told["x-user"], told["x-groups"]) == ("alice", "staff")
        assert "cookie" not in told and "authorization" not in told
        tab.picture("demo-account")
        tab.click("#report")
        tab.comes_to(f"{demo.url}/reports")

        tab.goto(f"{demo.url}/account")
        tab.click("#sign-out")
        tab.until("document.querySelector('#sign-in') !== null")
        assert "portcullis" not in browser.cookies()
        # Out of the pool as well: the next one is asked who they are, and is somebody else.
        tab.click("#sign-in")
        tab.until("document.querySelector('#as-bob') !== null")
        tab.click("#as-bob")
        tab.until("document.getElementById('caller')?.textContent === 'bob'")
        assert tab.goto(f"{demo.url}/reports") == 403
    finally:
        browser.close()


@mark.skipif(not shutil.which("promtool"), reason="SKIPPED: promtool is missing (Debian: prometheus)")
def test_promtool_has_nothing_to_say_of_the_metrics(gate):
    metrics = send(gate.admin_port, "GET", "/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@mark.skipif(not shutil.which("prometheus"), reason="SKIPPED: prometheus is missing (Debian: prometheus)")
def test_prometheus_scrapes_without_a_warning(gate, tmp_path):
    port = processes.free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: { scrape_interval: 1s }\n"
        "scrape_configs:\n"
        "  - job_name: portcullis\n"
        f"    static_configs: [{{ targets: ['127.0.0.1:{gate.admin_port}'] }}]\n"
    )
    url = f"http://127.0.0.1:{port}"
    process = processes.Process(
        "prometheus",
        [
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        tmp_path,
    )

    def ask(query):
        try:
            answer = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=60).json()
        except (requests.ConnectionError, ValueError):
            return None
        return answer.get("data", {}).get("result")

    try:
        refused = processes.wait_until(lambda: ask("sum by (reason) (portcullis_refusals_total)"), "a scrape", 60)
        assert {sample["metric"]["reason"] for sample in refused} >= {"no_route", "missing_token"}
        assert ask("up")[0]["value"][1] == "1"
        [target] = requests.get(f"{url}/api/v1/targets", timeout=60).json()["data"]["activeTargets"]
        assert (target["health"], target["lastError"]) == ("up", "")
        told = [line for line in process.log().splitlines() if "level=warn" in line or "level=error" in line]
        assert [line for line in told if "scrape" in line.lower()] == []
    finally:
        process.stop()

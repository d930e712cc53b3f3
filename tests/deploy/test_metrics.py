"""Alert rules by promtool's own tests; every metric that a rule or the dashboard asks for is one that the program has."""

import json
import re
import shutil
import urllib.request

import pytest
import yaml
from conftest import DEPLOY, good, run
from gate import Gate

RULES = DEPLOY / "prometheus/alerts.yaml"
DASHBOARD = DEPLOY / "grafana/portcullis.json"

POLICY = """
[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["client"]
jwks_url = "http://127.0.0.1:9/jwks.json"
required = false

[routes]
"/" = {}
"""


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """Names of the metrics of a running gate, with what a histogram makes of its own."""
    gate = Gate(tmp_path_factory.mktemp("gate"), POLICY)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{gate.admin_port}/metrics", timeout=20) as answer:
            kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", answer.read().decode(), re.M))
    finally:
        gate.stop()
    made = {name + part for name, kind in kinds.items() if kind == "histogram" for part in ("_bucket", "_sum", "_count")}
    return kinds.keys() | made


def asked_for(expressions):
    return {name for text in expressions for name in re.findall(r"\b(?:portcullis|process)_\w+", text)}


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool (Debian: prometheus): the rules are not tried")
def test_the_rules_do_what_their_tests_say():
    assert "SUCCESS" in good(run("promtool", "check", "rules", RULES))
    assert "SUCCESS" in good(run("promtool", "test", "rules", "alerts_test.yaml", cwd=RULES.parent))


def test_every_alert_has_a_test_and_a_line_in_the_documentation():
    names = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    tests = yaml.safe_load((RULES.parent / "alerts_test.yaml").read_text())["tests"]
    fired = {check["alertname"] for test in tests for check in test["alert_rule_test"] if check.get("exp_alerts")}
    assert fired == names
    operations = (DEPLOY.parent / "docs/operations.md").read_text()
    assert [name for name in names if name not in operations] == []


def test_the_rules_ask_for_metrics_that_there_are(families):
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert asked_for(rules) - families == set()
    told = [text for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] for text in rule["annotations"].values()]
    assert asked_for(told) - families == set()


def test_the_dashboard_asks_for_metrics_that_there_are(families):
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 15
    assert asked_for(expressions) - families == set()
    assert asked_for(expressions) >= {"portcullis_refusals_total", "portcullis_jwks_last_success_timestamp_seconds"}
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool (Debian: prometheus): the queries are not parsed")
def test_prometheus_parses_what_the_dashboard_asks(tmp_path):
    dashboard = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = [
        {"record": f"panel:{index}", "expr": text.replace("$__rate_interval", "5m").replace("$job", "orders")}
        for index, text in enumerate(expressions)
    ]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in good(run("promtool", "check", "rules", file))

"""The compose file, and the configuration beside it."""

import yaml
from conftest import DEPLOY, good, portcullis, run

FILE = DEPLOY / "compose/compose.yaml"


def test_compose_takes_the_file():
    made = yaml.safe_load(good(run("podman-compose", "--file", FILE, "--profile", "demo", "config")))
    services = made["services"]
    assert set(services) == {"portcullis", "orders", "demo"}
    for name in ("portcullis", "demo"):
        service = services[name]
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"] and service["user"] == "65532:65532"
    # Nothing but this machine reaches the gate as it is here, and the demo.
    assert services["portcullis"]["ports"] == ["127.0.0.1:8080:8080"]
    assert services["demo"]["network_mode"] == "host" and services["demo"]["command"] == ["demo"]
    # The service behind the gate has no port of its own.
    assert services["orders"]["network_mode"] == "service:portcullis" and "ports" not in services["orders"]
    assert services["orders"]["depends_on"]["portcullis"]["condition"] == "service_healthy"
    assert services["portcullis"]["healthcheck"]["test"] == ["CMD", "/portcullis", "ready"]


def test_the_configuration_is_good():
    good(portcullis("check", "--config", DEPLOY / "compose/portcullis.toml"))


def test_the_commands_are_commands():
    for service in yaml.safe_load(FILE.read_text())["services"].values():
        if "/portcullis" in service.get("healthcheck", {}).get("test", []) or service["image"].startswith("localhost/portcullis"):
            assert good(portcullis(service["command"][0], "--help"))

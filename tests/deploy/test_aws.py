"""The Cognito side: the template by cfn-lint, the AWS CLI's commands against a stand-in for AWS, then a gate before the pool they made."""

import json
import os
import re
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

import processes
import pytest
import yaml
from conftest import DEPLOY, good, portcullis, run
from gate import Gate

TEMPLATE = DEPLOY / "aws/cognito.yaml"
SCRIPT = DEPLOY / "aws/cognito.sh"
TASK = DEPLOY / "ecs/task-definition.json"

NOWHERE = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": "/dev/null"}


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """The environment in which the AWS CLI meets ministack."""
    directory = tmp_path_factory.mktemp("ministack")
    (directory / "tmp").mkdir()
    found = {}

    def begin():
        port = processes.free_port()
        found["url"] = f"http://127.0.0.1:{port}"
        settings = {
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "SERVICES": "cognito-idp,sts,iam,cloudformation",
            "AUTH": "true",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "0",
            "GATEWAY_PORT": str(port),
            "STATE_DIR": str(directory / "state"),
            "TMPDIR": str(directory / "tmp"),
        }
        binary = Path(os.environ["INTEROP_SCRATCH"]) / "ministack/bin/ministack"
        process = processes.Process("ministack", [binary], directory, settings)
        return process.await_ready(healthy, seconds=60)

    def healthy():
        try:
            return urllib.request.urlopen(f"{found['url']}/_ministack/health", timeout=5).status == 200
        except OSError:
            return False

    process = processes.start(begin)
    yield {**NOWHERE, "AWS_ENDPOINT_URL": found["url"]}
    process.stop()


def aws(account, *arguments):
    return json.loads(good(run("aws", "--output", "json", *arguments, env=account)) or "null")


def machine_token(account, client, secret, scope):
    form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": scope}).encode()
    basic = b64encode(f"{client}:{secret}".encode()).decode()
    request = urllib.request.Request(f"{account['AWS_ENDPOINT_URL']}/oauth2/token", form, {"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["access_token"]


def test_the_template_is_clean(tmp_path):
    good(run("cfn-lint", TEMPLATE))
    broken = tmp_path / "broken.yaml"
    broken.write_text(TEMPLATE.read_text().replace("GenerateSecret", "GenerateSecrets"))
    assert "GenerateSecrets" in run("cfn-lint", broken).stdout


def test_the_commands_make_a_pool_that_a_gate_stands_before(account, tmp_path):
    done = run(SCRIPT, "orders", "orders-interop", env=account)
    table = good(done)
    pool = re.search(r'user_pool_id = "(.+)"', table)[1]
    machines, web = re.search(r'client_ids = \["(.+)", "(.+)"\]', table).groups()
    assert f"--client-id {machines}" in done.stderr and "orders-interop.auth.us-east-1.amazoncognito.com/oauth2/token" in done.stderr

    made = aws(account, "cognito-idp", "describe-user-pool-client", "--user-pool-id", pool, "--client-id", machines)["UserPoolClient"]
    assert made["AllowedOAuthFlows"] == ["client_credentials"] and made["AllowedOAuthScopes"] == ["orders/read"]
    people = aws(account, "cognito-idp", "describe-user-pool-client", "--user-pool-id", pool, "--client-id", web)["UserPoolClient"]
    assert people["AllowedOAuthFlows"] == ["code"] and people["CallbackURLs"] == ["http://localhost:8080/_portcullis/callback"]

    # What was printed goes into a configuration as it is; the stand-in's keys are where it is.
    keys = f'jwks_url = "{account["AWS_ENDPOINT_URL"]}/{pool}/.well-known/jwks.json"\n'
    routes = '[identity.headers]\nX-User = "client:{client_id}"\n\n[routes]\n"GET /orders/{*rest}" = "orders/read"\n"POST /orders" = "orders/write"\n'
    gate = Gate(tmp_path, f"{table}{keys}\n{routes}")
    try:
        token = machine_token(account, machines, made["ClientSecret"], "orders/read")
        seen = gate.admits("GET", "/orders/7", token)
        assert [value for name, value in seen.headers if name.lower() == "x-user"] == [f"client:{machines}"]
        gate.refuses(403, "insufficient_scope", "POST", "/orders", token)
        gate.refuses(401, "missing_token", "GET", "/orders/7")
    finally:
        gate.stop()


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, which are left as they are."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: f"!{suffix} {getattr(node, 'value', '')}")


def test_the_template_and_the_commands_say_the_same():
    script = SCRIPT.read_text()
    resources = yaml.load(TEMPLATE.read_text(), Loader)["Resources"]
    words = {
        "AWS::Cognito::UserPool": "create-user-pool ",
        "AWS::Cognito::UserPoolDomain": "create-user-pool-domain ",
        "AWS::Cognito::UserPoolResourceServer": "create-resource-server ",
        "AWS::Cognito::UserPoolClient": "create-user-pool-client ",
        "AWS::Cognito::UserPoolGroup": "create-group ",
    }
    for kind, command in words.items():
        assert script.count(command) == sum(each["Type"] == kind for each in resources.values()), kind
    for value in ("client_credentials", "ALLOW_USER_SRP_AUTH ALLOW_REFRESH_TOKEN_AUTH", "MinimumLength=14", "ScopeName=read", "ScopeName=write", "AccessToken=minutes", "staff"):
        assert value in script


def test_the_task_definition_has_the_documented_form(tmp_path):
    def skeleton(file):
        return run("aws", "ecs", "register-task-definition", "--cli-input-json", f"file://{file}", "--generate-cli-skeleton", "output", env=NOWHERE)

    assert "taskDefinitionArn" in good(skeleton(TASK))
    broken = tmp_path / "task.json"
    broken.write_text(TASK.read_text().replace("dependsOn", "dependson"))
    assert skeleton(broken).returncode != 0


def test_the_task_is_guarded_and_unprivileged():
    task = json.loads(TASK.read_text())
    containers = {each["name"]: each for each in task["containerDefinitions"]}
    sidecar, service = containers["portcullis"], containers["orders"]
    # The service starts after the sidecar and ends before it, and has no port of its own.
    assert service["dependsOn"] == [{"containerName": "portcullis", "condition": "HEALTHY"}]
    assert "portMappings" not in service
    assert sidecar["readonlyRootFilesystem"] is True and sidecar["user"] == "65532:65532"
    assert sidecar["linuxParameters"]["capabilities"]["drop"] == ["ALL"]
    assert sidecar["healthCheck"]["command"] == ["CMD", "/portcullis", "ready"]
    assert sidecar["stopTimeout"] > 25
    assert sum(each.get("cpu", 0) for each in containers.values()) <= int(task["cpu"])
    # Its configuration is good with the secrets that the task is given, and without them it is not.
    environment = {each["name"]: each["value"] for each in sidecar["environment"]}
    secrets = {each["name"]: "something" for each in sidecar["secrets"]}
    good(portcullis("check", env={**environment, **secrets}))
    assert portcullis("check", env=environment).returncode == 2

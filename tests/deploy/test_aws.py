"""The Cognito side: the template by cfn-lint; the template and the AWS CLI's commands against a stand-in for AWS; and the page that begins with either,
followed to its end."""

import json
import os
import re
import shutil
import socket
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

import processes
import pytest
from conftest import DEPLOY, good, portcullis, run
from gate import Gate

TEMPLATE = DEPLOY / "aws/cognito.yaml"
SCRIPT = DEPLOY / "aws/cognito.sh"
TASK = DEPLOY / "ecs/task-definition.json"
PAGE = DEPLOY.parent / "docs/getting-started.md"

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


def of_a_pool(account, pool):
    """All that AWS tells of a pool, but for ids, secrets, dates and tags."""

    def cognito(operation, *more):
        return aws(account, "cognito-idp", operation, "--user-pool-id", pool, *more)

    def bare(told):
        if isinstance(told, dict):
            return {key: bare(value) for key, value in told.items() if key not in OF_ITS_OWN}
        return [bare(each) for each in told] if isinstance(told, list) else told

    clients = [each["ClientId"] for each in cognito("list-user-pool-clients")["UserPoolClients"]]
    told = {
        "pool": cognito("describe-user-pool"),
        "clients": [cognito("describe-user-pool-client", "--client-id", client) for client in clients],
        "servers": cognito("list-resource-servers", "--max-results", "10"),
        "groups": cognito("list-groups"),
    }
    told["clients"].sort(key=lambda each: each["UserPoolClient"]["ClientName"])
    return bare(told)


OF_ITS_OWN = {"Id", "Arn", "Domain", "UserPoolId", "ClientId", "ClientSecret", "CreationDate", "LastModifiedDate", "UserPoolTags", "Precedence"}


@pytest.fixture(scope="module")
def pools(account, tmp_path_factory):
    """A pool by each of the two ways that the page begins with: what was printed, and the pool's and the clients' ids."""
    template, commands = shell("2. A pool, a scope, a client")
    printed = follow(template, account, tmp_path_factory.mktemp("template"))
    outputs = dict(re.findall(r"\|\s*(UserPoolId|MachinesClientId|WebClientId|TokenUrl)\s*\|\s*(\S+)\s*\|", printed))
    made = {"template": ("acme-orders", printed, outputs["UserPoolId"], outputs["MachinesClientId"], outputs["WebClientId"])}
    assert outputs["TokenUrl"] == "https://acme-orders.auth.us-east-1.amazoncognito.com/oauth2/token"

    printed = follow(commands.replace("acme-orders", "acme-orders-2"), account, tmp_path_factory.mktemp("commands"))
    pool = re.search(r'user_pool_id = "(.+)"', printed)[1]
    made["commands"] = ("acme-orders-2", printed, pool, *re.search(r'client_ids = \["(.+)", "(.+)"\]', printed).groups())
    return made


def test_the_template_and_the_commands_make_the_same(account, pools):
    by_template, by_commands = (of_a_pool(account, pool) for _, _, pool, *_ in pools.values())
    assert by_template == by_commands
    machines, people = (each["UserPoolClient"] for each in by_template["clients"])
    assert machines["AllowedOAuthFlows"] == ["client_credentials"] and machines["AllowedOAuthScopes"] == ["orders/read"]
    assert people["AllowedOAuthFlows"] == ["code"] and people["CallbackURLs"] == ["http://localhost:8080/_portcullis/callback"]
    assert [scope["ScopeName"] for scope in by_template["servers"]["ResourceServers"][0]["Scopes"]] == ["read", "write"]
    assert [group["GroupName"] for group in by_template["groups"]["Groups"]] == ["staff"]
    assert by_template["pool"]["UserPool"]["DeletionProtection"] == "ACTIVE"


def test_what_the_commands_print_is_a_configuration(account, pools, tmp_path):
    _, table, pool, machines, _ = pools["commands"]
    keys = f'jwks_url = "{account["AWS_ENDPOINT_URL"]}/{pool}/.well-known/jwks.json"\n'
    routes = '[identity.headers]\nX-User = "client:{client_id}"\n\n[routes]\n"GET /orders/{*rest}" = "orders/read"\n"POST /orders" = "orders/write"\n'
    gate = Gate(tmp_path, f"{table}{keys}\n{routes}")
    try:
        secret = aws(account, "cognito-idp", "describe-user-pool-client", "--user-pool-id", pool, "--client-id", machines)["UserPoolClient"]["ClientSecret"]
        token = machine_token(account, machines, secret, "orders/read")
        assert gate.admits("GET", "/orders/7", token).values("x-user") == [f"client:{machines}"]
        gate.refuses(403, "insufficient_scope", "POST", "/orders", token)
    finally:
        gate.stop()


def test_commands_that_stop_half_way_say_what_they_leave(account, pools):
    before = {each["Id"] for each in aws(account, "cognito-idp", "list-user-pools", "--max-results", "60")["UserPools"]}
    done = run(SCRIPT, "orders", "acme-orders", env=account)  # whose domain is another pool's
    assert done.returncode != 0 and done.stdout == ""
    (left,) = {each["Id"] for each in aws(account, "cognito-idp", "list-user-pools", "--max-results", "60")["UserPools"]} - before
    told = re.findall(r"^  (aws cognito-idp .+)$", done.stderr, re.M)
    assert len(told) == 2 and all(left in command for command in told)
    for command in told:
        good(run("bash", "-c", command, env=account))
    assert left not in {each["Id"] for each in aws(account, "cognito-idp", "list-user-pools", "--max-results", "60")["UserPools"]}


def part(heading):
    """What stands below a heading of the page."""
    (found,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.M | re.S)
    return found


def shell(heading):
    return re.findall(r"^```sh\n(.*?)^```$", part(heading), re.M | re.S)


def follow(commands, account, directory):
    """Runs commands as they stand on the page, in a copy of the repository's folders; what they print. A command that fails is a failure."""
    link = directory / "deploy"
    if not link.exists():
        link.symlink_to(DEPLOY)
    return good(run("bash", "-euo", "pipefail", "-c", commands, env=account, cwd=directory))


@pytest.mark.skipif(not shutil.which("jq"), reason="no jq: the page is not followed")
@pytest.mark.parametrize("way", ["template", "commands"])
def test_the_page_can_be_followed_to_its_end(account, pools, tmp_path, way):
    domain, _, pool, machines, _ = pools[way]
    gate, admin, service = (processes.free_port() for _ in range(3))

    def mine(text):
        """As the page says, with one's own ids; and on this machine, free ports, and AWS where its stand-in is."""
        text = text.replace("eu-west-1_AbC123xyz", pool).replace("1example23456789", machines)
        text = text.replace("domain=acme-orders region=eu-west-1", f"domain={domain} region=us-east-1")
        return text.replace("127.0.0.1:8080", f"127.0.0.1:{gate}").replace("127.0.0.1:3000", f"127.0.0.1:{service}").replace("3000)", f"{service})")

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/portcullis").symlink_to(os.environ["PORTCULLIS_BIN"])
    environment = {**account, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "NO_COLOR": "1"}

    (command,) = shell("3. A service")
    behind = processes.Process("service", ["bash", "-c", mine(command)], tmp_path, environment)
    behind.await_ready(lambda: answers(service))

    (text,) = re.findall(r"^```toml\n(.*?)^```$", part("4. The configuration"), re.M | re.S)
    keys = f'jwks_url = "{account["AWS_ENDPOINT_URL"]}/{pool}/.well-known/jwks.json"'
    text = mine(text).replace("[pools.main]", f"[pools.main]\n{keys}").replace("[server]", f'[server]\nadmin = "127.0.0.1:{admin}"')
    (tmp_path / "portcullis.toml").write_text(text)
    (commands,) = shell("4. The configuration")
    commands, _, last = commands.rstrip().rpartition("\n")
    assert last == "portcullis run"
    told = follow(commands, environment, tmp_path)
    assert "2 tests" in told and "insufficient_scope" in told
    sidecar = processes.Process("sidecar", ["portcullis", "run"], tmp_path, environment)
    sidecar.await_ready(lambda: run("portcullis", "ready", env=environment, cwd=tmp_path).returncode == 0)

    try:
        fetch, explain = shell("5. A token")
        # The only address of AWS that the page writes out.
        stand_in = f'curl() {{ command curl "${{@/https:\\/\\/{domain}.auth.us-east-1.amazoncognito.com/$AWS_ENDPOINT_URL}}"; }}\n'
        told = follow(stand_in + mine(fetch) + explain, environment, tmp_path)
        assert re.findall(r"^HTTP/1.1 (\d+)", told, re.M) == ["401", "200", "403"], told
        assert "missing_token" in told and "insufficient_scope" in told
        reached = told.split("HTTP/1.1 ")[2].lower()
        assert f"x-user: client:{machines.lower()}" in reached and "authorization" not in reached
    finally:
        assert sidecar.stop() == 0
        behind.stop()


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


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

"""Every piece of YAML, JSON, TOML and shell that people copy: in the documentation by its fences, in deploy/ by its files."""

import base64
import json
import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from conftest import DEPLOY, ROOT, good, portcullis, run

PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md"), *ROOT.glob("tests/**/README.md")])
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)

# What completes a piece of a configuration: each is added where its table is missing.
TABLES = {
    "server": '[server]\nlisten = "127.0.0.1:8080"\n',
    "upstream": '[upstream]\nurl = "http://127.0.0.1:3000"\n',
    "pools": '[pools.main]\nuser_pool_id = "eu-west-1_AbC123xyz"\nclient_ids = ["1example23456789"]\n',
    "routes": '[routes]\n"GET /orders/{*rest}" = "orders/read"\n',
}
# What a piece leans on that stands elsewhere on its page: added where it is named and not there.
CREDENTIALS = {
    "billing": '[credentials.billing]\ngrant = "client_credentials"\ntoken_url = "https://acme.auth.eu-west-1.amazoncognito.com/oauth2/token"\n'
    'client_id = "1example23456789"\nclient_secret = { env = "BILLING_SECRET" }\n',
    "robot": '[credentials.robot]\ngrant = "user_password"\nuser_pool_id = "eu-west-1_AbC123xyz"\nclient_id = "1example23456789"\n'
    'username = { env = "BILLING_SECRET" }\npassword = { env = "BILLING_SECRET" }\n',
}
EGRESS = '[outbound.egress]\nlisten = "127.0.0.1:3128"\nmode = "forward_proxy"\n'
# Languages that are looked at here, and those that no tool here reads.
LOOKED_AT = {"toml", "yaml", "json", "sh", "console"}
OTHERS = {"", "csharp", "dockerfile", "ini", "java", "php", "rust"}


def blocks():
    for page in PAGES:
        text = page.read_text()
        for found in FENCE.finditer(text):
            line = text[: found.start()].count("\n") + 1
            indent = found[1]
            body = "".join(each.removeprefix(indent) for each in found[3].splitlines(keepends=True))
            yield pytest.param(page, found[2], body, id=f"{page.relative_to(ROOT)}:{line}:{found[2] or 'plain'}")


def of(*languages):
    return [each for each in blocks() if each.values[1] in languages]


def test_no_fence_is_left_open():
    for page in PAGES:
        assert len(re.findall(r"^ *```", page.read_text(), re.M)) == 2 * len(FENCE.findall(page.read_text())), page


def test_every_piece_is_of_a_language_that_is_known():
    assert {each.values[1] for each in blocks()} <= LOOKED_AT | OTHERS
    # One for another: what looks like a command, or a table, says that it is one.
    for each in of("", "text"):
        assert not re.search(r"^(\$ |\[\w+\]$|portcullis \w)", each.values[2], re.M), each.id


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files such as the pieces name, by what their names end with."""
    directory = tmp_path_factory.mktemp("files")
    make = "import certificates, pathlib, sys; certificates.write(pathlib.Path(sys.argv[1]))"
    python = Path(os.environ["INTEROP_SCRATCH"]) / "ministack/bin/python"
    good(run(python, "-c", make, directory, cwd=ROOT / "tests/interop"))
    (directory / "secret").write_text(base64.b64encode(bytes(32)).decode())
    return {".crt": directory / "cert.pem", ".pem": directory / "ca.pem", ".key": directory / "key.pem", "": directory / "secret"}


@pytest.mark.parametrize("page, language, text", of("toml"))
def test_toml(page, language, text, tmp_path, files):
    tables = tomllib.loads(text)
    whole = re.sub(r'file = "(/[^"]+)"', lambda found: f'file = "{files[Path(found[1]).suffix]}"', text)
    whole += "\n" + "\n".join(table for name, table in TABLES.items() if name not in tables)
    if "tests" in tables and "identity" not in tables:
        whole += '\n[identity.headers]\nX-User = "username"\n'
    for name in set(re.findall(r'credential = "(\w+)"', text)) - set(tables.get("credentials", {})):
        whole += CREDENTIALS[name]
    if set(tables.get("outbound", {}).get("egress", {})) == {"destinations"}:
        whole += EGRESS
    file = tmp_path / "portcullis.toml"
    file.write_text(whole)
    good(portcullis("check", "--config", file, env={"BILLING_SECRET": "something"}))


@pytest.mark.parametrize("page, language, text", of("yaml"))
def test_yaml(page, language, text, tmp_path):
    documents = list(yaml.safe_load_all(text))
    assert documents and all(documents)


def test_the_kustomization_on_the_page_is_the_examples():
    (shown,) = [each.values[2] for each in of("yaml") if "kind: Kustomization" in each.values[2]]
    file = DEPLOY / "kubernetes/example/after/kustomization.yaml"
    assert yaml.safe_load(shown) == yaml.safe_load(file.read_text())


@pytest.mark.parametrize("page, language, text", of("json"))
def test_json(page, language, text):
    json.loads(text)


@pytest.mark.parametrize("page, language, text", of("sh", "console"))
def test_shell(page, language, text):
    script = text
    if language == "console":
        script = "".join(line[2:] + "\n" for line in text.splitlines() if line.startswith("$ "))
    good(run("bash", "-n", given=script))
    # Commands and options of the program, as it knows them; and files of the repository.
    joined = script.replace("\\\n", " ")
    for command in re.findall(r"(?:^|[|;(]|exec |sudo )\s*(portcullis [^|;)\n>#]*)", joined, re.M):
        words = shlex.split(re.sub(r"<<?<?\S*|\"\$\w+\"|\$\w+", "X", command), comments=True)
        if len(words) < 2 or words[1].startswith("-"):
            continue
        told = good(portcullis(words[1], "--help"))
        for option in (word.split("=")[0] for word in words[2:] if word.startswith("--") and len(word) > 2):
            assert re.search(rf"{re.escape(option)}(?![\w-])", told), (command, option)
    for path in re.findall(r"(?:(?<![\w./-])|(?<=\$PWD/)|(?<=file://))((?:deploy|docs|tests)/[\w./-]+)", joined):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("file", [pytest.param(file, id=str(file.relative_to(ROOT))) for file in sorted(DEPLOY.rglob("*")) if file.is_file()])
def test_files(file, tmp_path):
    text = file.read_text()
    if file.suffix in (".yaml", ".yml") and file.parent.name != "aws":
        assert all(document is not None for document in yaml.safe_load_all(text))
    elif file.suffix == ".json":
        json.loads(text)
    elif file.suffix == ".toml":
        good(portcullis("check", "--config", file))
    elif text.startswith("#!/usr/bin/env bash"):
        good(run("bash", "-n", file))
        assert file.stat().st_mode & 0o111
    elif text.startswith("#!/usr/bin/env python3"):
        compile(text, str(file), "exec")
    else:
        # The template is cfn-lint's, the image's recipe the image's, units are systemd's.
        assert file.parent.name == "aws" or file.name == "Containerfile" or file.suffix in (".service", ".socket"), "nobody looks at this"


def test_the_examples_configuration_parses():
    tomllib.loads((ROOT / "config.example.toml").read_text())


@pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
def test_links_lead_somewhere(page):
    def anchors(target):
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", target.read_text()), re.M)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link

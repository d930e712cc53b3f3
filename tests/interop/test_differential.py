"""P19: what the gate lets through as public never reaches a handler that it protects, whatever server reads the path.

The same paths go through the gate to nginx, Apache, Flask and Express, which read them each in their own way. Every answer of
the protected handler says PROTECTED; without a token it must never be seen.
"""

import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

import paths
import processes
import pytest
from pytest import fixture, mark

HERE = Path(__file__).parent
SCRATCH = Path(os.environ["INTEROP_SCRATCH"])

NGINX = """\
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr error;
events {{}}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  large_client_header_buffers 4 32k;
  server {{
    listen 127.0.0.1:{port};
    location {match} {{ return 200 PROTECTED; }}
    location / {{ return 200 public; }}
  }}
}}
"""

# Files, as a web server of files finds them; `CheckSpelling` is how a file system that folds case looks from outside.
APACHE = """\
ServerRoot {directory}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {directory}/httpd.pid
Mutex file:{directory}
ErrorLog /dev/stderr
LogLevel crit
{modules}
DocumentRoot {directory}/files
AllowEncodedSlashes On
AcceptPathInfo On
FallbackResource /index.html
CheckSpelling {fold}
CheckCaseOnly On
<Directory {directory}/files>
  Require all granted
</Directory>
"""
MODULES = ["mpm_event", "authz_core", "dir", "speling"]


class Upstream:
    """A server whose handler at /admin says PROTECTED."""

    def __init__(self, name, command, directory, folds=False):
        self.name, self.folds = name, folds
        self._command, self._directory = command, directory
        self.process = processes.start(self._begin)

    def _begin(self):
        self.port = processes.free_port()
        process = processes.Process(self.name, self._command(self.port), self._directory)
        return process.await_ready(self._answers)

    def _answers(self):
        try:
            return b"PROTECTED" in exchange(self.port, self.name, "/admin/x")
        except OSError:
            return False


def exchange(port, host, target, token=None):
    """One request, its target byte for byte; all of the answer."""
    bearer = f"Authorization: Bearer {token}\r\n" if token else ""
    request = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{bearer}Connection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request.encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def nginx(folds):
    # Apart from the case of letters nginx decodes, collapses slashes and resolves dots before it looks for a location.
    match = f'{"~*" if folds else "~"} "^/admin(/|$)"'
    directory = Path(tempfile.mkdtemp(dir=SCRATCH, prefix="nginx-"))

    def command(port):
        file = directory / "nginx.conf"
        file.write_text(NGINX.format(directory=directory, port=port, match=match))
        return ["nginx", "-p", directory, "-c", file, "-e", "stderr"]

    return Upstream("nginx-folding" if folds else "nginx", command, directory, folds)


def apache(folds):
    # Apache gives up root's rights: the files must be for everybody, which a folder of pytest is not.
    directory = Path(tempfile.mkdtemp(dir=SCRATCH, prefix="apache-"))
    (directory / "files/admin").mkdir(parents=True)
    (directory / "files/public").mkdir()
    for name in ("admin/index.html", "admin/x"):
        (directory / "files" / name).write_text("PROTECTED")
    (directory / "files/index.html").write_text("public")
    for folder in (directory, *directory.rglob("*")):
        folder.chmod(0o755)
    folder = next(Path(path) for path in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules") if Path(path).exists())
    built_in = [name for name in MODULES if not (folder / f"mod_{name}.so").exists()]
    assert not built_in, built_in
    modules = "\n".join(f"LoadModule {name}_module {folder}/mod_{name}.so" for name in MODULES)

    def command(port):
        file = directory / "httpd.conf"
        text = APACHE.format(directory=directory, port=port, modules=modules, fold="On" if folds else "Off")
        if os.getuid() == 0:
            text += "User nobody\nGroup nogroup\n"
        file.write_text(text)
        return ["apache2", "-f", file, "-D", "FOREGROUND"]

    return Upstream("apache-folding" if folds else "apache", command, directory, folds)


def flask(_):
    python = SCRATCH / "flask/bin/python"
    directory = Path(tempfile.mkdtemp(dir=SCRATCH, prefix="flask-"))
    return Upstream("flask", lambda port: [python, HERE / "flask_app.py", str(port)], directory)


def express(_):
    directory = Path(tempfile.mkdtemp(dir=SCRATCH, prefix="express-"))
    return Upstream("express", lambda port: ["node", SCRATCH / "node/express.mjs", str(port)], directory, True)


# How each is started, and the program it needs.
SERVERS = {
    "nginx": (nginx, "nginx"),
    "apache": (apache, "apache2"),
    "flask": (flask, None),
    "express": (express, "node"),
}


@fixture(scope="module")
def upstreams():
    """Every server that is there, twice where that makes a difference: as it minds case, and as it does not."""
    made = {}
    for name, (start, program) in SERVERS.items():
        if program and not (shutil.which(program) and (program != "node" or os.environ["INTEROP_NODE"])):
            continue
        made[name] = start(False)
        if name in ("nginx", "apache"):
            made[f"{name}-folding"] = start(True)
    yield made
    for upstream in made.values():
        upstream.process.stop()
        shutil.rmtree(upstream._directory, ignore_errors=True)


@fixture(params=["nginx", "nginx-folding", "apache", "apache-folding", "flask", "express"])
def upstream(request, upstreams):
    if request.param not in upstreams:
        pytest.skip(f"{request.param} is not here")
    return upstreams[request.param]


# What marks a path that a kind might admit.
KINDS = {
    "encoded-slash": r"%(2f|5c)",
    "double-slash": r"//",
    "dot-segments": r"\.|%2e",
    "double-encoding": r"%25",
    "semicolon": r";|%3b",
    "backslash": r"\\|%5c",
}
ALL = f"allow = {list(KINDS)}"
POLICIES = {
    "default": "",
    **{kind: f'allow = ["{kind}"]' for kind in KINDS},
    "all": ALL,
    "insensitive-all": f'case = "insensitive"\n{ALL}',
    "sensitive-all": f'case = "sensitive"\n{ALL}',
}

ROUTES = """\
[upstreams.{0}]
url = "http://127.0.0.1:{1}"

[routes."{0}.test/admin/{{*rest}}"]
any_scope = ["orders/read"]
upstream = "{0}"

[routes."{0}.test/{{*rest}}"]
access = "public"
upstream = "{0}"

"""


@fixture(scope="module", params=POLICIES)
def gate(request, open_gate, pool, upstreams):
    routes = "".join(ROUTES.format(name, upstream.port) for name, upstream in upstreams.items())
    gate = open_gate(f"[paths]\n{POLICIES[request.param]}\n\n" + pool.table() + routes)
    gate.policy = request.param
    return gate


CORPUS = paths.corpus()


def test_there_are_paths_enough():
    assert len(CORPUS) >= 500


def test_the_paths_would_reach_what_is_protected(upstream):
    """Without the gate's reading of them: many that do not begin with /admin/ are taken for it."""
    reached = [path for path in CORPUS if b"PROTECTED" in exchange(upstream.port, "x", path)]
    disguised = [path for path in reached if not path.startswith(("/admin/", "/admin?", "/admin#")) and path != "/admin"]
    assert len(disguised) >= 10, disguised


def test_p19_what_is_public_never_reaches_what_is_protected(gate, upstream, pool):
    host = f"{upstream.name}.test"
    if gate.policy.startswith("sensitive") and upstream.folds:
        pytest.skip("the configuration says that the service minds case, and this one does not")
    let_through, leaked = 0, []
    mark = KINDS.get(gate.policy, "")
    for path in CORPUS:
        if not re.search(mark, path, re.IGNORECASE):
            continue
        answer = exchange(gate.port, host, path)
        status = int(answer.split(b" ", 2)[1])
        if b"PROTECTED" in answer:
            leaked.append(path)
        let_through += status == 200
    assert leaked == []
    # Some are public indeed, and with a token the protected handler is there.
    assert let_through > 0
    token = pool.machine.machine_token("orders/read")
    assert b"PROTECTED" in exchange(gate.port, host, "/admin/x", token)

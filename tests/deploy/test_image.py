"""The image by its one command, and the demo in it by another: read-only, not root, no capability, and still a demo."""

import json
import os
import platform
import re
import urllib.error
import urllib.request
from pathlib import Path

import processes
import pytest
from conftest import DEPLOY, ROOT, good, run

pytestmark = pytest.mark.skipif(os.environ.get("PORTCULLIS_IMAGE") != "1", reason="PORTCULLIS_IMAGE=1 builds the image, in minutes")

TAG = "localhost/portcullis:test"
LIMIT = 15_000_000
# Where neither users' namespaces nor cgroups can be made (a build machine in a container itself), these still work.
BUILDER = os.environ.get("PORTCULLIS_BUILDER", "buildah bud --isolation chroot --format docker")
ENGINE = os.environ.get("PORTCULLIS_ENGINE", "podman --runtime runc --cgroup-manager cgroupfs")
STORAGE = {"STORAGE_DRIVER": "vfs"}


@pytest.fixture(scope="module")
def image():
    good(run(DEPLOY / "image/build", TAG, env={**STORAGE, "PORTCULLIS_BUILDER": BUILDER}, cwd=ROOT))
    return json.loads(good(run("buildah", "inspect", "--type", "image", TAG, env=STORAGE)))["Docker"]


def test_it_is_small_and_says_what_it_is(image):
    settings = image["config"]
    assert settings["User"] == "65532:65532"
    assert settings["Entrypoint"] == ["/portcullis"] and settings["Cmd"] == ["run"]
    assert settings["Healthcheck"]["Test"] == ["CMD", "/portcullis", "ready"]
    version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    assert settings["Labels"]["org.opencontainers.image.version"] == version
    assert settings["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert re.fullmatch("[0-9a-f]{40}", settings["Labels"]["org.opencontainers.image.revision"])
    (size,) = re.findall(r"\d+", good(run("podman", "image", "inspect", "--format", "{{.Size}}", TAG, env=STORAGE)))
    assert int(size) < LIMIT


def test_the_binary_is_all_there_is(image):
    container = good(run("buildah", "from", TAG, env=STORAGE)).strip()
    try:
        root = Path(good(run("buildah", "mount", container, env=STORAGE)).strip())
        files = {str(file.relative_to(root)): file for file in root.rglob("*") if not file.is_dir()}
        assert set(files) == {"portcullis", "licenses/LICENSE", "licenses/THIRD-PARTY-LICENSES.md"}
        binary = files["portcullis"].read_bytes()
    finally:
        run("buildah", "rm", container, env=STORAGE)
    # It asks no loader for libraries; the roots that Cognito's certificates hang from are in it, and so is the allocator that serves threads.
    assert binary.startswith(b"\x7fELF") and b"/ld-" not in binary[:8192]
    assert b"Amazon Root CA 1" in binary
    assert b"mimalloc: " in binary


def test_the_demo_runs_read_only_and_unprivileged(image, tmp_path):
    port = processes.free_port()
    network = "--network host --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --name portcullis-test"
    env = {**STORAGE, "PORTCULLIS_TAG": TAG, "PORTCULLIS_ENGINE": ENGINE, "PORTCULLIS_NETWORK": network}
    command = [DEPLOY / "image/run", "demo", "--port", port]
    process = processes.Process("demo", command, tmp_path, env)
    try:
        process.await_ready(lambda: status(port, "/orders/7") == 401, seconds=120)
        # Who it is, as the kernel has it.
        pid = good(run(*ENGINE.split(), "inspect", "--format", "{{.State.Pid}}", "portcullis-test", env=STORAGE)).strip()
        told = open(f"/proc/{pid}/status").read()
        assert re.search(r"^Uid:\s+65532\s+65532", told, re.M)
        assert re.search(r"^CapEff:\s+0{16}$", told, re.M) and re.search(r"^NoNewPrivs:\s+1$", told, re.M)
        root = next(line for line in open(f"/proc/{pid}/mounts") if line.split()[1] == "/")
        assert "ro" in root.split()[3].split(",")
        assert status(port, "/nowhere") == 403
        # Its own health check says that it is well.
        good(run(*ENGINE.split(), "exec", "portcullis-test", "/portcullis", "ready", env=STORAGE))
    finally:
        run(*ENGINE.split(), "stop", "--time", "10", "portcullis-test", env=STORAGE)
        process.stop()


def test_the_readmes_first_command_is_the_demo(image, tmp_path):
    (command,) = re.findall(r"^cargo run .*$", (ROOT / "README.md").read_text(), re.M)
    # For the image's target, which has just been built; not once more for this machine's.
    target = f"{platform.machine()}-unknown-linux-musl"
    env = {"CARGO_BUILD_TARGET": target, f"CC_{target.replace('-', '_')}": "musl-gcc"}
    port = processes.free_port()
    process = processes.Process("readme", ["bash", "-c", f"cd {ROOT} && exec {command} --port {port}"], tmp_path, env)
    try:
        process.await_ready(lambda: status(port, "/orders/7") == 401, seconds=1200)
        told = process.log()
        assert f"http://127.0.0.1:{port}" in told and "curl" in told and "[routes]" in told
    finally:
        process.stop()


def status(port, path):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return None

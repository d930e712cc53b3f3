"""What the suites share: where things are, the program, and the rig of tests/interop."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
sys.path.append(str(ROOT / "tests/interop"))

import processes  # noqa: E402


def run(*command, given=None, env=None, cwd=None, seconds=1200):
    """Runs a command to its end, whatever that is."""
    return subprocess.run(
        [str(part) for part in command],
        input=given,
        env={**os.environ, "NO_COLOR": "1", **(env or {})},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=seconds,
    )


def portcullis(*arguments, **settings):
    return run(os.environ["PORTCULLIS_BIN"], *arguments, **settings)


def good(done):
    """What a command printed, which must have ended well."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session", autouse=True)
def nothing_outlives_the_tests():
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    yield
    processes.stop_all()

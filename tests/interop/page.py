"""A real browser, told what to do and asked what it saw; and the demo, which the pages are tried with."""

import base64
import json
import os
import re
import subprocess
from pathlib import Path

import processes
import requests
from gate import BINARY, send

SCRATCH = Path(os.environ["INTEROP_SCRATCH"])


def browse(url, *steps, scheme="light", width=1280):
    """Opens `url`, follows the steps, and returns what was read. A complaint of the browser is a failure."""
    wanted = {
        "executable": os.environ["INTEROP_BROWSER"],
        "url": url,
        "scheme": scheme,
        "width": width,
        "steps": steps,
    }
    done = subprocess.run(
        ["node", SCRATCH / "node" / "browse.mjs"], input=json.dumps(wanted), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert "failed" not in said, said
    return said


def picture(name):
    """Where a picture goes: a folder beside what the tests need, to be looked at by a person."""
    folder = SCRATCH / "pictures"
    folder.mkdir(exist_ok=True)
    return str(folder / f"{name}.png")


class Demo:
    """`portcullis demo`: a pool, an order book, and the gate between them."""

    def __init__(self, directory):
        self._directory = Path(directory)
        self.process = processes.start(self._begin)
        told = self.process.log()
        self.pool = re.search(r"pool +(http://\S+)", told).group(1)
        self.service = re.search(r"service +(http://\S+)", told).group(1)

    def _begin(self):
        self.port = processes.free_port()
        command = [BINARY, "demo", "--port", str(self.port)]
        process = processes.Process("demo", command, self._directory, {"NO_COLOR": "1"})
        return process.await_ready(lambda: "# 8." in process.log() and self._answers())

    def _answers(self):
        try:
            return send(self.port, "GET", "/health").status == 200
        except OSError:
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def machine_token(self, client="reader"):
        basic = base64.b64encode(f"demo-{client}:{client}-secret-for-demo-only".encode()).decode()
        answer = requests.post(
            f"{self.pool}/oauth2/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic}"},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.json()["access_token"]

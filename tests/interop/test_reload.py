"""A configuration that changes under load: no request fails, and each is judged by one configuration alone."""

import http.client
import os
import shutil
import signal
import threading
import time
from itertools import cycle

import processes
from pytest import fixture, mark
from reloading import Load, Reloaded

pytestmark = mark.skipif(
    not shutil.which("h2load"), reason="SKIPPED: h2load is missing (Debian: nghttp2-client): nothing was reloaded under load"
)

SECONDS = int(os.environ.get("INTEROP_RELOAD_SECONDS", "60"))
RELOADS = 200


@fixture
def reloaded(tmp_path):
    reloaded = Reloaded(tmp_path)
    yield reloaded
    reloaded.stop()


def knock(reloaded, done, answers):
    """Asks for the door again and again over one connection: open, or closed, and nothing else."""
    connection = http.client.HTTPConnection("127.0.0.1", reloaded.port, timeout=60)
    while not done.is_set():
        connection.request("GET", "/door")
        answer = connection.getresponse()
        answers.append((answer.status, answer.read().decode()))
    connection.close()


def test_two_hundred_reloads_under_load(reloaded):
    started = time.monotonic()
    done, answers = threading.Event(), []
    clients = [Load(reloaded, done, "-m", "4"), Load(reloaded, done, "--h1")]
    knocker = threading.Thread(target=knock, args=(reloaded, done, answers))
    knocker.start()
    process = reloaded.process
    bad, colours, kinds = cycle(range(5)), cycle(["blue", "red"]), cycle(["swap", "bad", "replace"])
    before = {result: reloaded.count(result) for result in ("ok", "refused")}
    taken = {"ok": 0, "refused": 0}
    for number in range(RELOADS):
        kind = next(kinds)
        if kind == "bad":
            result, text = "refused", reloaded.bad()[next(bad)]
        else:
            result, text = "ok", reloaded.text(next(colours))
        earlier = reloaded.count(result)
        (reloaded.mount.replace if kind == "replace" else reloaded.mount.swap)(text)
        # Every tenth is left to be found by itself.
        if number % 10:
            os.kill(process.pid, signal.SIGHUP)
        processes.wait_until(lambda: reloaded.count(result) > earlier, f"reload {number}, a {kind}")
        taken[result] += 1
        # Spread over the time that is asked for, whatever a reload itself takes.
        pause = started + (number + 1) * SECONDS / RELOADS - time.monotonic()
        time.sleep(max(0, min(pause, 1)))
    done.set()
    for client in [*clients, knocker]:
        client.join()
    assert [client.faults for client in clients] == [[], []]
    assert taken["ok"] + taken["refused"] == RELOADS
    for result, least in taken.items():
        assert reloaded.count(result) - before[result] >= least
    assert {(200, "red")} <= set(answers) and {status for status, _ in answers} == {200, 401}, set(answers)
    assert all(body == "red" for status, body in answers if status == 200)
    services = reloaded.services.values()
    assert all(service.wrong == [] for service in services), [service.wrong[:3] for service in services]
    assert all(service.seen > 100 for service in services)
    # Each reached one service, once; at the end of its rounds h2load leaves off in the middle of some.
    seen = sum(service.seen for service in services)
    requests = [client.requests for client in clients]
    expected = sum(requests) + sum(status == 200 for status, _ in answers)
    left_off = sum(client.rounds * 2 * 4 for client in clients)
    assert 0 <= seen - expected <= left_off, (seen, expected)
    assert "panicked" not in process.log() and "eyJ" not in process.log()
    print(f"{RELOADS} reloads ({taken}) in {time.monotonic() - started:.0f} s, {requests} requests, door {len(answers)}")
    assert reloaded.process.stop() == 0

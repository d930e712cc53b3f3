"""What the suites share: one stand-in for Cognito with one pool, and gates that end with the tests that asked for them."""

import os

import processes
import pytest
from gate import Gate


@pytest.fixture(scope="session", autouse=True)
def nothing_outlives_the_tests():
    # No AWS account is ever reached: no profile, no metadata service.
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    yield
    processes.stop_all()


@pytest.fixture(scope="session")
def ministack(tmp_path_factory):
    from cognito import Ministack

    return Ministack(tmp_path_factory.mktemp("ministack"))


@pytest.fixture(scope="session")
def pool(ministack):
    from cognito import Pool

    return Pool(ministack)


@pytest.fixture(scope="module")
def open_gate(tmp_path_factory):
    """Starts a gate: `open_gate(policy, upstream=…, env=…)`."""
    gates = []

    def open_one(policy, **settings):
        gates.append(Gate(tmp_path_factory.mktemp("gate"), policy, **settings))
        return gates[-1]

    yield open_one
    for gate in gates:
        assert gate.stop() == 0, gate.process.log()
        # Every JWT begins with `{"` in base64: not one of those that were sent is in the log.
        assert "eyJ" not in gate.process.log()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for process in processes.running:
            report.sections.append((f"the last of {process.log_file}", process.log()[-2000:]))
    return report

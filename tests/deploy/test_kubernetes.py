"""The Kustomize components and `portcullis inject`: what kubectl makes of them, what Kubernetes would say, and what neither says."""

import json
import shutil

import pytest
import yaml
from conftest import DEPLOY, good, portcullis, run

EXAMPLE = DEPLOY / "kubernetes/example"
LEGACY = EXAMPLE / "before/orders.yaml"
VERSIONS = ["1.32", "1.37"]

needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="no kubectl: the components are not built")


def kustomize(folder):
    return good(run("kubectl", "kustomize", folder))


def injected():
    return good(portcullis("inject", LEGACY))


def the(text, kind):
    (found,) = [each for each in yaml.safe_load_all(text) if each["kind"] == kind]
    return found


MADE = [
    pytest.param(lambda: kustomize(EXAMPLE / "after"), id="kustomize", marks=needs_kubectl),
    pytest.param(injected, id="inject"),
]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_it(make, version, tmp_path):
    file = tmp_path / "manifests.yaml"
    file.write_text(make())
    done = run("kubernetes-validate", "--strict", "-k", version, file)
    assert done.returncode == 0 and "ERROR" not in done.stderr + done.stdout, done.stderr + done.stdout
    # The validator itself can fail.
    file.write_text(make().replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
    assert run("kubernetes-validate", "--strict", "-k", version, file).returncode != 0


@pytest.mark.parametrize("make", MADE)
def test_the_pod_is_as_it_should_be(make):
    pod = the(make(), "Deployment")["spec"]["template"]
    spec = pod["spec"]
    sidecar, app = spec["initContainers"][0], spec["containers"][0]
    # A misspelt one would make it an init container that never ends.
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["args"] == ["run", "--config", "/etc/portcullis/portcullis.toml"]
    security = sidecar["securityContext"]
    assert security["runAsNonRoot"] is True and security["runAsUser"] == 65532
    assert security["allowPrivilegeEscalation"] is False and security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert sidecar["resources"]["limits"]["memory"] and "cpu" not in sidecar["resources"]["limits"]
    probes = {kind: sidecar[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert [probe["path"] for probe in probes.values()] == ["/livez", "/livez", "/readyz"]
    assert {probe["port"] for probe in probes.values()} == {9091}
    assert {port["containerPort"] for port in sidecar["ports"]} == {8080, 9091}
    # What is mounted is there, and the sidecar writes nothing.
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert all(mount["name"] in volumes and mount["readOnly"] for mount in sidecar["volumeMounts"])
    assert volumes["portcullis-config"]["configMap"]["name"] == "portcullis"
    # Requests on their way are served: first the application waits, then the sidecar drains, then the kubelet's patience ends.
    pause = app["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] >= pause + 25
    # The application's own is there as it was.
    legacy = the(LEGACY.read_text(), "Deployment")["spec"]["template"]["spec"]
    assert app == {**legacy["containers"][0], "lifecycle": app["lifecycle"]}
    assert volumes["data"] == legacy["volumes"][0]


@pytest.mark.parametrize("make", MADE)
def test_the_service_leads_to_the_gate_alone(make):
    ports = the(make(), "Service")["spec"]["ports"]
    assert ports == [{"name": "http", "port": 80, "targetPort": 8080}]


@needs_kubectl
def test_the_policy_lets_nobody_past_the_gate():
    text = kustomize(EXAMPLE / "after")
    policy, labels = the(text, "NetworkPolicy")["spec"], the(text, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["policyTypes"] == ["Ingress"]
    open_ports = [port["port"] for rule in policy["ingress"] for port in rule["ports"]]
    assert open_ports == [8080, 9091]
    # Pods of before match as well: a Deployment's selector can't change.
    assert the(text, "Deployment")["spec"]["selector"] == the(LEGACY.read_text(), "Deployment")["spec"]["selector"]


@needs_kubectl
def test_an_application_that_stops_in_its_own_way_is_not_overruled(tmp_path):
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    legacy = tmp_path / "kubernetes/example/before/orders.yaml"
    image = "        image: registry.example.com/orders:4.2\n"
    assert image in legacy.read_text()
    legacy.write_text(legacy.read_text().replace(image, f"{image}        lifecycle: {{preStop: {{exec: {{command: [/drain]}}}}}}\n"))
    done = run("kubectl", "kustomize", tmp_path / "kubernetes/example/after")
    assert done.returncode != 0 and "lifecycle" in done.stderr
    after = tmp_path / "kubernetes/example/after/kustomization.yaml"
    after.write_text(after.read_text().replace("- ../../prestop\n", ""))
    text = kustomize(after.parent)
    assert the(text, "Deployment")["spec"]["template"]["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"] == ["/drain"]


@needs_kubectl
def test_what_kustomize_made_is_left_alone_by_inject():
    made = kustomize(EXAMPLE / "after")
    done = portcullis("inject", given=made)
    assert good(done) == made
    assert done.stderr == "deployment/orders: as it should be\nservice/orders: as it should be\n"


def test_inject_twice_is_inject_once_and_json_stays_json():
    once = injected()
    assert good(portcullis("inject", given=once)) == once
    items = {"apiVersion": "v1", "kind": "List", "items": list(yaml.safe_load_all(LEGACY.read_text()))}
    as_json = json.loads(good(portcullis("inject", given=json.dumps(items, indent=1))))
    assert as_json["items"] == list(yaml.safe_load_all(once))


def test_the_examples_configuration_is_good():
    printed = good(portcullis("check", "--config", EXAMPLE / "after/portcullis.toml"))
    assert "3 tests passed" in printed

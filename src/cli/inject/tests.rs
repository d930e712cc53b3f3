//! `inject` as text: what is added, what stays byte for byte, what is refused.

use proptest::prelude::*;

use super::{Settings, rewrite};

fn inject(text: &str) -> String {
    let (result, _) = rewrite(text, &Settings::default(), false).unwrap();
    let (again, _) = rewrite(&result, &Settings::default(), false).unwrap();
    assert_eq!(again, result, "a second run changes nothing");
    result
}

fn refused(text: &str) -> String {
    rewrite(text, &Settings::default(), false).unwrap_err()
}

fn told(text: &str, opt_in: bool) -> Vec<String> {
    rewrite(text, &Settings::default(), opt_in).unwrap().1
}

const LEGACY: &str = "\
# Source: orders/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: orders
spec:
  selector:
    matchLabels: {app: orders}
  template:
    metadata:
      labels: {app: orders}   # the Service looks for this
    spec:
      # As it has been since 2009.
      containers:
      - name: orders
        image: 'registry.example.com/orders:4.2'
        env:
        - {name: LEGACY, value: \"yes\"}
        - {name: UMASK, value: 0022}
        ports:
        - containerPort: 3000
          name: http
---
apiVersion: v1
kind: Service
metadata:
  name: orders
spec:
  selector:
    app: orders
  ports:
  - port: 80
    targetPort: http  # by name
---
kind: ConfigMap
data: {a:   b}
";

#[test]
fn a_deployment_gets_the_sidecar_and_keeps_every_byte_of_its_own() {
    let result = inject(LEGACY);
    insta::assert_snapshot!(result, @r#"
    # Source: orders/templates/deployment.yaml
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: orders
    spec:
      selector:
        matchLabels: {app: orders}
      template:
        metadata:
          labels: {app: orders}   # the Service looks for this
        spec:
          terminationGracePeriodSeconds: 40
          initContainers:
          - name: portcullis
            args:
            - run
            - "--config"
            - /etc/portcullis/portcullis.toml
            image: "portcullis:0.1.0"
            livenessProbe:
              failureThreshold: 3
              httpGet:
                path: /livez
                port: 9091
              periodSeconds: 10
            ports:
            - name: gate
              containerPort: 8080
            - name: gate-probes
              containerPort: 9091
            readinessProbe:
              failureThreshold: 2
              httpGet:
                path: /readyz
                port: 9091
              periodSeconds: 5
            resources:
              limits:
                memory: "128Mi"
              requests:
                cpu: "50m"
                memory: "32Mi"
            restartPolicy: Always
            securityContext:
              allowPrivilegeEscalation: false
              capabilities:
                drop:
                - ALL
              readOnlyRootFilesystem: true
              runAsGroup: 65532
              runAsNonRoot: true
              runAsUser: 65532
              seccompProfile:
                type: RuntimeDefault
            startupProbe:
              failureThreshold: 30
              httpGet:
                path: /livez
                port: 9091
              periodSeconds: 1
            volumeMounts:
            - name: portcullis-config
              mountPath: /etc/portcullis
              readOnly: true
          volumes:
          - name: portcullis-config
            configMap:
              name: portcullis
          # As it has been since 2009.
          containers:
          - lifecycle:
              preStop:
                sleep:
                  seconds: 10
            name: orders
            image: 'registry.example.com/orders:4.2'
            env:
            - {name: LEGACY, value: "yes"}
            - {name: UMASK, value: 0022}
            ports:
            - containerPort: 3000
              name: http
    ---
    apiVersion: v1
    kind: Service
    metadata:
      name: orders
    spec:
      selector:
        app: orders
      ports:
      - port: 80
        targetPort: 8080  # by name
    ---
    kind: ConfigMap
    data: {a:   b}
    "#);
    // Whatever stood there still stands there, in the same order; only the Service's target is another.
    let mut rest = result.as_str();
    for line in LEGACY.lines().filter(|line| !line.contains("targetPort")) {
        let line = line.trim_start().trim_start_matches("- ");
        let at = rest
            .find(line)
            .unwrap_or_else(|| panic!("{line:?} is gone"));
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn json_stays_json() {
    let text = r#"{"kind": "List", "items": [
  {"kind": "Pod", "metadata": {"name": "a", "labels": {"app": "a"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}], "volumes": []}},
  {"kind": "Service", "metadata": {"name": "a"}, "spec": {"selector": {"app": "a"}, "ports": [{"port": 80}]}}
]}"#;
    let result: serde_json::Value = serde_json::from_str(&inject(text)).unwrap();
    let pod = &result["items"][0]["spec"];
    assert_eq!(pod["initContainers"][0]["name"], "portcullis");
    assert_eq!(pod["initContainers"][0]["restartPolicy"], "Always");
    assert_eq!(pod["volumes"][0]["configMap"]["name"], "portcullis");
    assert_eq!(pod["terminationGracePeriodSeconds"], 40);
    assert_eq!(
        pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"],
        10
    );
    let port = &result["items"][1]["spec"]["ports"][0];
    assert_eq!(
        (&port["port"], &port["targetPort"]),
        (&80.into(), &8080.into())
    );
}

/// A pod's spec in lines, and what of it must be found afterwards.
fn pod(spec: &str) -> String {
    format!("kind: Pod\nmetadata:\n  name: a\nspec:\n{spec}")
}

#[test]
fn what_is_there_is_added_to_however_it_is_written() {
    let containers = "  containers:\n  - {name: a}\n";
    let cases = [
        // Lists indented, not indented, in brackets, empty, null, tilde.
        (
            "  volumes:\n  - name: x\n",
            "  - name: portcullis-config\n    configMap:\n      name: portcullis\n  - name: x\n",
        ),
        (
            "  volumes:\n    - name: x\n",
            "    - name: portcullis-config\n      configMap:\n        name: portcullis\n    - name: x\n",
        ),
        (
            "  volumes:\n  -\n    name: x\n",
            "      name: portcullis\n  -\n    name: x\n",
        ),
        (
            "  volumes: [{name: x}]\n",
            "volumes: [{\"configMap\":{\"name\":\"portcullis\"},\"name\":\"portcullis-config\"}, {name: x}]\n",
        ),
        (
            "  volumes: []\n",
            "volumes: [{\"configMap\":{\"name\":\"portcullis\"},\"name\":\"portcullis-config\"}]\n",
        ),
        ("  volumes:\n", "volumes: [{\"configMap\""),
        (
            "  volumes: ~ # none\n",
            "volumes: [{\"configMap\":{\"name\":\"portcullis\"},\"name\":\"portcullis-config\"}] # none\n",
        ),
        // A period that is too short, long enough, quoted, null.
        (
            "  terminationGracePeriodSeconds: 30 # s\n",
            "  terminationGracePeriodSeconds: 40 # s\n",
        ),
        (
            "  terminationGracePeriodSeconds: 120\n",
            "  terminationGracePeriodSeconds: 120\n",
        ),
        (
            "  terminationGracePeriodSeconds: null\n",
            "  terminationGracePeriodSeconds: 40\n",
        ),
        // Other init containers come after the sidecar, and can call through it.
        ("  initContainers:\n  - name: migrate\n", "    - configMap"),
    ];
    for (spec, expected) in cases {
        let result = inject(&pod(&format!("{spec}{containers}")));
        if expected == "    - configMap" {
            let (sidecar, migrate) = (
                result.find("name: portcullis\n"),
                result.find("name: migrate"),
            );
            assert!(sidecar < migrate && sidecar.is_some(), "{result}");
        } else {
            assert!(result.contains(expected), "{expected}\nin\n{result}");
        }
    }
}

#[test]
fn a_container_keeps_what_it_does_before_it_stops() {
    let own = "  containers:\n  - name: a\n    lifecycle:\n      preStop:\n        exec: {command: [\"/drain\"]}\n";
    let result = inject(&pod(own));
    assert!(
        result.contains(own) && !result.contains("sleep"),
        "{result}"
    );
    assert!(
        told(&pod(own), false)
            .iter()
            .any(|line| line.contains("keeps its own preStop")),
    );
    let other = "  containers:\n  - name: a\n    lifecycle:\n      postStart: {exec: {command: [\"/x\"]}}\n";
    let result = inject(&pod(other));
    assert!(
        result.contains("      preStop:\n        sleep:\n          seconds: 10\n      postStart:"),
        "{result}"
    );
}

#[test]
fn jobs_get_the_sidecar_and_end_as_before() {
    let job = "kind: CronJob\nmetadata: {name: nightly}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers:\n          - name: a\n";
    let result = inject(job);
    assert!(result.contains("restartPolicy: Always"), "{result}");
    assert!(!result.contains("preStop"), "{result}");
}

#[test]
fn annotations_tune_and_the_pods_own_go_before_the_workloads() {
    let text = "kind: StatefulSet
metadata:
  name: db
  annotations: {portcullis/image: 'a:1', portcullis/port: '4180', portcullis/secret: app}
spec:
  template:
    metadata:
      annotations:
        portcullis/image: b:2
        portcullis/drain-seconds: \"60\"
        portcullis/pre-stop-seconds: \"0\"
        portcullis/cpu-limit: \"1\"
        portcullis/memory-limit: 64Mi
    spec:
      containers:
      - name: db
";
    let result = inject(text);
    for line in [
        "image: \"b:2\"",
        "containerPort: 4180",
        "terminationGracePeriodSeconds: 65",
        "secretName: app",
        "mountPath: /run/secrets/portcullis",
        "cpu: \"1\"",
        "memory: \"64Mi\"",
    ] {
        assert!(result.contains(line), "{line} in\n{result}");
    }
    assert!(!result.contains("preStop"), "{result}");
}

#[test]
fn some_pods_are_left_alone_and_it_is_said() {
    let cases = [
        ("hostNetwork: true", "network of its host"),
        ("os: {name: windows}", "Windows"),
        ("nodeSelector: {kubernetes.io/os: windows}", "Windows"),
    ];
    for (line, why) in cases {
        let text = pod(&format!("  {line}\n  containers:\n  - name: a\n"));
        assert_eq!(inject(&text), text);
        let told = told(&text, false);
        assert!(
            told[0].contains("left alone") && told[0].contains(why),
            "{told:?}"
        );
    }
    let plain = pod("  containers:\n  - name: a\n");
    let disabled = plain.replace(
        "  name: a\nspec",
        "  name: a\n  annotations: {portcullis/inject: disabled}\nspec",
    );
    assert_eq!(inject(&disabled), disabled);
    assert!(told(&plain, true)[0].contains("no annotation"));
    let enabled = disabled.replace("disabled", "enabled");
    assert_eq!(told(&enabled, true), ["pod/a: injected"]);
}

#[test]
fn what_is_no_workload_passes_byte_for_byte() {
    for text in [
        "",
        "\n",
        "# nothing\n---\n---\n",
        "a: [1, {b: c}]\r\n",
        "kind: Service\nspec: {ports: [{port: 80}]}\n",
        "kind: ConfigMap\ndata:\n  x: |\n    kind: Deployment\n",
        "\"just text\"",
    ] {
        assert_eq!(inject(text), text);
    }
}

fn with_service(ports: &str, annotation: &str) -> String {
    format!(
        "kind: Deployment\nmetadata:\n  name: a\n  annotations: {{{annotation}}}\nspec:\n  template:\n    metadata:\n      labels: {{app: a, tier: web}}\n    spec:\n      containers:\n      - name: a\n        ports: [{{name: http, containerPort: 3000}}, {{name: jmx, containerPort: 9010}}]\n---\nkind: Service\nmetadata: {{name: a}}\nspec:\n  selector: {{app: a}}\n  ports:\n{ports}"
    )
}

#[test]
fn services_lead_to_the_gate_and_their_other_ports_where_they_did() {
    let ports = "  - {name: web, port: 80, targetPort: http}\n  - {name: jmx, port: 9010}\n";
    let result = inject(&with_service(ports, "portcullis/app-port: '3000'"));
    assert!(
        result.ends_with(
            "  - {name: web, port: 80, targetPort: 8080}\n  - {name: jmx, port: 9010}\n"
        ),
        "{result}"
    );
    // Which of two is the application's is nobody's guess: a port left open would be a way past the gate.
    assert!(refused(&with_service(ports, "")).contains("portcullis/app-port"));
    let only = "  - name: web\n    port: 80\n";
    assert!(
        inject(&with_service(only, ""))
            .ends_with("  - targetPort: 8080\n    name: web\n    port: 80\n")
    );
    // Another namespace, other labels: another service.
    for (from, to) in [
        (
            "kind: Service\nmetadata: {name: a}",
            "kind: Service\nmetadata: {name: a, namespace: b}",
        ),
        ("selector: {app: a}", "selector: {app: b}"),
    ] {
        let text = with_service(only, "").replace(from, to);
        assert!(inject(&text).ends_with(only));
    }
    let headless = with_service(only, "").replace("  selector:", "  clusterIP: None\n  selector:");
    assert!(
        told(&headless, false)
            .iter()
            .any(|line| line.contains("headless"))
    );
}

#[test]
fn what_cannot_be_done_is_refused_with_its_place() {
    let cases = [
        ("kind: [", ":1:"),
        (
            "kind: Deployment\nmetadata: {name: a}\nspec: {}\n",
            "deployment/a: it describes no pod",
        ),
        ("kind: Pod\nspec: *a\n", ""),
        (
            "x: &a {}\n---\nkind: Pod\nmetadata: {name: a}\nspec: {}\n",
            "pod/a: its pods have no spec",
        ),
        (
            "kind: Pod\nspec:\n  containers:\n  - &c\n    name: a\n  - *c\n",
            "not a mapping written out",
        ),
        (
            "kind: Pod\nspec:\n  ? containers\n  : - name: a\n",
            "can't be edited",
        ),
        (
            "kind: Pod\nspec:\n  terminationGracePeriodSeconds: soon\n  containers: []\n",
            "no number",
        ),
        (
            "kind: Pod\nmetadata: {annotations: {portcullis/prot: '1'}}\nspec: {containers: []}\n",
            "portcullis/prot",
        ),
        (
            "kind: Pod\nmetadata: {annotations: {portcullis/port: '0'}}\nspec: {containers: []}\n",
            "expected a port",
        ),
        (
            "kind: Pod\nmetadata: {annotations: {portcullis/port: '9091'}}\nspec: {containers: []}\n",
            "both have port 9091",
        ),
        (
            "kind: Pod\nspec: {containers: [{name: a, ports: [{containerPort: 8080}]}]}\n",
            "has port 8080 already",
        ),
    ];
    for (text, expected) in cases {
        let why = refused(text);
        assert!(why.contains(expected), "{why}\nfor\n{text}");
    }
    assert!(refused(&"[".repeat(200)).contains("nested too deeply"));
    assert_ne!(refused(&"[".repeat(100_000)), "");
    assert!(refused(&"- ".repeat(100_000)).contains("nested too deeply"));
}

/// Manifests bent out of shape, and whatever else.
fn texts() -> impl Strategy<Value = String> {
    let pieces = proptest::sample::select(vec![
        "kind: Pod\n",
        "kind: Deployment\n",
        "spec:\n",
        "  containers:\n",
        "  - name: a\n",
        "  -\n",
        "    - x\n",
        "  volumes: ",
        "[]\n",
        "{}\n",
        "~\n",
        "&a ",
        "*a\n",
        "- ",
        "? ",
        ": ",
        "\"",
        "'",
        "|\n",
        ">-\n",
        "---\n",
        "...\n",
        "\t",
        "  ",
        "\r\n",
        "é",
        "{a: b, ",
        "}",
        "]",
        "!!map ",
        "#",
        "<<: *a\n",
        "\u{feff}",
        "  template:\n",
        "  ports: [{port: 80}]\n",
        "kind: Service\n",
    ]);
    proptest::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_what_it_writes_it_leaves_alone(text in texts()) {
        if let Ok((result, _)) = rewrite(&text, &Settings::default(), false) {
            let again = rewrite(&result, &Settings::default(), false);
            prop_assert_eq!(again.map(|(text, _)| text), Ok(result));
        }
    }
}

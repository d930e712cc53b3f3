//! Workloads: where their pods are described, and what is added there.

use serde_json::{Value, json};

use super::Told;
use super::edit::{Edits, Unsuitable};
use super::sidecar::{CONTAINER, Settings};
use super::yaml::{Content, Node};

/// Pods with a sidecar, as a Service finds them.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) namespace: Option<String>,
    pub(super) labels: Vec<(String, String)>,
    /// Names of the application's ports.
    pub(super) ports: Vec<(String, u16)>,
    pub(super) settings: Settings,
}

/// Where an object of this kind describes its pods: metadata and spec are below.
fn template_path(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&[]),
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job" => Some(&["spec", "template"]),
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template"]),
        _ => None,
    }
}

/// Adds the sidecar to an object's pods, if it has any and they have none yet.
pub(super) fn inject(
    object: &Node,
    kind: &str,
    defaults: &Settings,
    opt_in: bool,
    edits: &mut Edits,
) -> Result<Option<(Guarded, Told)>, String> {
    let Some(path) = template_path(kind) else {
        return Ok(None);
    };
    let template = object.at(path).ok_or("it describes no pod")?;
    let spec = template
        .get("spec")
        .filter(|spec| !spec.entries().is_empty())
        .ok_or("its pods have no spec written out")?;
    let mut settings = defaults.clone();
    settings.annotate(object.at(&["metadata", "annotations"]))?;
    settings.annotate(template.at(&["metadata", "annotations"]))?;
    if let Some(reason) = exempt(spec, &settings, opt_in) {
        return Ok(Some((nobody(settings), Told::LeftAlone(reason))));
    }
    let guarded = Guarded {
        namespace: object
            .at(&["metadata", "namespace"])
            .and_then(Node::text)
            .map(str::to_owned),
        labels: texts(template.at(&["metadata", "labels"])),
        ports: ports(spec),
        settings,
    };
    let init = spec.get("initContainers");
    let present = init.is_some_and(|init| init.items().iter().any(is_sidecar))
        || spec
            .get("containers")
            .is_some_and(|list| list.items().iter().any(is_sidecar));
    if present {
        return Ok(Some((guarded, Told::Already)));
    }
    no_port_twice(spec, &guarded.settings)?;
    let ends_by_itself = matches!(kind, "Job" | "CronJob");
    let remarks = add(spec, &guarded.settings, ends_by_itself, edits)?;
    Ok(Some((guarded, Told::Injected(remarks))))
}

/// Why a pod is left as it is.
fn exempt(spec: &Node, settings: &Settings, opt_in: bool) -> Option<&'static str> {
    let windows = [
        &["os", "name"][..],
        &["nodeSelector", "kubernetes.io/os"][..],
    ];
    if settings.inject == Some(false) {
        Some("its annotation says so")
    } else if opt_in && settings.inject.is_none() {
        Some("it has no annotation portcullis/inject: enabled")
    } else if spec.get("hostNetwork").and_then(Node::text) == Some("true") {
        Some("it uses the network of its host")
    } else if windows
        .iter()
        .any(|path| spec.at(path).and_then(Node::text) == Some("windows"))
    {
        Some("it runs on Windows")
    } else {
        None
    }
}

/// Matches no Service.
fn nobody(settings: Settings) -> Guarded {
    Guarded {
        namespace: None,
        labels: Vec::new(),
        ports: Vec::new(),
        settings,
    }
}

fn is_sidecar(container: &Node) -> bool {
    container.get("name").and_then(Node::text) == Some(CONTAINER)
}

/// Keys and values of a mapping of strings.
pub(super) fn texts(map: Option<&Node>) -> Vec<(String, String)> {
    map.map_or(&[][..], Node::entries)
        .iter()
        .filter_map(|(key, value)| Some((key.text()?.to_owned(), value.text()?.to_owned())))
        .collect()
}

fn containers(spec: &Node) -> impl Iterator<Item = &Node> {
    spec.get("containers").map_or(&[][..], Node::items).iter()
}

fn container_ports(spec: &Node) -> impl Iterator<Item = &Node> {
    containers(spec)
        .filter(|container| !is_sidecar(container))
        .flat_map(|container| container.get("ports").map_or(&[][..], Node::items))
}

fn number(node: Option<&Node>) -> Option<u16> {
    node.and_then(Node::text)?.parse().ok()
}

fn ports(spec: &Node) -> Vec<(String, u16)> {
    container_ports(spec)
        .filter_map(|port| {
            let name = port.get("name").and_then(Node::text)?;
            Some((name.to_owned(), number(port.get("containerPort"))?))
        })
        .collect()
}

/// All containers of a pod share one address.
fn no_port_twice(spec: &Node, settings: &Settings) -> Result<(), String> {
    let (gate, probes) = (settings.port, settings.probes_port);
    if gate == probes {
        return Err(format!("gate and probes can't both have port {gate}"));
    }
    for port in container_ports(spec).filter_map(|port| number(port.get("containerPort"))) {
        let annotation = match port {
            _ if port == gate => "port",
            _ if port == probes => "probes-port",
            _ => continue,
        };
        return Err(format!(
            "its application has port {port} already: say another one with the annotation portcullis/{annotation}, and in the configuration"
        ));
    }
    Ok(())
}

fn add(
    spec: &Node,
    settings: &Settings,
    ends_by_itself: bool,
    edits: &mut Edits,
) -> Result<Vec<String>, String> {
    let mut remarks = Vec::new();
    let mut keys: Vec<(&str, Value)> = Vec::new();
    let grace = settings.grace_seconds();
    match spec.entry("terminationGracePeriodSeconds") {
        None => keys.push(("terminationGracePeriodSeconds", json!(grace))),
        Some((key, value)) => {
            let seconds = value.text().and_then(|text| text.parse::<u64>().ok());
            if value.is_null() || seconds.is_some_and(|seconds| seconds < grace) {
                edits
                    .replace(key, value, &json!(grace))
                    .map_err(|why| format!("its terminationGracePeriodSeconds {why}"))?;
            } else if seconds.is_none() {
                return Err("its terminationGracePeriodSeconds is no number".to_owned());
            }
        }
    }
    let lists = [
        ("initContainers", vec![settings.container()]),
        ("volumes", settings.volumes()),
    ];
    for (name, items) in lists {
        if let Some(key) =
            extend(spec, name, items, edits).map_err(|why| format!("its {name} {why}"))?
        {
            keys.push(key);
        }
    }
    edits
        .add_keys(spec, &keys)
        .map_err(|why| format!("its pods' spec {why}"))?;
    if !ends_by_itself {
        for container in containers(spec) {
            remarks.extend(linger(container, settings, edits)?);
        }
    }
    Ok(remarks)
}

/// Adds items to a list of the spec; one that isn't there comes back as a key to add.
fn extend<'name>(
    spec: &Node,
    name: &'name str,
    items: Vec<Value>,
    edits: &mut Edits,
) -> Result<Option<(&'name str, Value)>, Unsuitable> {
    match spec.entry(name) {
        None => return Ok(Some((name, Value::Array(items)))),
        Some((key, list)) if list.is_null() => edits.replace(key, list, &Value::Array(items))?,
        Some((_, list)) => edits.add_items(list, &items)?,
    }
    Ok(None)
}

/// The application still serves while requests are on their way to it: until its own time is over, no SIGTERM comes.
fn linger(
    container: &Node,
    settings: &Settings,
    edits: &mut Edits,
) -> Result<Option<String>, String> {
    let name = container.get("name").and_then(Node::text).unwrap_or("?");
    if settings.pre_stop_seconds == 0 {
        return Ok(None);
    }
    let sleep = json!({ "sleep": { "seconds": settings.pre_stop_seconds } });
    let done = match container.entry("lifecycle") {
        None => edits.add_keys(container, &[("lifecycle", json!({ "preStop": sleep }))]),
        Some((key, lifecycle)) if lifecycle.is_null() => {
            edits.replace(key, lifecycle, &json!({ "preStop": sleep }))
        }
        Some((_, lifecycle)) if lifecycle.get("preStop").is_some() => {
            return Ok(Some(format!(
                "container {name} keeps its own preStop: it should last {} s or more",
                settings.pre_stop_seconds
            )));
        }
        Some((_, lifecycle)) if matches!(lifecycle.content, Content::Map { .. }) => {
            edits.add_keys(lifecycle, &[("preStop", sleep)])
        }
        Some(_) => Err("has a lifecycle that can't be edited"),
    };
    done.map_err(|why| format!("its container {name} {why}"))?;
    Ok(None)
}

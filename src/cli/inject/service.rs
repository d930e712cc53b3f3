//! Services: those that lead to guarded pods are pointed at the gate, so that nobody comes past it by name.

use serde_json::json;

use super::Told;
use super::edit::Edits;
use super::workload::{Guarded, texts};
use super::yaml::Node;

/// Points the ports of a Service at the gate of the pods that it selects.
pub(super) fn point(
    service: &Node,
    guarded: &[Guarded],
    edits: &mut Edits,
) -> Result<Option<Told>, String> {
    let selector = texts(service.at(&["spec", "selector"]));
    let namespace = service.at(&["metadata", "namespace"]).and_then(Node::text);
    let pods = guarded.iter().find(|pods| {
        !selector.is_empty()
            && pods.namespace.as_deref() == namespace
            && selector.iter().all(|pair| pods.labels.contains(pair))
    });
    let Some(pods) = pods else {
        return Ok(None);
    };
    let mut remarks = Vec::new();
    if service.at(&["spec", "clusterIP"]).and_then(Node::text) == Some("None") {
        remarks.push(
            "it is headless: clients reach any port of a pod, so add a NetworkPolicy".to_owned(),
        );
    }
    let gate = pods.settings.port;
    let ports = guarded_ports(service, pods)?;
    if ports.is_empty() {
        return Ok(Some(Told::LeftAlone(
            "none of its ports leads to the application's",
        )));
    }
    let astray: Vec<&Node> = ports
        .into_iter()
        .filter(|port| target(port, pods) != Some(gate))
        .collect();
    for port in &astray {
        match port.entry("targetPort") {
            Some((key, value)) => edits.replace(key, value, &json!(gate)),
            None => edits.add_keys(port, &[("targetPort", json!(gate))]),
        }
        .map_err(|why| format!("its port {why}"))?;
    }
    match astray.is_empty() {
        true => Ok(Some(Told::Already)),
        false => Ok(Some(Told::Pointed(gate, remarks))),
    }
}

/// The ports of a Service that lead to the guarded port of the application, or to the gate already. Which of several
/// that is, is nobody's guess: one that still led to the application would be a way past the gate.
fn guarded_ports<'tree>(service: &'tree Node, pods: &Guarded) -> Result<Vec<&'tree Node>, String> {
    let ports = service.at(&["spec", "ports"]).map_or(&[][..], Node::items);
    let tcp = ports.iter().filter(|port| {
        matches!(
            port.get("protocol").and_then(Node::text),
            None | Some("TCP")
        )
    });
    let gate = pods.settings.port;
    let leads_to = |wanted: u16| move |port: &&Node| target(port, pods) == Some(wanted);
    if let Some(app) = pods.settings.app_port {
        return Ok(tcp
            .filter(|port| leads_to(app)(port) || leads_to(gate)(port))
            .collect());
    }
    let all: Vec<&Node> = tcp.collect();
    let there: Vec<&Node> = all.iter().copied().filter(leads_to(gate)).collect();
    match (all.len(), there.is_empty()) {
        (0 | 1, _) => Ok(all),
        (_, false) => Ok(there),
        (several, true) => Err(format!(
            "it has {several} TCP ports: say with the annotation portcullis/app-port on the workload which one of the application's is guarded"
        )),
    }
}

/// The pods' port that a Service's port leads to, if it can be told.
fn target(port: &Node, pods: &Guarded) -> Option<u16> {
    let said = port
        .get("targetPort")
        .filter(|target| !target.is_null())
        .or_else(|| port.get("port"))?
        .text()?;
    said.parse().ok().or_else(|| match said {
        "gate" => Some(pods.settings.port),
        name => pods
            .ports
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, number)| *number),
    })
}

//! The sidecar as Kubernetes is told of it, and the annotations that tune it.

use serde_json::{Value, json};

use super::yaml::Node;

/// What every annotation begins with.
const PREFIX: &str = "portcullis/";
/// The name of the container, by which a pod is known to have it.
pub(super) const CONTAINER: &str = "portcullis";
/// What is left between the last request's end and the kubelet's patience.
const MARGIN_SECONDS: u64 = 5;

/// How a pod gets its sidecar.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) inject: Option<bool>,
    pub(super) image: String,
    pub(super) config_map: String,
    pub(super) secret: Option<String>,
    /// Where the gate listens.
    pub(super) port: u16,
    pub(super) probes_port: u16,
    /// Which port of the application the gate stands before; the only one, when not said.
    pub(super) app_port: Option<u16>,
    pub(super) drain_seconds: u64,
    pub(super) pre_stop_seconds: u64,
    /// Resources, as Kubernetes writes them: requests and limits of CPU, then of memory.
    pub(super) resources: [(&'static str, Option<String>); 4],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            inject: None,
            image: concat!("portcullis:", env!("CARGO_PKG_VERSION")).to_owned(),
            config_map: CONTAINER.to_owned(),
            secret: None,
            port: 8080,
            probes_port: 9091,
            app_port: None,
            drain_seconds: 25,
            pre_stop_seconds: 10,
            resources: [
                ("cpu-request", Some("50m".to_owned())),
                ("cpu-limit", None),
                ("memory-request", Some("32Mi".to_owned())),
                ("memory-limit", Some("128Mi".to_owned())),
            ],
        }
    }
}

impl Settings {
    /// Takes what the annotations of an object say.
    pub(super) fn annotate(&mut self, annotations: Option<&Node>) -> Result<(), String> {
        for (key, value) in annotations.map_or(&[][..], Node::entries) {
            let Some(name) = key.text().and_then(|key| key.strip_prefix(PREFIX)) else {
                continue;
            };
            let value = value.text().unwrap_or_default();
            self.set(name, value)
                .map_err(|expected| format!("the annotation {PREFIX}{name}: {expected}"))?;
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "inject" => {
                self.inject = Some(match value {
                    "enabled" => true,
                    "disabled" => false,
                    _ => return Err("expected \"enabled\" or \"disabled\""),
                });
            }
            "image" => self.image = word(value)?,
            "config-map" => self.config_map = word(value)?,
            "secret" => self.secret = Some(word(value)?),
            "port" => self.port = port(value)?,
            "probes-port" => self.probes_port = port(value)?,
            "app-port" => self.app_port = Some(port(value)?),
            "drain-seconds" => self.drain_seconds = seconds(value)?,
            "pre-stop-seconds" => self.pre_stop_seconds = seconds(value)?,
            _ => match self.resources.iter_mut().find(|(key, _)| *key == name) {
                Some((_, quantity)) => *quantity = Some(word(value)?),
                None => return Err("there is none of this name"),
            },
        }
        Ok(())
    }

    /// The time a pod has to end: requests find their way elsewhere, those in flight end, and a little more.
    pub(super) fn grace_seconds(&self) -> u64 {
        self.pre_stop_seconds + self.drain_seconds + MARGIN_SECONDS
    }

    /// A native sidecar: an init container that starts before the application and ends after it.
    pub(super) fn container(&self) -> Value {
        let probe = |path: &str, period: u32, failures: u32| {
            json!({
                "httpGet": { "path": path, "port": self.probes_port },
                "periodSeconds": period,
                "failureThreshold": failures,
            })
        };
        let mut mounts = vec![
            json!({ "name": "portcullis-config", "mountPath": "/etc/portcullis", "readOnly": true }),
        ];
        if self.secret.is_some() {
            mounts.push(json!({ "name": "portcullis-secrets", "mountPath": "/run/secrets/portcullis", "readOnly": true }));
        }
        json!({
            "name": CONTAINER,
            "image": self.image,
            "args": ["run", "--config", "/etc/portcullis/portcullis.toml"],
            "restartPolicy": "Always",
            "ports": [
                { "name": "gate", "containerPort": self.port },
                { "name": "gate-probes", "containerPort": self.probes_port },
            ],
            // The application starts once this one listens; whether there are keys yet is a matter of readiness.
            "startupProbe": probe("/livez", 1, 30),
            "livenessProbe": probe("/livez", 10, 3),
            "readinessProbe": probe("/readyz", 5, 2),
            "resources": self.quantities(),
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": { "drop": ["ALL"] },
                "seccompProfile": { "type": "RuntimeDefault" },
            },
            "volumeMounts": mounts,
        })
    }

    /// Where its configuration and its secrets come from.
    pub(super) fn volumes(&self) -> Vec<Value> {
        let mut volumes =
            vec![json!({ "name": "portcullis-config", "configMap": { "name": self.config_map } })];
        if let Some(secret) = &self.secret {
            volumes
                .push(json!({ "name": "portcullis-secrets", "secret": { "secretName": secret } }));
        }
        volumes
    }

    fn quantities(&self) -> Value {
        let mut all = serde_json::Map::new();
        for (name, quantity) in &self.resources {
            let (resource, kind) = name.split_once('-').unwrap_or((name, ""));
            if let Some(quantity) = quantity {
                all.entry(format!("{kind}s")).or_insert_with(|| json!({}))[resource] =
                    json!(quantity);
            }
        }
        Value::Object(all)
    }
}

fn word(value: &str) -> Result<String, &'static str> {
    match value.is_empty() || value.contains(char::is_whitespace) {
        true => Err("expected a word"),
        false => Ok(value.to_owned()),
    }
}

fn port(value: &str) -> Result<u16, &'static str> {
    value
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or("expected a port, from 1 to 65535")
}

fn seconds(value: &str) -> Result<u64, &'static str> {
    value
        .parse()
        .ok()
        .filter(|seconds| *seconds <= 86400)
        .ok_or("expected seconds, from 0 to 86400")
}

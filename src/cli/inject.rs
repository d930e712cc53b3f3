//! `portcullis inject`: Kubernetes manifests in, the same with the sidecar out.
//!
//! A text is edited, not printed anew: comments, quotes and order stay, and what has nothing to do with pods or their
//! Services passes byte for byte. Nothing is written unless all of it could be done, and a second run changes nothing.

mod edit;
mod service;
mod sidecar;
mod workload;
mod yaml;

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use edit::Edits;
use sidecar::Settings;
use workload::Guarded;
use yaml::Node;

use super::{BAD, FAILED, read};

/// What `inject` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Manifests in YAML or JSON, several documents and Lists too [default: standard input]
    file: Option<PathBuf>,
    /// The sidecar's image [default: portcullis:VERSION]
    #[arg(long)]
    image: Option<String>,
    /// The ConfigMap with portcullis.toml [default: portcullis]
    #[arg(long, value_name = "NAME")]
    config_map: Option<String>,
    /// A Secret, to be found in /run/secrets/portcullis
    #[arg(long, value_name = "NAME")]
    secret: Option<String>,
    /// Only workloads annotated with portcullis/inject: enabled
    #[arg(long)]
    opt_in: bool,
}

/// What became of an object.
#[derive(Debug)]
enum Told {
    Injected(Vec<String>),
    Pointed(u16, Vec<String>),
    Already,
    LeftAlone(&'static str),
}

/// Prints the manifests with the sidecar in them.
pub(super) fn inject(arguments: &Arguments) -> ExitCode {
    let file = arguments
        .file
        .as_deref()
        .filter(|file| *file != Path::new("-"));
    let name = file.map_or_else(
        || "standard input".to_owned(),
        |file| file.display().to_string(),
    );
    let bytes = match file {
        Some(file) => read(file),
        None => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
    };
    let text = bytes
        .map_err(|error| error.to_string())
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
    let outcome = text
        .map_err(|why| format!("{name} can't be read: {why}"))
        .and_then(|text| {
            rewrite(&text, &arguments.settings(), arguments.opt_in)
                .map_err(|why| format!("{name}{why}"))
        });
    match outcome {
        Ok((text, told)) => {
            for line in told {
                eprintln!("{line}");
            }
            match std::io::stdout().write_all(text.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("portcullis: the manifests can't be written: {error}");
                    ExitCode::from(FAILED)
                }
            }
        }
        Err(why) => {
            eprintln!("portcullis: {why}");
            ExitCode::from(BAD)
        }
    }
}

impl Arguments {
    fn settings(&self) -> Settings {
        let defaults = Settings::default();
        Settings {
            image: self.image.clone().unwrap_or(defaults.image),
            config_map: self.config_map.clone().unwrap_or(defaults.config_map),
            secret: self.secret.clone(),
            ..defaults
        }
    }
}

/// The text with the sidecar in it, and a line for each object that was looked at. A fault begins with where it is.
fn rewrite(text: &str, settings: &Settings, opt_in: bool) -> Result<(String, Vec<String>), String> {
    let (edits, told) = plan(text, settings, opt_in)?;
    let changed = !edits.is_empty();
    let result = edits.apply();
    // What was written must read as intended: then there is nothing left to do.
    if changed && !matches!(plan(&result, settings, opt_in), Ok((left, _)) if left.is_empty()) {
        return Err(" is written in a way that can't be edited safely".to_owned());
    }
    Ok((result, told))
}

fn plan<'text>(
    text: &'text str,
    settings: &Settings,
    opt_in: bool,
) -> Result<(Edits<'text>, Vec<String>), String> {
    let documents = yaml::parse(text)
        .map_err(|fault| format!(":{}:{}: {}", fault.line, fault.column, fault.says))?;
    let mut objects = Vec::new();
    for document in &documents {
        collect(document, &mut objects);
    }
    let mut edits = Edits::new(text);
    let mut told = Vec::new();
    let mut guarded: Vec<Guarded> = Vec::new();
    for object in &objects {
        let done = workload::inject(object.node, object.kind, settings, opt_in, &mut edits);
        if let Some((pods, what)) = done.map_err(|why| object.fault(text, &why))? {
            object.tell(&what, &mut told);
            guarded.push(pods);
        }
    }
    for object in objects.iter().filter(|object| object.kind == "Service") {
        let done = service::point(object.node, &guarded, &mut edits);
        if let Some(what) = done.map_err(|why| object.fault(text, &why))? {
            object.tell(&what, &mut told);
        }
    }
    Ok((edits, told))
}

/// An object of Kubernetes.
struct Object<'tree> {
    node: &'tree Node,
    kind: &'tree str,
}

/// A document's objects: itself, or the items of a List.
fn collect<'tree>(node: &'tree Node, objects: &mut Vec<Object<'tree>>) {
    let Some(kind) = node.get("kind").and_then(Node::text) else {
        return;
    };
    match node.get("items") {
        Some(items) if kind.ends_with("List") => {
            for item in items.items() {
                collect(item, objects);
            }
        }
        _ => objects.push(Object { node, kind }),
    }
}

impl Object<'_> {
    fn name(&self) -> String {
        let name = self.node.at(&["metadata", "name"]).and_then(Node::text);
        format!(
            "{}/{}",
            self.kind.to_lowercase(),
            name.unwrap_or("(unnamed)")
        )
    }

    fn fault(&self, text: &str, why: &str) -> String {
        let line = text[..self.node.start].matches('\n').count() + 1;
        format!(":{line}: {}: {why}", self.name())
    }

    fn tell(&self, what: &Told, told: &mut Vec<String>) {
        let name = self.name();
        let (said, remarks) = match what {
            Told::Injected(remarks) => ("injected".to_owned(), &remarks[..]),
            Told::Pointed(port, remarks) => (format!("pointed at port {port}"), &remarks[..]),
            Told::Already => ("as it should be".to_owned(), &[][..]),
            Told::LeftAlone(why) => (format!("left alone: {why}"), &[][..]),
        };
        told.push(format!("{name}: {said}"));
        told.extend(remarks.iter().map(|remark| format!("{name}: {remark}")));
    }
}

#[cfg(test)]
mod tests;

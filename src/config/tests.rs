//! The configuration as its author meets it: what loads, what is refused, and in which words.

mod certificates;
mod credentials;
mod defaults;
mod faults;
mod forms;
mod gate_tls;
mod learnt;
mod login;
mod outbound;
mod properties;
mod reference;
mod requirements;
mod secrecy;
mod text;
mod trust;
mod warnings;
mod words;

use std::path::Path;

use super::inspection::Inspection;
use super::{Config, Faults, Surroundings, check, load, raw};
use crate::token::mint;

/// A pool and nothing else: the least that loads. Three lines, so that what is added starts on line 4.
const POOL: &str = "[pools.main]\nuser_pool_id = \"eu-west-1_AbC123xyz\"\nclient_ids = [\"app\"]\n";

/// A machine with a few files and variables.
fn machine(text: &str) -> Result<Config, Faults> {
    on_machine(|surroundings| load("portcullis.toml", text, surroundings))
}

/// What reading a text on that machine has found, whatever is wrong with the text.
fn machine_with<T>(text: &str, found: impl FnOnce(&Inspection<'_>) -> T) -> T {
    on_machine(|surroundings| {
        let tree = raw::parse(text, surroundings.env);
        let inspection = Inspection::new(surroundings);
        check::check(&tree.root, text, &inspection);
        found(&inspection)
    })
}

fn on_machine<T>(look: impl FnOnce(&Surroundings<'_>) -> T) -> T {
    let env = |name: &str| match name {
        "NAME" => Some("value".to_owned()),
        "EMPTY" => Some(String::new()),
        "INJECTION" => Some("x\"\nadmin = \"0.0.0.0:1".to_owned()),
        "SECRET" => Some("hunter2-env".to_owned()),
        _ => None,
    };
    let read = |path: &Path| match path.to_str() {
        Some("/secrets/one") => Ok(b"hunter2-file\n".to_vec()),
        Some("/secrets/key") => Ok(b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n".to_vec()),
        Some("/secrets/empty") => Ok(b"\n".to_vec()),
        Some("/secrets/binary") => Ok(vec![0xFF]),
        Some("/secrets/colon") => Ok(b"hunter2:file".to_vec()),
        Some("/etc/jwks.json") => {
            let keys = serde_json::json!({ "keys": [mint::a1().jwk("RS256")] });
            Ok(keys.to_string().into_bytes())
        }
        Some("/etc/no-keys.json") => Ok(br#"{"keys":[]}"#.to_vec()),
        Some("/etc/ca.pem") => Ok(certificates::pair("ca.internal").0.into_bytes()),
        Some("/etc/cut.pem") => Ok(b"-----BEGIN CERTIFICATE-----\nMIIB".to_vec()),
        Some("/etc/large") => Ok(vec![b'x'; (1 << 20) + 1]),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    };
    let surroundings = Surroundings {
        env: &env,
        read: &read,
    };
    look(&surroundings)
}

/// Loads a pool and what is added.
fn loaded(added: &str) -> Config {
    match machine(&format!("{POOL}{added}")) {
        Ok(config) => config,
        Err(faults) => panic!("refused:\n{}", faults.render()),
    }
}

/// What is told of a whole text that must not load.
fn refused_whole(text: &str) -> String {
    match machine(text) {
        Ok(_) => panic!("loaded, and should not have:\n{text}"),
        Err(faults) => faults.render(),
    }
}

/// What is told of a pool and what is added.
fn refused(added: &str) -> String {
    refused_whole(&format!("{POOL}{added}"))
}

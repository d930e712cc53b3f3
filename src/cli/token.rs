//! `portcullis token`: a token of a configured credential, alone on stdout, for a command line to use.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::json;

use super::working::working;
use super::{BAD, FAILED, Source, load};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::model::credentials::{Credential, is_scope};
use crate::config::raw::table::nearest;
use crate::credential::{AwsKeys, Credentials, Lease, claims};

/// What `token` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The NAME of a [credentials.NAME]
    credential: String,
    /// A scope to ask for; again for further ones. All that the client may have, when left out
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Show the token's claims on stderr
    #[arg(long)]
    decode: bool,
    #[command(flatten)]
    source: Source,
}

/// Fetches a token and prints it.
pub(super) fn token(arguments: &Arguments) -> ExitCode {
    let config = match load(&arguments.source) {
        Ok(config) => config,
        Err(status) => return status,
    };
    let settings = match chosen(&config, arguments) {
        Ok(settings) => settings,
        Err(why) => {
            eprintln!("portcullis: {why}");
            return ExitCode::from(BAD);
        }
    };
    match fetch(&config, settings, &arguments.scopes) {
        Ok(lease) => {
            print(&lease, arguments.decode);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("portcullis: {why}");
            ExitCode::from(FAILED)
        }
    }
}

/// The credential that is asked for, if it can be asked so.
fn chosen<'c>(config: &'c Config, arguments: &Arguments) -> Result<&'c Arc<Credential>, String> {
    let name = arguments.credential.as_str();
    let known: Vec<&str> = (config.credentials.iter())
        .map(|known| &*known.name)
        .collect();
    let found = (config.credentials.iter()).find(|known| *known.name == *name);
    let settings = found.ok_or_else(|| {
        let hint = match (nearest(name, &known), known.is_empty()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, true) => "the configuration has no [credentials.NAME]".to_owned(),
            (None, false) => format!("known names: {}", known.join(", ")),
        };
        format!("there is no credential `{name}`; {hint}")
    })?;
    if !arguments.scopes.is_empty() && !settings.grant.takes_scopes() {
        let grant = settings.grant.as_str();
        return Err(format!(
            "credential `{name}` cannot be asked for scopes: its grant is {grant}"
        ));
    }
    if !arguments.scopes.iter().all(|scope| is_scope(scope)) {
        return Err(
            "a --scope is one scope, without blanks; give several with --scope each".to_owned(),
        );
    }
    Ok(settings)
}

fn fetch(
    config: &Config,
    settings: &Credential,
    scopes: &[String],
) -> Result<Lease, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let credentials =
        Credentials::new(&config.credentials, &Clock::System, runtime.handle(), None)?;
    let credential = credentials
        .named(&settings.name)
        .ok_or("the credential is gone")?;
    let what = format!("fetching a token with credential {}", settings.name);
    Ok(working(&what, || {
        runtime.block_on(credential.lease(scopes))
    })?)
}

/// A token alone; AWS credentials as `credential_process` of the AWS tools reads them.
fn print(lease: &Lease, decode: bool) {
    if let Some(keys) = lease.aws_keys() {
        println!("{}", process(keys, lease.expires()));
        if decode {
            eprintln!("portcullis: AWS credentials have no claims");
        }
        return;
    }
    let Some(token) = lease.token() else { return };
    println!("{}", token.expose());
    if decode {
        let text = claims(token.expose())
            .and_then(|claims| serde_json::to_string_pretty(&claims.into_map()).ok());
        match text {
            Some(text) => eprintln!("{text}"),
            None => eprintln!("portcullis: this token is opaque: it has no claims to show"),
        }
    }
}

fn process(keys: &AwsKeys, expires: f64) -> serde_json::Value {
    let expires =
        jiff::Timestamp::from_second(expires as i64).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    json!({
        "Version": 1,
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key.expose(),
        "SessionToken": keys.session_token.expose(),
        "Expiration": expires.to_string(),
    })
}

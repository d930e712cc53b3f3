//! `portcullis explain`: which route a request meets, what that asks for, and what comes of it, told by the gate's own code.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::working::working;
use super::{BAD, FAILED, Source, load, read};
use crate::clock::Clock;
use crate::config::raw::table::nearest;
use crate::config::{Config, compile};
use crate::fetch::Fetcher;
use crate::policy::explain::{Asked, Explanation, NeedKeys, Shown, explain, vouching_pool};
use crate::pool::{KeyRing, KeyRings, refresh_once};
use crate::token::claims::{Claims, ClaimsFault};
use crate::token::find::{Place, Sources};
use crate::token::trust::Trust;

/// What `explain` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The request's method
    method: String,
    /// Its path or URL, taken as it is
    url: String,
    /// A token, sent where the configuration looks for one first
    #[arg(long, value_name = "TOKEN", group = "evidence")]
    token: Option<String>,
    /// A file with a token; - is standard input
    #[arg(long, value_name = "FILE", group = "evidence")]
    token_file: Option<PathBuf>,
    /// Claims in place of a token: nothing is fetched, no signature is seen
    #[arg(long, value_name = "JSON", group = "evidence")]
    claims: Option<String>,
    /// The pool that vouches for the claims [default: that of their iss, else the first]
    #[arg(long, value_name = "NAME", requires = "claims")]
    pool: Option<String>,
    /// A header of the request; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header_line)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Prints JSON instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: Source,
}

/// Why there is no explanation: the exit status, and a sentence.
type Failure = (u8, String);

/// Explains what would come of one request.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let config = match load(&arguments.source) {
        Ok(config) => config,
        Err(status) => return status,
    };
    match explained(arguments, &config) {
        Ok(explanation) if arguments.json => {
            println!("{:#}", serde_json::json!(explanation));
            ExitCode::SUCCESS
        }
        Ok(explanation) => {
            print!("{explanation}");
            ExitCode::SUCCESS
        }
        Err((status, sentence)) => {
            eprintln!("portcullis: {sentence}");
            ExitCode::from(status)
        }
    }
}

fn explained(arguments: &Arguments, config: &Config) -> Result<Explanation, Failure> {
    let bad = |sentence: String| (BAD, sentence);
    let policy = compile::policy(config)
        .map_err(|_| bad("two routes of the configuration can't be told apart".to_owned()))?;
    let names = compile::names(config);
    let clock = Clock::System;
    let mut asked = Asked {
        method: arguments.method.clone(),
        target: arguments.url.clone(),
        headers: HeaderMap::new(),
    };
    for (name, value) in &arguments.headers {
        asked.headers.append(name, value.clone());
    }
    if let Some(text) = &arguments.claims {
        let claims = Claims::parse(text.as_bytes()).map_err(|fault| bad(claims_fault(fault)))?;
        let pool = match &arguments.pool {
            Some(name) => pool_named(name, &policy.trust).map_err(bad)?,
            None => vouching_pool(&claims, &policy.trust),
        };
        let shown = Shown::Claims(&claims, pool);
        return explain(&asked, &policy, shown, clock.now(), &names)
            .map_err(|_| (FAILED, "claims need no keys".to_owned()));
    }
    if let Some(token) = token(arguments).map_err(bad)? {
        send(&mut asked, &token, &policy.sources).map_err(bad)?;
    }
    let rings = rings(config, &clock).map_err(bad)?;
    match explain(
        &asked,
        &policy,
        Shown::Token(&rings, false),
        clock.now(),
        &names,
    ) {
        Ok(explanation) => Ok(explanation),
        Err(NeedKeys(pool)) => {
            fetch_keys(&rings, pool).map_err(|sentence| (FAILED, sentence))?;
            explain(
                &asked,
                &policy,
                Shown::Token(&rings, true),
                clock.now(),
                &names,
            )
            .map_err(|_| (FAILED, "the keys are missing still".to_owned()))
        }
    }
}

/// The token that the options name, if they do.
fn token(arguments: &Arguments) -> Result<Option<String>, String> {
    let text = match (&arguments.token, &arguments.token_file) {
        (Some(token), _) => token.clone(),
        (None, Some(path)) => read_token(path)
            .map_err(|error| format!("can't read the token from {}: {error}", path.display()))?,
        (None, None) => return Ok(None),
    };
    Ok(Some(text))
}

/// A file's text without the line end that editors and shells leave behind it.
fn read_token(path: &Path) -> io::Result<String> {
    let text = match path.to_str() {
        Some("-") => {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text)?;
            text
        }
        _ => std::fs::read_to_string(path)?,
    };
    Ok(text.trim_ascii_end().to_owned())
}

/// Puts a token where the gate looks: the Authorization header if that is one of its places, else the first of them.
fn send(asked: &mut Asked, token: &str, sources: &Sources) -> Result<(), String> {
    let value = |text: String| {
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| "the token holds characters that no header can carry".to_owned())?;
        value.set_sensitive(true);
        Ok::<_, String>(value)
    };
    let authorization = Place::Authorization;
    let place = match sources.places.contains(&authorization) {
        true => &authorization,
        false => sources.places.first().unwrap_or(&authorization),
    };
    let (name, value) = match place {
        Place::Authorization => (header::AUTHORIZATION, value(format!("Bearer {token}"))?),
        Place::Header(name) => (name.clone(), value(token.to_owned())?),
        Place::Cookie(name) => (header::COOKIE, value(format!("{name}={token}"))?),
        Place::Query(name) => {
            let pair = form_urlencoded::Serializer::new(String::new())
                .append_pair(name, token)
                .finish();
            let mark = if asked.target.contains('?') { '&' } else { '?' };
            // A fragment stays behind it all, and is refused as it would have been.
            let end = asked.target.find('#').unwrap_or(asked.target.len());
            asked.target.insert_str(end, &format!("{mark}{pair}"));
            return Ok(());
        }
    };
    asked.headers.append(name, value);
    Ok(())
}

fn rings(config: &Config, clock: &Clock) -> Result<KeyRings, String> {
    let rings = config
        .pools
        .iter()
        .map(|pool| KeyRing::new(pool.clone(), clock.clone(), &read).map(Arc::new))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|fault| fault.to_string())?;
    Ok(KeyRings::new(rings, clock.clone()))
}

/// One refresh of the pool's keys, as the gate would make it.
fn fetch_keys(rings: &KeyRings, pool: usize) -> Result<(), String> {
    let Some(ring) = rings.ring(pool) else {
        return Ok(());
    };
    let failed = |why: String| format!("the keys of pool {} can't be fetched: {why}", ring.name());
    let fetcher = Fetcher::new(&ring.pool().fetch).map_err(|fault| failed(fault.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let what = format!("fetching the keys of pool {}", ring.name());
    working(&what, || {
        runtime.block_on(refresh_once(ring, Arc::new(fetcher)))
    })
    .map_err(|fault| failed(fault.to_string()))
}

fn pool_named(name: &str, trust: &Trust) -> Result<usize, String> {
    let known: Vec<&str> = trust.pools.iter().map(|pool| &*pool.name).collect();
    known
        .iter()
        .position(|known| *known == name)
        .ok_or_else(|| match nearest(name, &known) {
            Some(near) => format!("no pool has this name; did you mean {near}?"),
            None => format!("no pool has this name; there are {}", known.join(", ")),
        })
}

fn claims_fault(fault: ClaimsFault) -> String {
    match fault {
        ClaimsFault::Malformed => "--claims is no JSON object: '{\"scope\": \"orders/read\"}'",
        ClaimsFault::Duplicate => "a claim stands in --claims twice",
    }
    .to_owned()
}

/// A header as curl takes it.
fn header_line(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header is written 'Name: value'")?;
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "no header has such a name")?;
    let value = HeaderValue::from_str(value.trim_matches([' ', '\t']))
        .map_err(|_| "no header can hold such a value")?;
    Ok((name, value))
}

#[cfg(test)]
mod tests;

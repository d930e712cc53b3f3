//! Every grant end to end: against the demo pool, and against a stub that answers as nobody should.

mod endpoint;
mod users;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use zeroize::ZeroizeOnDrop;

use super::token::{Bearer, Token};
use super::{AwsKeys, Credential, Credentials, Lease, Unavailable, claims};
use crate::clock::Clock;
use crate::config::model;
use crate::config::model::credentials::{
    Client, ClientAuth, Grant, Source, TokenEndpoint, UserPool,
};
use crate::demo::DemoPool;
use crate::demo::users::POOL_ID;
use crate::fetch::Fetcher;
use crate::secret::Secret;

const NOW: f64 = 1_800_000_000.0;

fn source(text: &str) -> Source {
    Source {
        value: Secret::new(text.to_owned()),
        file: None,
    }
}

fn client(id: &str, secrets: &[&str]) -> Client {
    Client {
        id: id.to_owned(),
        secrets: secrets.iter().map(|secret| source(secret)).collect(),
    }
}

fn endpoint(url: String, auth: ClientAuth) -> TokenEndpoint {
    TokenEndpoint {
        url,
        auth,
        parameters: Vec::new(),
    }
}

fn user_pool(base: &str) -> UserPool {
    UserPool {
        id: POOL_ID.to_owned(),
        endpoint: format!("{base}/"),
        login: format!("cognito-idp.eu-west-1.amazonaws.com/{POOL_ID}"),
    }
}

fn fetch() -> Arc<model::Fetch> {
    Arc::new(model::Fetch {
        timeout: Duration::from_secs(60),
        ca_pem: None,
        proxy: None,
    })
}

/// One for all tests: reading the machine's roots takes longer than any of them.
static FETCHER: LazyLock<Arc<Fetcher>> =
    LazyLock::new(|| Arc::new(Fetcher::new(&fetch()).unwrap()));

fn settings(name: &str, grant: Grant) -> Arc<model::Credential> {
    Arc::new(model::Credential {
        name: name.into(),
        grant,
        fetch: fetch(),
    })
}

/// One credential of this grant.
fn credential(grant: Grant) -> Arc<Credential> {
    let all = credentials(&[settings("billing", grant)]);
    Arc::clone(all.at(0).unwrap())
}

fn credentials(settings: &[Arc<model::Credential>]) -> Credentials {
    reloaded(settings, None)
}

fn reloaded(settings: &[Arc<model::Credential>], old: Option<&Credentials>) -> Credentials {
    let clock = Clock::fixed(NOW);
    let shared = &mut |_: &_| Ok(Arc::clone(&FETCHER));
    Credentials::assemble(settings, &clock, &Handle::current(), old, shared).unwrap()
}

/// A demo pool that serves.
struct Pool {
    base: String,
    pool: Arc<DemoPool>,
    serving: JoinHandle<()>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn serve(pool: DemoPool) -> Pool {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let pool = Arc::new(pool);
    let serving = Arc::clone(&pool);
    let serving = tokio::spawn(async move {
        let _ = serving.serve(listener).await;
    });
    Pool {
        base,
        pool,
        serving,
    }
}

fn demo_pool() -> Pool {
    serve(DemoPool::new(Clock::fixed(NOW)))
}

fn scopes(scopes: &[&str]) -> Vec<String> {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}

/// What the token of a lease says of itself under this name.
fn claim(lease: &Lease, name: &str) -> String {
    let claims = claims(lease.token().unwrap().expose()).unwrap();
    let value = claims.get(name).cloned().unwrap_or_default();
    value.as_str().map_or(value.to_string(), str::to_owned)
}

/// A new folder for a test's files.
fn folder(name: &str) -> PathBuf {
    let name = format!("portcullis-credential-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The sentence of a fault, without the port, which is another one each time.
fn told(fault: &Unavailable) -> String {
    let text = fault.to_string();
    let Some((before, rest)) = text.split_once("127.0.0.1:") else {
        return text;
    };
    let after = rest.trim_start_matches(|char: char| char.is_ascii_digit());
    format!("{before}127.0.0.1:PORT{after}")
}

#[tokio::test]
async fn a_reload_keeps_the_tokens_of_credentials_that_did_not_change() {
    let pool = demo_pool();
    let machine = |id: &str, secret: &str| {
        let endpoint = endpoint(format!("{}/oauth2/token", pool.base), ClientAuth::Basic);
        Grant::ClientCredentials(endpoint, client(id, &[secret]))
    };
    let reader = machine("demo-reader", "reader-secret-for-demo-only");
    let old = credentials(&[
        settings("stays", reader.clone()),
        settings("changes", reader.clone()),
    ]);
    for credential in old.iter() {
        let _ = credential.lease(&[]).await.unwrap();
    }
    let writer = machine("demo-writer", "writer-secret-for-demo-only");
    let new = [settings("changes", writer), settings("stays", reader)];
    let new = reloaded(&new, Some(&old));
    drop(old);
    let in_hand = |name: &str| new.named(name).unwrap().supply(&[]).in_hand();
    assert!(in_hand("stays").is_some());
    assert!(in_hand("changes").is_none());
    let lease = new.named("changes").unwrap().lease(&[]).await.unwrap();
    assert_eq!(claim(&lease, "client_id"), "demo-writer");
}

#[tokio::test]
async fn x16_what_is_in_hand_shows_nothing_and_is_overwritten_when_it_goes() {
    fn is_overwritten(_: &impl ZeroizeOnDrop) {}
    let pool = demo_pool();
    let endpoint = endpoint(format!("{}/oauth2/token", pool.base), ClientAuth::Basic);
    let secret = "reader-secret-for-demo-only";
    let machine = credential(Grant::ClientCredentials(
        endpoint,
        client("demo-reader", &[secret]),
    ));
    let lease = machine.lease(&[]).await.unwrap();
    let token = lease.token().unwrap().expose().to_owned();
    let keys = AwsKeys {
        access_key_id: "ASIAEXAMPLE".to_owned(),
        secret_access_key: Secret::new("hidden-key".to_owned()),
        session_token: Secret::new("hidden-session".to_owned()),
    };
    let bearer = Bearer::parse(&token, "the pool").unwrap();
    is_overwritten(&keys.secret_access_key);
    is_overwritten(&keys.session_token);
    is_overwritten(&bearer.token);
    let told = [
        format!("{lease:?} {lease:#?}"),
        format!("{keys:?} {keys:#?}"),
        format!("{:?} {:?}", Token::Aws(keys.clone()), Token::Bearer(bearer)),
        format!("{:?} {:?}", machine.facts(), machine.settings()),
        format!(
            "{:?}",
            lease.header(&http::HeaderValue::from_static("Token "))
        ),
    ];
    for told in told {
        for hidden in ["hidden", secret, &token, &token[..20]] {
            assert!(!told.contains(hidden), "{told}");
        }
    }
}

//! A configuration: any text is either refused with diagnostics that give no secret away, or is whole and says what it does.

use portcullis::config::compile;
use portcullis::policy::route::Access;

use super::standing::{self, SECRET};

/// The text of a file.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let config = match standing::load(text) {
        Ok(config) => config,
        Err(faults) => {
            let told = faults.render();
            assert!(
                !faults.faults.is_empty() && told.contains("error: "),
                "refused without a word"
            );
            // It is in the environment alone: a text that spells it out may have it anywhere.
            let shows = |told: &str| told.contains(SECRET) && !text.contains(SECRET);
            assert!(!shows(&told), "a secret shows in {told}");
            assert!(!shows(&format!("{faults:?}")), "a secret shows in Debug");
            for fault in &faults.faults {
                let inside = |span: &std::ops::Range<usize>| text.get(span.clone()).is_some();
                assert!(
                    fault.span.as_ref().is_none_or(inside),
                    "{fault:?} points outside the text"
                );
            }
            return;
        }
    };
    let named = text.contains("${") || text.contains(SECRET);
    assert!(
        named || !format!("{config:?}").contains(SECRET),
        "a secret shows in Debug"
    );
    assert_eq!(
        standing::load(text).ok().as_ref(),
        Some(&config),
        "read again, it is another"
    );
    let policy = compile::policy(&config).expect("what was checked compiles");
    // Nothing is open that the text does not call so, and no token is good that was not asked for.
    for route in &policy.routes {
        let word = match route.access {
            Access::Public => "public",
            Access::Optional => "optional",
            Access::Certificate => "certificate",
            Access::Authenticated => continue,
        };
        assert!(
            text.contains(word) || text.contains('\\'),
            "{} is {word}",
            route.name
        );
    }
    for pool in &policy.trust.pools {
        assert!(
            !pool.issuers.is_empty() && pool.leeway <= 300.0,
            "{}",
            pool.name
        );
        assert!(
            text.contains("client_ids") || text.contains('\\'),
            "{} takes anyone's tokens",
            pool.name
        );
        let clear = |issuer: &String| issuer.starts_with("https://") || is_loopback(issuer);
        assert!(pool.issuers.iter().all(clear), "{:?}", pool.issuers);
    }
}

/// Plain HTTP is for this machine alone.
fn is_loopback(url: &str) -> bool {
    let host = url
        .strip_prefix("http://")
        .unwrap_or_default()
        .to_ascii_lowercase();
    ["127.", "localhost", "[::1]", "[0:0:0:0:0:0:0:1]"]
        .iter()
        .any(|loopback| host.starts_with(loopback))
        || host.contains(".localhost")
}

/// A small file that is good.
const SMALL: &str = r#"[upstream]
url = "http://127.0.0.1:3000"
[pools.main]
user_pool_id = "eu-west-1_AbC123xyz"
client_ids = ["a"]
[routes]
"GET /orders/{*rest}" = "orders/read"
"#;
/// What is written below it.
const MORE: [&str; 30] = [
    "\"/health\" = { access = \"public\" }\n",
    "\"GET /orders/{id}\" = [\"a\", { any_group = [\"staff\"] }]\n",
    "\"/x\" = []\n",
    "\"GET,POST a.example.com/x/{y}\" = { claims = { a = \"{y}\" } }\n",
    "\"/{a}\" = \"s\"\n\"/{b}\" = \"s\"\n",
    "\"GET /%zz\" = \"s\"\n",
    "[routes.\"PUT /t/{t}\"]\nany_of = [{ all_scopes = [\"a\"] }, { acr = [\"1\"], max_age = \"5m\" }]\n",
    "[server]\nlisten = 1\n",
    "[server]\nlisten = \"unix:/run/x\"\nhosts = [\"*.example.com\"]\ntrusted_proxies = [\"10.0.0.0/8\"]\n",
    "[server.limits]\nheader_bytes = \"1KiB\"\n",
    "[paths]\nallow = [\"double-slash\"]\ncase = \"insensitive\"\n",
    "[identity.headers]\nX-User = [\"sub\", \"c:{client_id}\"]\nHost = \"sub\"\n",
    "[identity.headers]\nX-R = { value = \"custom:r\", list = \"json\", required = true }\n",
    "[tokens]\nsources = [{ cookie = \"a\" }]\ncache_entries = 0\n",
    "[pools.b]\nissuer = \"http://id.example.com\"\nclient_ids = \"any\"\n",
    "[pools.b]\nissuer = \"http://127.0.0.1:1/\"\nclient_ids = [\"a\"]\nleeway = \"6m\"\n",
    "[upstreams.b]\nurl = \"${SECRET}\"\n",
    "[upstreams.b]\nurl = \"https://b\"\nbasic_auth = { username = { env = \"NAME\" }, password = { env = \"SECRET\" } }\n",
    "[credentials.c]\ngrant = \"client_credentials\"\ntoken_url = \"https://t.example/oauth2/token\"\nclient_id = \"a\"\nclient_secret = { env = \"SECRET\" }\n",
    "[credentials.c]\nclient_secret = \"hunter2-never-to-be-seen\"\n",
    "[outbound.o]\nlisten = \"127.0.0.1:7001\"\nupstream = \"https://o.example\"\n",
    "[cors]\nallow_origins = [\"*\"]\nallow_credentials = true\n",
    "[defaults]\nmode = \"audit\"\n",
    "[telemetry]\nlog_level = \"debug\"\n",
    "[tests]\n\"a\" = { request = \"GET /orders/1\", claims = { scope = \"orders/read\" }, expect = \"allow\" }\n",
    "[fetch]\nproxy = \"http://${NAME}:1\"\n",
    "[[pools]]\n",
    "cliend_ids = 1\n",
    "x = \"\"\"\n${NAME\n\"\"\"\n",
    "[pools.main]\nclient_ids = [\"b\"]\n",
];

/// The example whole and by its tables, and the small file with each of the rest.
pub fn seeds() -> Vec<Vec<u8>> {
    let example = include_str!("../../../config.example.toml");
    let mut texts = vec![example.to_owned(), SMALL.to_owned()];
    texts.extend(example.split("\n\n").map(str::to_owned));
    texts.extend(MORE.iter().map(|more| format!("{SMALL}{more}")));
    texts.into_iter().map(String::into_bytes).collect()
}

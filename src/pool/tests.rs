//! What the tests of this folder share: a pool, key sets, and a key server that does as it is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::keyring::KeyRing;
use super::source::{Fresh, Source};
use crate::clock::Clock;
use crate::config::model::{Fetch, JwksSource, Pool};
use crate::fetch::FetchFault;
use crate::token::keys::KeySet;
use crate::token::trust::{self, Clients, PoolKind, Uses};

/// Three RSA moduli of 2048 bits; nobody kept the keys.
const MODULI: [&str; 3] = [
    "uGyvNI10y5TcIW8aBDHYxUWhpoZiMf2_6eOIkGtRdKQNUxDzfNQJasGVIn-S18qLN8m38t911cbq41jpHvJtBf3uoUAACkz16d9b33NVAEHa9YD8NY50ke_jA9uE5SRQWJVfkVOMbOk7Jp0Cmo0g-FuanOymsLTdZRsbhrXBOZrrtQZ12seAaUjrinf4A3aCn4gqUu2ln43LTE-XYF-7360t-c12n6fp1PRBkgvoJQ3QrFeQ4UDfFYFBN-kAjvjEAuHMpxyVwkz-1Vng4v2xmCOS9CdOrT0FAlu055K28AFD6nHsT_yQP2p4LG0GwM6NxFOLbxDns_kLYeDmxuuXFQ",
    "rTyz0CeyrMcU0LpvaMw1Xoy5L8-pyDFl5G2lTfvu4NHrXyfc38lYM_zXJKcmEMmwmPSV0_Dd8Ok2KaJfygxSXiKdQGxTRvT64EQs3bUjlsjarYBBRXGLSpHVkzU7kZHpHDfcifEFIn9AE4Owew0oW6m4ymFhddF1nfGKdnQZkIiCEXKSVErCyUNqqZeeotT93FECuqm0pWfh0jXqMX84BmrltzftscQHSy01w-fxzwUnfMMXCBS-8wNILNXWd5AmBHmGfC2OHlrRw6emUX-gxMquoo-UGDwcSlWnQzQ4N_K19WSiymsgjdzawRLbLyq1bQp58rC4LveqExCdYs1JFw",
    "tzazIGYEVNad3dMcWtDSj4Orbs0r8CK_8_XFIctGHMUemT3qRsCqwZkEZjHVYa4PUhRj7VNqUUYuSS7fMUUaDvuVve0Fumju5aMzV6i03tZzvud1Vsp3Owj36shWwul9KXUyz7moMJ8QMWX8XduzEFVndR_VK8sOKB2Pt08tNukyyfNP627ObQJaWR1oEcW-4EIZZLsGCgFx5nvIJcx5gZBNrrtigx-lH-v6KrR4qyoSbtP9eK96DL9rWvOB54OC80xHacTOi_h_luUCHRxErA_wJ3PZohN4-Rj51xc-oJ-mV2TmHEBvF8Sv0AU--pwAGOazS7_n-fzVgTzZeC0xKw",
];

/// A pool that refreshes each quarter of an hour, cools down 10 s and keeps keys for a day.
pub(super) fn pool(jwks: JwksSource) -> Pool {
    Pool {
        trust: Arc::new(trust::Pool {
            name: "main".into(),
            issuers: vec!["https://idp.example.com".to_owned()],
            kind: PoolKind::Cognito,
            client_ids: Clients::Any,
            token_use: Uses::Any,
            audiences: Vec::new(),
            scope_claim: "scope".to_owned(),
            groups_claim: "cognito:groups".to_owned(),
            client_claim: "client_id".to_owned(),
            leeway: 0.0,
            kept: None,
        }),
        jwks,
        jwks_file: None,
        refresh: Duration::from_secs(900),
        cooldown: Duration::from_secs(10),
        max_stale: Duration::from_secs(24 * 3600),
        required: true,
        fetch: Arc::new(Fetch {
            timeout: Duration::from_secs(3),
            ca_pem: None,
            proxy: None,
        }),
    }
}

/// A pool whose keys are somewhere on the network.
pub(super) fn remote() -> Pool {
    pool(JwksSource::Urls(vec![
        "https://idp.example.com/keys".to_owned(),
    ]))
}

/// A ring without a file.
pub(super) fn ring(pool: Pool, clock: &Clock) -> Arc<KeyRing> {
    let no_file = |_: &std::path::Path| panic!("there is no file to read");
    Arc::new(KeyRing::new(Arc::new(pool), clock.clone(), &no_file).unwrap())
}

/// A JWKS in which these ids name the first, second, third modulus; an id that stands at two places keeps the first.
pub(super) fn jwks(kids: &[&str]) -> String {
    let key = |(kid, n): (&&str, &str)| {
        let kid = serde_json::json!(kid);
        format!(r#"{{"kid":{kid},"kty":"RSA","alg":"RS256","use":"sig","n":"{n}","e":"AQAB"}}"#)
    };
    let keys: Vec<String> = kids.iter().zip(MODULI).map(key).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

/// The same, read.
pub(super) fn key_set(kids: &[&str]) -> KeySet {
    let (set, dropped) = KeySet::parse(jwks(kids).as_bytes(), PoolKind::Cognito).unwrap();
    assert_eq!(dropped, [""; 0]);
    set
}

/// The ids of the keys that may verify now.
pub(super) fn serving(ring: &KeyRing, clock: &Clock) -> Vec<String> {
    let set = ring.current(clock.now());
    let kids: BTreeSet<String> = set
        .iter()
        .flat_map(|set| set.kids())
        .map(str::to_owned)
        .collect();
    kids.into_iter().collect()
}

/// What a scripted fetch brings.
pub(super) type Outcome = Result<Fresh, FetchFault>;

/// These keys.
pub(super) fn brings(kids: &[&str]) -> Outcome {
    Ok(Fresh {
        set: key_set(kids),
        dropped: Vec::new(),
    })
}

/// Nothing.
pub(super) fn fails() -> Outcome {
    Err(FetchFault::new("the key server is down"))
}

/// A key server whose every fetch waits until the test says what it brings.
pub(super) struct Script {
    began: mpsc::UnboundedSender<()>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
}

/// The test's end of it.
pub(super) struct Director {
    began: mpsc::UnboundedReceiver<()>,
    outcomes: mpsc::UnboundedSender<Outcome>,
}

pub(super) fn script() -> (Script, Director) {
    let (began, beginnings) = mpsc::unbounded_channel();
    let (director, outcomes) = mpsc::unbounded_channel();
    (
        Script { began, outcomes },
        Director {
            began: beginnings,
            outcomes: director,
        },
    )
}

impl Source for Script {
    async fn fetch(&mut self) -> Outcome {
        let _ = self.began.send(());
        match self.outcomes.recv().await {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }
}

impl Director {
    /// Waits until a fetch begins.
    pub(super) async fn began(&mut self) {
        self.began.recv().await.unwrap();
    }

    /// Whether another fetch has begun that nobody waited for.
    pub(super) fn has_begun(&mut self) -> bool {
        self.began.try_recv().is_ok()
    }

    /// Ends the fetch in flight, or the next one.
    pub(super) fn ends(&self, outcome: Outcome) {
        self.outcomes.send(outcome).ok().unwrap();
    }

    /// Whether nobody fetches any more.
    pub(super) fn is_alone(&self) -> bool {
        self.outcomes.is_closed()
    }

    /// Waits until a fetch begins, and ends it.
    pub(super) async fn answers(&mut self, outcome: Outcome) {
        self.began().await;
        self.ends(outcome);
    }
}

/// Lets every task run until it waits for something. Time stands still meanwhile.
pub(super) async fn everybody_waits() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

//! Where a pool's keys are fetched: one of a few URLs, or where its discovery document says.
//!
//! What worked is remembered and tried first. An answer without usable keys is a fault like any other: it is told and
//! nothing comes of it (K06).

#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::Arc;

use crate::config::model::{JwksSource, Pool};
use crate::fetch::{FetchFault, Fetcher, is_loopback, shown};
use crate::token::keys::KeySet;

/// Keys that were fetched.
pub(super) struct Fresh {
    /// Never empty.
    pub(super) set: KeySet,
    /// Why entries of the document were left out.
    pub(super) dropped: Vec<String>,
}

/// A place that keys come from.
pub(super) trait Source: Send + 'static {
    /// Fetches them; ends within a few fetch timeouts.
    fn fetch(&mut self) -> impl Future<Output = Result<Fresh, FetchFault>> + Send;
}

/// A pool's key server.
pub(super) struct Server {
    pool: Arc<Pool>,
    fetcher: Arc<Fetcher>,
    /// Which URL worked last, or what discovery found.
    known: Known,
}

enum Known {
    Url(usize),
    Discovered(Option<String>),
}

impl Server {
    pub(super) fn new(pool: Arc<Pool>, fetcher: Arc<Fetcher>) -> Server {
        let known = match pool.jwks {
            JwksSource::Discovery(_) => Known::Discovered(None),
            JwksSource::None | JwksSource::Urls(_) => Known::Url(0),
        };
        Server {
            pool,
            fetcher,
            known,
        }
    }

    async fn keys_at(&self, url: &str) -> Result<Fresh, FetchFault> {
        let answer = self.fetcher.fetch(url).await?;
        let (set, dropped) = KeySet::parse(&answer.body, self.pool.trust.kind).map_err(|why| {
            let address = shown(url);
            FetchFault::new(format!("what {address} answered is no key set: {}", why.0))
        })?;
        Ok(Fresh { set, dropped })
    }

    /// Tries each URL once, the one that worked last first: Cognito has two forms for a pool, and either may be missing.
    async fn at_one_of(&mut self, urls: &[String], first: usize) -> Result<Fresh, FetchFault> {
        let mut fault: Option<FetchFault> = None;
        for index in (0..urls.len()).map(|step| (first + step) % urls.len()) {
            match self.keys_at(&urls[index]).await {
                Ok(fresh) => {
                    if let Some(fault) = fault {
                        tracing::debug!(pool = &*self.pool.trust.name, %fault, "one of the pool's key URLs brought no keys");
                    }
                    self.known = Known::Url(index);
                    return Ok(fresh);
                }
                Err(next) => {
                    fault = Some(match fault {
                        None => next,
                        Some(earlier) => both(&earlier, &next),
                    });
                }
            }
        }
        Err(fault.unwrap_or_else(|| FetchFault::new("the pool has no URL to fetch keys from")))
    }

    /// Asks the discovery document first, unless what it said still works.
    async fn discovered(
        &mut self,
        document: &str,
        jwks_uri: Option<String>,
    ) -> Result<Fresh, FetchFault> {
        // Forgotten until it has worked again: after a failure the document is asked anew.
        self.known = Known::Discovered(None);
        let jwks_uri = match jwks_uri {
            Some(known) => known,
            None => {
                let answer = self.fetcher.fetch(document).await?;
                let issuers = &self.pool.trust.issuers;
                let issuer = issuers.first().map(String::as_str).unwrap_or_default();
                parse_discovery(&answer.body, issuer, is_loopback(document))?
            }
        };
        let fresh = self.keys_at(&jwks_uri).await?;
        self.known = Known::Discovered(Some(jwks_uri));
        Ok(fresh)
    }
}

impl Source for Server {
    async fn fetch(&mut self) -> Result<Fresh, FetchFault> {
        let pool = Arc::clone(&self.pool);
        match (&pool.jwks, &mut self.known) {
            (JwksSource::Urls(urls), Known::Url(first)) => {
                let first = *first;
                self.at_one_of(urls, first).await
            }
            (JwksSource::Discovery(document), Known::Discovered(jwks_uri)) => {
                let jwks_uri = jwks_uri.take();
                self.discovered(document, jwks_uri).await
            }
            _ => Err(FetchFault::new("the pool's keys come from its file alone")),
        }
    }
}

/// Two faults told as one; the longer wait counts.
fn both(earlier: &FetchFault, later: &FetchFault) -> FetchFault {
    let mut fault = FetchFault::new(format!("{earlier}; {later}"));
    fault.retry_after = earlier.retry_after.max(later.retry_after);
    fault
}

/// The `jwks_uri` of a discovery document, whose `issuer` must be this one to the byte (OIDC Discovery §4.3). A document
/// from elsewhere must not send us to a service on this host.
fn parse_discovery(
    document: &[u8],
    issuer: &str,
    from_loopback: bool,
) -> Result<String, FetchFault> {
    let fault = |why: &str| FetchFault::new(format!("the discovery document {why}"));
    let document: serde_json::Value =
        serde_json::from_slice(document).map_err(|_| fault("is not JSON"))?;
    let member = |name: &str| document.get(name).and_then(serde_json::Value::as_str);
    if member("issuer") != Some(issuer) {
        return Err(fault("is another issuer's"));
    }
    let uri = member("jwks_uri").ok_or_else(|| fault("has no jwks_uri"))?;
    if is_loopback(uri) && !from_loopback {
        return Err(fault("names a jwks_uri on this host"));
    }
    Ok(uri.to_owned())
}

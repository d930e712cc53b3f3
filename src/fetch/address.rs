//! Where a call goes: `https`, or `http` to this very host. Nothing else is ever called, whoever named it, but a
//! collector of traces that the configuration names.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use super::FetchFault;

/// An address that may be called. Shows itself without user, password, query and fragment.
pub(super) struct Address {
    pub(super) url: Url,
}

impl Address {
    /// Reads a URL and refuses one that would send anything in the clear beyond this host (K13).
    pub(super) fn parse(text: &str) -> Result<Address, FetchFault> {
        let url = Url::parse(text)
            .map_err(|_| FetchFault::new("an address to fetch from is not a URL"))?;
        let address = Address { url };
        match address.url.scheme() {
            "https" => Ok(address),
            "http" if host_is_loopback(&address.url) => Ok(address),
            "http" => Err(FetchFault::new(format!(
                "{address} is plain HTTP, which is only for loopback"
            ))),
            _ => Err(FetchFault::new(format!("{address} is no https:// URL"))),
        }
    }

    /// Reads the URL of a collector, which is sent nothing secret and decides nothing: plain HTTP will do.
    pub(super) fn collector(text: &str) -> Result<Address, FetchFault> {
        let url = Url::parse(text)
            .map_err(|_| FetchFault::new("the address of a collector is not a URL"))?;
        let address = Address { url };
        match address.url.scheme() {
            "https" | "http" => Ok(address),
            _ => Err(FetchFault::new(format!("{address} is no http:// URL"))),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.url.scheme(), self.url.host_str().unwrap_or_default());
        write!(f, "{scheme}://{host}")?;
        if let Some(port) = self.url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.url.path())
    }
}

/// `url` as it may be shown: without user, password, query and fragment.
pub fn shown(url: &str) -> String {
    Url::parse(url).map_or_else(
        |_| "what is not a URL".to_owned(),
        |url| Address { url }.to_string(),
    )
}

/// Whether `url` names this very host: `localhost` or a loopback address. What isn't a URL isn't loopback.
pub fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| host_is_loopback(&url))
}

fn host_is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

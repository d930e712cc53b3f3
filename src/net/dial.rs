//! Connecting to whoever is called: names looked up, addresses tried in turn, TLS where it is asked for.
//!
//! Certificates are always verified, and the name in them is the configured one, never a client's `Host`. Knows no HTTP: what is
//! spoken over the stream is its owner's.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::client_tls::{TlsFault, upstream_config};
use super::socket::Socket;
use crate::config::model::{Address, ClientTls};

/// What is spoken over a connection, as ALPN names it (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// HTTP/2 where TLS has it offered, else HTTP/1.1.
    Either,
}

const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

impl Protocol {
    const fn alpn(self) -> &'static [&'static [u8]] {
        match self {
            Protocol::Http1 => &[HTTP1],
            Protocol::Http2 => &[HTTP2],
            Protocol::Either => &[HTTP2, HTTP1],
        }
    }
}

/// One place that can be called.
pub struct Dialer {
    address: Address,
    protocol: Protocol,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    admits: fn(IpAddr) -> bool,
}

/// Why there is no connection. Nothing in it comes from a client.
#[derive(Debug, thiserror::Error)]
pub enum DialFault {
    /// Its name has no address.
    #[error("its name can't be resolved: {0}")]
    Name(io::Error),
    /// Its name has no address that may be called.
    #[error("its name has no address that may be called")]
    Forbidden,
    /// Nobody is there.
    #[error("it can't be connected to: {0}")]
    Connect(io::Error),
    /// It is someone else, or speaks no TLS.
    #[error("TLS with it failed: {0}")]
    Tls(io::Error),
    /// It does not speak HTTP/2.
    #[error("it does not offer HTTP/2, as `http2 = true` asks (ALPN)")]
    NoHttp2,
    /// It took too long.
    #[error("connecting took too long")]
    Slow,
}

impl Dialer {
    /// Prepares calls. Fails when `tls` can't be used.
    pub fn new(address: &Address, tls: &ClientTls, protocol: Protocol) -> Result<Dialer, TlsFault> {
        let tls = match address {
            Address::Tcp {
                tls: true, host, ..
            } => {
                let name = tls.server_name.as_deref().unwrap_or(host).to_owned();
                let name = ServerName::try_from(name).map_err(|_| TlsFault::NoName)?;
                let config = upstream_config(tls, protocol.alpn())?;
                Some((Arc::new(config), name))
            }
            _ => None,
        };
        Ok(Dialer {
            address: address.clone(),
            protocol,
            tls,
            admits: |_| true,
        })
    }

    /// The same, but only addresses that `admits` says yes to are connected to, whatever a name resolves to.
    pub fn admitting(self, admits: fn(IpAddr) -> bool) -> Dialer {
        Dialer { admits, ..self }
    }

    /// Another one for the same place, with the same TLS but for what is spoken.
    pub fn speaking(&self, protocol: Protocol) -> Dialer {
        let tls = self.tls.as_ref().map(|(config, name)| {
            let mut config = ClientConfig::clone(config);
            config.alpn_protocols = owned(protocol.alpn());
            (Arc::new(config), name.clone())
        });
        Dialer {
            address: self.address.clone(),
            protocol,
            tls,
            admits: self.admits,
        }
    }

    /// What is spoken there.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Connects, and is done with it by `deadline`, TLS included.
    pub async fn dial(&self, deadline: Instant) -> Result<Stream, DialFault> {
        let socket = match &self.address {
            Address::Unix(path) => timeout_at(deadline, UnixStream::connect(path))
                .await
                .map_err(|_| DialFault::Slow)?
                .map(Socket::Unix)
                .map_err(DialFault::Connect)?,
            Address::Tcp { host, port, .. } => self.connect(host, *port, deadline).await?,
        };
        let Some((config, name)) = &self.tls else {
            return Ok(Stream::Plain(socket));
        };
        let connector = TlsConnector::from(config.clone());
        let stream = timeout_at(deadline, connector.connect(name.clone(), socket))
            .await
            .map_err(|_| DialFault::Slow)?
            .map_err(DialFault::Tls)?;
        let agreed = stream.get_ref().1.alpn_protocol();
        // A server without ALPN is taken to speak HTTP/1.1; HTTP/2 over TLS needs its word (RFC 9113 §3.2).
        if self.protocol == Protocol::Http2 && agreed != Some(HTTP2) {
            return Err(DialFault::NoHttp2);
        }
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// Tries every address of a host in turn; each has its share of the time that is left, so that one that swallows
    /// packets does not keep the next from being tried (Q07).
    async fn connect(&self, host: &str, port: u16, deadline: Instant) -> Result<Socket, DialFault> {
        let found = timeout_at(deadline, lookup_host((host, port)))
            .await
            .map_err(|_| DialFault::Slow)?
            .map_err(DialFault::Name)?;
        let addresses: Vec<SocketAddr> = found.filter(|at| (self.admits)(at.ip())).collect();
        let mut fault = DialFault::Forbidden;
        for (tried, address) in addresses.iter().enumerate() {
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now)
                / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            fault = match timeout_at(now + share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(DialFault::Connect)?;
                    return Ok(Socket::Tcp(stream));
                }
                Ok(Err(error)) => DialFault::Connect(error),
                Err(_) => DialFault::Slow,
            };
        }
        Err(fault)
    }
}

fn owned(protocols: &[&[u8]]) -> Vec<Vec<u8>> {
    protocols.iter().map(|name| name.to_vec()).collect()
}

/// A connection to someone who was called.
pub enum Stream {
    /// As it is.
    Plain(Socket),
    /// Under TLS.
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    /// Whether TLS has agreed on HTTP/2.
    pub fn agreed_on_http2(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(HTTP2),
        }
    }
}

/// Calls the same method of whichever stream it is.
macro_rules! each {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream.get_mut() {
            Stream::Plain($inner) => {
                let $inner = Pin::new($inner);
                $call
            }
            Stream::Tls($inner) => {
                let $inner = Pin::new($inner.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests;

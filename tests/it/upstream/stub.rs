//! An upstream of hyper's server: HTTP/1.1 or HTTP/2, plain or under TLS, with certificates made for the test.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

/// An authority made for one test.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for this name, and its key.
    pub fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        self.sign_until(name, 2100)
    }

    /// The same, good until this year.
    pub fn sign_until(&self, name: &str, year: i32) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

/// What came over TLS or not.
#[derive(Clone, Debug)]
pub struct Seen {
    pub version: Version,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
    pub connection: usize,
    /// The protocol ALPN agreed on.
    pub alpn: Option<Vec<u8>>,
    /// Whether the client showed a certificate.
    pub certificate: bool,
}

/// How the stub behaves.
#[derive(Clone, Default)]
pub struct Behaviour {
    pub http2: bool,
    /// Streams at a time, if that is limited.
    pub streams: Option<u32>,
    pub tls: Option<Arc<ServerConfig>>,
    /// A connection says goodbye after its first request.
    pub farewell: bool,
    /// So many requests are waited for before any is answered.
    pub together: Option<Arc<tokio::sync::Barrier>>,
}

/// TLS for a server named `name`; clients must show a certificate of the authority `clients`.
pub fn tls(
    authority: &Authority,
    name: &str,
    alpn: &[&str],
    clients: Option<CertificateDer<'static>>,
) -> Arc<ServerConfig> {
    tls_with(authority.sign(name), alpn, clients)
}

/// The same with this certificate.
pub fn tls_with(
    (certificate, key): (rcgen::Certificate, KeyPair),
    alpn: &[&str],
    clients: Option<CertificateDer<'static>>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .unwrap(),
            )
        }
    };
    let mut config = builder
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

pub struct Stub {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Stub {
    pub fn start(behaviour: Behaviour) -> Stub {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let told = seen.clone();
        runtime.spawn(async move {
            let mut number = 0;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (behaviour, seen) = (behaviour.clone(), told.clone());
                tokio::spawn(async move {
                    let Some(tls) = behaviour.tls.clone() else {
                        return serve(stream, behaviour, seen, number, None, false).await;
                    };
                    let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await else {
                        return;
                    };
                    let session = stream.get_ref().1;
                    let alpn = session.alpn_protocol().map(<[u8]>::to_vec);
                    let certificate = session.peer_certificates().is_some();
                    serve(stream, behaviour, seen, number, alpn, certificate).await;
                });
                number += 1;
            }
        });
        Stub {
            address,
            seen,
            _runtime: runtime,
        }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The numbers of the connections that requests came over, in their order.
    pub fn connections(&self) -> Vec<usize> {
        self.seen().iter().map(|seen| seen.connection).collect()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    behaviour: Behaviour,
    seen: Arc<Mutex<Vec<Seen>>>,
    connection: usize,
    alpn: Option<Vec<u8>>,
    certificate: bool,
) {
    let farewell = Arc::new(tokio::sync::Notify::new());
    let (together, said) = (behaviour.together.clone(), farewell.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let (seen, together, said) = (seen.clone(), together.clone(), said.clone());
        let alpn = alpn.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap();
            let trailers = body.trailers().cloned();
            seen.lock().unwrap().push(Seen {
                version: head.version,
                uri: head.uri.to_string(),
                headers: head.headers,
                body: body.to_bytes(),
                trailers,
                connection,
                alpn,
                certificate,
            });
            if let Some(together) = together {
                together.wait().await;
            }
            said.notify_one();
            Ok::<_, Infallible>(answer())
        }
    });
    let io = TokioIo::new(stream);
    if behaviour.http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(behaviour.streams);
        let mut serving = std::pin::pin!(builder.serve_connection(io, service));
        if behaviour.farewell {
            tokio::select! {
                _ = serving.as_mut() => return,
                () = farewell.notified() => serving.as_mut().graceful_shutdown(),
            }
        }
        let _ = serving.await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(io, service)
            .await;
    }
}

fn answer() -> Response<BoxBody<Bytes, Infallible>> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let body = http_body_util::Full::new(Bytes::from_static(b"from the stub"))
        .with_trailers(std::future::ready(Some(Ok(trailers))));
    Response::new(body.boxed())
}

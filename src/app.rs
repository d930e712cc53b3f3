//! The process: build → bind everything → start → until told to stop → drain.
//!
//! Two kinds of thread. One *control* thread runs what must never wait behind traffic: admin, probes, key refreshes, signals.
//! Each *worker* runs a runtime of its own and serves the gate's connections it accepted; workers share nothing but the
//! snapshot, so a request never changes threads.

mod sockets;
mod telling;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};

use crate::admin::{self, Admin, Kind};
use crate::clock::Clock;
use crate::config::model::{Config, Server};
use crate::drain::{Drain, Phase, Signals};
use crate::export::Exporter;
use crate::net::conn;
use crate::net::listen::Acceptor;
use crate::net::wire::FinalAnswer;
use crate::ready::Readiness;
use crate::reload::{Loaded, Origin, Reach, Reading, Reloader, Status};
use crate::snapshot::{BuildFault, Live, Snapshot};
use crate::telemetry::Telemetry;
use sockets::Sockets;
use workers::wire_limits;

/// Why the process could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The configuration can't run here.
    #[error(transparent)]
    Build(#[from] BuildFault),
    /// A listener can't be had.
    #[error("can't listen on {0}: {1}")]
    Listen(String, io::Error),
    /// The machine won't give threads, timers or sockets.
    #[error("can't start: {0}")]
    System(#[from] io::Error),
    /// Two metrics have one name.
    #[error("metrics: {0}")]
    Metrics(String),
}

/// A process that serves.
pub struct Running {
    /// Where the gate listens, for people.
    pub gate: String,
    /// The same, if it is TCP.
    pub gate_address: Option<SocketAddr>,
    /// Where admin listens.
    pub admin: SocketAddr,
    /// Where the courier listens, by name, for people.
    pub outbound: Vec<(&'static str, String)>,
    /// What it tells of its work.
    pub telemetry: Arc<Telemetry>,
    stop: Arc<Notify>,
    control: Option<JoinHandle<()>>,
}

impl Running {
    fn announce(&self, workers: usize) {
        for (name, address) in &self.outbound {
            tracing::info!(outbound = name, address, "taking calls out");
        }
        tracing::info!(gate = self.gate, admin = %self.admin, workers, "listening");
    }

    /// Asks it to go away as SIGTERM does.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// The same, once this time has passed.
    pub fn stop_after(&self, time: Duration) {
        let stop = self.stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(time);
            stop.notify_one();
        });
    }

    /// Waits until it has gone.
    pub fn wait(self) {
        // A control thread that panicked has said so; there is nothing left to wait for.
        let _ = self.control.map(JoinHandle::join);
    }
}

/// Starts everything, or nothing.
pub fn start(origin: Origin, loaded: Loaded) -> Result<Running, StartFault> {
    let Loaded { config, reading } = loaded;
    let (clock, server) = (Clock::System, config.server.clone());
    let workers = workers(&server);
    let (telemetry, exporter) = telling::begin(&config, &clock)?;
    let control = Builder::new_current_thread().enable_all().build()?;
    let mut snapshot = build(&control, config, workers, &clock, &reading)?;
    let sockets = Sockets::bind(&snapshot.config)?;
    let readiness = Arc::new(Readiness::new());
    let hangups = {
        let _entered = control.enter();
        // Before the first connection is accepted: a token whose key is not there yet waits for these tasks.
        snapshot.start_refreshing(Some(&readiness));
        // From now on SIGHUP no longer ends the process.
        signal(SignalKind::hangup())?
    };
    let shared = Arc::new(Reach {
        rooms: sockets.rooms(snapshot.config.limits.connections, workers),
        status: Arc::new(Status::new(&snapshot.config, clock.now())),
        live: Arc::new(Live::new(snapshot)),
        telemetry: telemetry.clone(),
        readiness,
        clock,
        workers,
    });
    let (drain, (halt, halted)) = (Drain::default(), watch::channel(false));
    let threads = workers::start(&shared, &sockets, &drain, &halted)?;
    let listeners = sockets.operators(&control, &shared.rooms)?;
    let admin = (telling::desk(&shared, sockets.named()), listeners);
    let running = Running {
        telemetry,
        gate: sockets.gate.address(),
        gate_address: sockets.gate.tcp_address(),
        outbound: sockets.outbound(),
        admin: sockets.admin.tcp_address().unwrap_or(server.admin),
        stop: Arc::new(Notify::new()),
        control: None,
    };
    let reloader = Reloader::new(origin, &reading, shared.clone());
    let told = running.stop.clone();
    let work = move || {
        let reloading = reloader.run(hangups);
        control.block_on(run_control(
            &shared, admin, exporter, reloading, drain, &told,
        ));
        // A name that is being looked up sits in a thread of its own, and must not be waited for.
        control.shutdown_timeout(Duration::ZERO);
        halt.send_replace(true);
        threads.into_iter().for_each(|thread| drop(thread.join()));
        shared.telemetry.access.flush();
    };
    let builder = std::thread::Builder::new().name("control".to_owned());
    let control = builder.spawn(work)?;
    running.announce(workers);
    Ok(Running {
        control: Some(control),
        ..running
    })
}

/// The snapshot to begin with. Credentials are kept fresh on the control thread.
fn build(
    control: &Runtime,
    config: Config,
    workers: usize,
    clock: &Clock,
    reading: &Reading,
) -> Result<Snapshot, BuildFault> {
    let _entered = control.enter();
    let snapshot = Snapshot::build(config, workers, clock, &|path| reading.read(path))?;
    for warning in &snapshot.config.warnings {
        tracing::warn!("{warning}");
    }
    Ok(snapshot)
}

fn workers(server: &Server) -> usize {
    match server.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// Admin, probes, keys and signals, until the process is to end.
async fn run_control(
    shared: &Arc<Reach>,
    (admin, listeners): (Arc<Admin>, Vec<(Kind, Acceptor)>),
    exporter: Arc<Exporter>,
    reloading: impl Future<Output = ()> + Send + 'static,
    drain: Drain,
    stop: &Notify,
) {
    for (kind, acceptor) in listeners {
        tokio::spawn(accept_admin(admin.clone(), kind, acceptor, shared.clone()));
    }
    tokio::spawn(telling::watch_rates(shared.telemetry.clone()));
    tokio::spawn(exporter.clone().run());
    let reloading = tokio::spawn(reloading);
    let mut signals = Signals::new();
    tokio::select! {
        () = stop.notified() => {}
        () = signals.next() => {}
    }
    reloading.abort();
    let server = shared.live.load().config.server.clone();
    tracing::info!("draining: not ready any more, requests in flight may finish");
    shared.readiness.drain();
    let finish = async {
        drain.enter(Phase::Closing);
        tokio::time::sleep(server.drain_delay).await;
        drain.enter(Phase::Closed);
        drain.wait().await;
    };
    tokio::select! {
        () = finish => {}
        () = tokio::time::sleep(server.drain_timeout.max(server.drain_delay)) => {
            tracing::warn!("requests were still in flight when the time to drain was over");
        }
        () = stop.notified() => tracing::warn!("told twice to stop: draining is cut short"),
        () = signals.next() => tracing::warn!("told twice to stop: draining is cut short"),
    }
    exporter.finish().await;
    tracing::info!("stopped");
}

/// Admin stays up while the gate drains, so that readiness can be seen to fail.
async fn accept_admin(admin: Arc<Admin>, kind: Kind, acceptor: Acceptor, shared: Arc<Reach>) {
    let answer: FinalAnswer = Arc::new(|reason| {
        let status = http::StatusCode::from_u16(reason.status()).unwrap_or_default();
        bytes::Bytes::from(format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        ))
    });
    let drain = Drain::default(); // never told: these connections end with the process
    loop {
        let accepted = acceptor.accept().await;
        let (admin, answer, watch) = (admin.clone(), answer.clone(), drain.watch());
        let limits = wire_limits(&shared.live.load().config.limits);
        tokio::spawn(async move {
            let _room = accepted.room;
            let service = |arrival| admin::serve(&admin, kind, arrival);
            conn::serve(
                accepted.socket,
                accepted.client,
                limits,
                answer,
                watch,
                service,
            )
            .await;
        });
    }
}

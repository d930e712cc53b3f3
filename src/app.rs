//! The process: build → bind everything → start → until told to stop → drain.
//!
//! Two kinds of thread. One *control* thread runs what must never wait behind traffic: admin, probes, key refreshes, signals.
//! Each *worker* runs a runtime of its own and serves the gate's connections it accepted; workers share nothing but the
//! snapshot, so a request never changes threads.

mod sockets;
mod telling;

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
use crate::config::model::{Limits, Server};
use crate::drain::{Drain, Phase, Signals, Watch};
use crate::export::Exporter;
use crate::gate::{self, Gate};
use crate::net::conn;
use crate::net::listen::{Accepted, Acceptor, Bound};
use crate::net::room::Room;
use crate::net::wire::{FinalAnswer, WireLimits};
use crate::ready::Readiness;
use crate::reload::{Loaded, Origin, Reach, Reloader, Status};
use crate::snapshot::{BuildFault, Live, Snapshot};
use crate::telemetry::Telemetry;
use sockets::Sockets;

/// How often a worker looks for connections to upstreams that have been idle for too long.
const SWEEP: Duration = Duration::from_secs(1);

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
    /// What it tells of its work.
    pub telemetry: Arc<Telemetry>,
    stop: Arc<Notify>,
    control: Option<JoinHandle<()>>,
}

impl Running {
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
    let mut snapshot = Snapshot::build(config, workers, &clock, &|path| reading.read(path))?;
    let sockets = Sockets::bind(&server)?;
    let control = Builder::new_current_thread().enable_all().build()?;
    let readiness = Arc::new(Readiness::new());
    let hangups = {
        let _entered = control.enter();
        // Before the first connection is accepted: a token whose key is not there yet waits for these tasks.
        snapshot.start_refreshing(Some(&readiness));
        // From now on SIGHUP no longer ends the process.
        signal(SignalKind::hangup())?
    };
    let shared = Arc::new(Reach {
        rooms: [(); 3].map(|()| Room::new(snapshot.config.limits.connections)),
        status: Arc::new(Status::new(&snapshot.config, clock.now())),
        live: Arc::new(Live::new(snapshot)),
        telemetry: telemetry.clone(),
        readiness,
        clock,
        workers,
    });
    let (drain, (halt, halted)) = (Drain::default(), watch::channel(false));
    let threads = start_workers(&shared, &sockets.gate, &drain, &halted)?;
    let listeners = sockets.operators(&control, &shared.rooms)?;
    let admin = (telling::desk(&shared, sockets.named()), listeners);
    let running = Running {
        telemetry,
        gate: sockets.gate.address(),
        gate_address: sockets.gate.tcp_address(),
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
        for thread in threads {
            let _ = thread.join();
        }
        shared.telemetry.access.flush();
    };
    let builder = std::thread::Builder::new().name("control".to_owned());
    let control = builder.spawn(work)?;
    tracing::info!(gate = running.gate, admin = %running.admin, workers, "listening");
    Ok(Running {
        control: Some(control),
        ..running
    })
}

fn workers(server: &Server) -> usize {
    match server.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// Starts the threads that serve the gate.
fn start_workers(
    shared: &Arc<Reach>,
    gate: &Bound,
    drain: &Drain,
    halted: &watch::Receiver<bool>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let start = |worker| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let acceptor = {
            let _entered = runtime.enter();
            gate.acceptor(shared.rooms[0].places())?
        };
        let (shared, watch, halted) = (shared.clone(), drain.watch(), halted.clone());
        let work = move || run_worker(&runtime, worker, shared, acceptor, watch, halted);
        std::thread::Builder::new()
            .name(format!("worker-{worker}"))
            .spawn(work)
    };
    (0..shared.workers).map(start).collect()
}

/// One worker: accepts and serves until the process halts.
fn run_worker(
    runtime: &Runtime,
    worker: usize,
    shared: Arc<Reach>,
    acceptor: Acceptor,
    watch: Watch,
    mut halted: watch::Receiver<bool>,
) {
    let gate = Arc::new(Gate {
        live: shared.live.clone(),
        telemetry: shared.telemetry.clone(),
        clock: shared.clock.clone(),
        worker,
    });
    runtime.block_on(async move {
        // Spawned, for what `block_on` itself polls is woken by a dearer path than tasks are.
        tokio::spawn(accept(gate, shared.clone(), acceptor, watch));
        let live = shared.live.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(SWEEP);
            loop {
                tick.tick().await;
                live.load()
                    .upstreams
                    .iter()
                    .for_each(|upstream| upstream.sweep(worker));
            }
        });
        let _ = halted.wait_for(|halted| *halted).await;
    });
}

/// The gate's accept loop on one worker.
async fn accept(gate: Arc<Gate>, shared: Arc<Reach>, acceptor: Acceptor, watch: Watch) {
    let mut closed = watch.clone();
    let serve = |accepted: Accepted| {
        let (gate, watch) = (gate.clone(), watch.clone());
        let (telemetry, client) = (shared.telemetry.clone(), accepted.client);
        let answer: FinalAnswer =
            Arc::new(move |reason| gate::final_answer(&telemetry, client, reason));
        let snapshot = gate.live.load();
        let limits = wire_limits(&snapshot.config.limits);
        let security = (snapshot.certificates.as_ref()).map(|certificates| certificates.config());
        let open = Open::count(&shared.telemetry, gate::LISTENER);
        tokio::spawn(async move {
            let (_open, _room) = (open, accepted.room);
            let line = Arc::new(gate::Line::default());
            let serving = line.clone();
            let service = move |arrival| {
                let (gate, line) = (gate.clone(), serving.clone());
                async move { gate::serve(&gate, &line, arrival).await }
            };
            let (socket, client, drain) = (accepted.socket, accepted.client, watch.clone());
            conn::serve_any(socket, client, security, limits, answer, watch, service).await;
            line.tunnel(drain).await;
        });
    };
    loop {
        tokio::select! {
            accepted = acceptor.accept() => serve(accepted),
            () = closed.reached(Phase::Closed) => break,
        }
    }
    // Whom the kernel has already told that they are connected.
    acceptor.last().into_iter().for_each(serve);
}

fn wire_limits(limits: &Limits) -> WireLimits {
    WireLimits {
        header_bytes: limits.header_bytes,
        header_timeout: limits.header_timeout,
        idle_timeout: limits.idle_timeout,
        stall_timeout: limits.body_timeout,
    }
}

/// A connection that counts as open until this is dropped.
struct Open(Arc<Telemetry>, &'static str);

impl Open {
    fn count(telemetry: &Arc<Telemetry>, listener: &'static str) -> Open {
        telemetry
            .metrics
            .connections
            .with_label_values(&[listener])
            .inc();
        Open(telemetry.clone(), listener)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0
            .metrics
            .connections
            .with_label_values(&[self.1])
            .dec();
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
    let answer: FinalAnswer = Arc::new(|_| {
        bytes::Bytes::from_static(
            b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        )
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

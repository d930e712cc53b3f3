//! The process: build → bind everything → start → until told to stop → drain.
//!
//! Two kinds of thread. One *control* thread runs what must never wait behind traffic: admin, probes, key refreshes, signals.
//! Each *worker* runs a runtime of its own and serves the gate's connections it accepted; workers share nothing but the
//! snapshot, so a request never changes threads.

mod telling;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, Semaphore, watch};

use crate::admin::{self, Admin, Kind};
use crate::clock::Clock;
use crate::config::model::{Config, Limits, Listen};
use crate::drain::{Drain, Phase, Watch};
use crate::fetch::Fetcher;
use crate::gate::{self, Gate};
use crate::net::conn;
use crate::net::listen::{Acceptor, Bound};
use crate::net::wire::{FinalAnswer, WireLimits};
use crate::pool::refresh::PoolTask;
use crate::ready::Readiness;
use crate::snapshot::{BuildFault, Live, Snapshot};
use crate::telemetry::Telemetry;

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
    /// Keys can't be fetched with these settings.
    #[error("{0}")]
    Fetch(String),
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
    control: JoinHandle<()>,
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
        let _ = self.control.join();
    }
}

/// What the threads share.
struct Shared {
    live: Arc<Live>,
    telemetry: Arc<Telemetry>,
    readiness: Arc<Readiness>,
    clock: Clock,
    limits: Limits,
}

/// Starts everything, or nothing.
pub fn start(
    config: Config,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Running, StartFault> {
    let clock = Clock::System;
    let workers = match config.server.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let telemetry = telling::telemetry(&config, &clock)?;
    let snapshot = Snapshot::build(config, workers, &clock, read)?;
    let server = snapshot.config.server.clone();
    let gate = bind(&server.listen)?;
    let admin = bind(&Listen::Tcp(server.admin))?;
    let probes = server
        .probes
        .map(|probes| bind(&Listen::Tcp(probes)))
        .transpose()?;

    let shared = Arc::new(Shared {
        limits: snapshot.config.limits.clone(),
        live: Arc::new(Live::new(snapshot)),
        telemetry: Arc::new(telemetry),
        readiness: Arc::new(Readiness::new()),
        clock,
    });
    let control = Builder::new_current_thread().enable_all().build()?;
    let refreshing = {
        // Before the first connection is accepted: a token whose key is not there yet waits for these tasks.
        let _entered = control.enter();
        refresh(&shared)?
    };
    let exporter = {
        let _entered = control.enter();
        telling::export(&shared.telemetry, &shared.live.load().config)?
    };
    let drain = Drain::default();
    let (halt, halted) = watch::channel(false);
    let room = Arc::new(Semaphore::new(shared.limits.connections));
    let mut threads = Vec::new();
    for worker in 0..workers {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let acceptor = {
            let _entered = runtime.enter();
            gate.acceptor(room.clone())?
        };
        let (shared, watch, halted) = (shared.clone(), drain.watch(), halted.clone());
        let work = move || run_worker(&runtime, worker, shared, acceptor, watch, halted);
        threads.push(
            std::thread::Builder::new()
                .name(format!("worker-{worker}"))
                .spawn(work)?,
        );
    }
    let admin_address = admin.tcp_address().unwrap_or(server.admin);
    let (gate_name, gate_address) = (gate.address(), gate.tcp_address());
    let listeners = {
        let _entered = control.enter();
        let room = || Arc::new(Semaphore::new(shared.limits.connections));
        let mut listeners = vec![(Kind::Admin, admin.acceptor(room())?)];
        if let Some(probes) = &probes {
            listeners.push((Kind::Probes, probes.acceptor(room())?));
        }
        listeners
    };
    let telemetry = shared.telemetry.clone();
    let named = |name, bound: &Bound| (name, bound.address());
    let mut addresses = vec![named("gate", &gate), named("admin", &admin)];
    addresses.extend(probes.as_ref().map(|probes| named("probes", probes)));
    let desk = Arc::new(Admin {
        clock: shared.clock.clone(),
        live: shared.live.clone(),
        telemetry: shared.telemetry.clone(),
        readiness: shared.readiness.clone(),
        listeners: addresses,
    });
    let stop = Arc::new(Notify::new());
    let told = stop.clone();
    let control = std::thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            control.block_on(async {
                run_control(&shared, desk, listeners, refreshing, drain, &told).await;
                if let Some(exporter) = exporter {
                    exporter.finish().await;
                }
            });
            // A name that is being looked up sits in a thread of its own, and must not be waited for.
            control.shutdown_timeout(Duration::ZERO);
            halt.send_replace(true);
            for thread in threads {
                let _ = thread.join();
            }
            if let Some(access) = &shared.telemetry.access {
                access.flush();
            }
        })?;
    tracing::info!(gate = gate_name, admin = %admin_address, workers, "listening");
    Ok(Running {
        telemetry,
        gate: gate_name,
        gate_address,
        admin: admin_address,
        stop,
        control,
    })
}

fn bind(listen: &Listen) -> Result<Bound, StartFault> {
    let name = match listen {
        Listen::Tcp(address) => address.to_string(),
        Listen::Unix(path) => format!("unix:{}", path.display()),
        Listen::Fd(name) => format!("fd:{name}"),
    };
    Bound::bind(listen).map_err(|error| StartFault::Listen(name, error))
}

/// Starts refreshing every pool's keys on the current runtime, in the pools' order.
fn refresh(shared: &Shared) -> Result<Vec<PoolTask>, StartFault> {
    let snapshot = shared.live.load();
    let pools = snapshot.keys.iter().zip(&snapshot.config.pools);
    pools
        .map(|(ring, pool)| {
            let fetcher =
                Fetcher::new(&pool.fetch).map_err(|fault| StartFault::Fetch(fault.to_string()))?;
            let first = pool.required.then(|| {
                shared
                    .readiness
                    .wait_for(format!("keys of pool {}", ring.name()))
            });
            Ok(PoolTask::start(ring.clone(), Arc::new(fetcher), first))
        })
        .collect()
}

/// One worker: accepts and serves until the process halts.
fn run_worker(
    runtime: &Runtime,
    worker: usize,
    shared: Arc<Shared>,
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
async fn accept(gate: Arc<Gate>, shared: Arc<Shared>, acceptor: Acceptor, mut watch: Watch) {
    let limits = wire_limits(&shared.limits);
    let telemetry = shared.telemetry.clone();
    let answer: FinalAnswer = Arc::new(move |reason| gate::final_answer(&telemetry, reason));
    loop {
        let accepted = tokio::select! {
            accepted = acceptor.accept() => accepted,
            () = watch.reached(Phase::Closed) => return,
        };
        let (gate, drain, answer) = (gate.clone(), watch.clone(), answer.clone());
        let open = Open::count(&shared.telemetry, gate::LISTENER);
        tokio::spawn(async move {
            let (_open, _room) = (open, accepted.room);
            let service = |arrival| gate::serve(&gate, arrival);
            conn::serve(
                accepted.socket,
                accepted.client,
                limits,
                answer,
                drain,
                service,
            )
            .await;
        });
    }
}

fn wire_limits(limits: &Limits) -> WireLimits {
    WireLimits {
        header_bytes: limits.header_bytes,
        header_timeout: limits.header_timeout,
        idle_timeout: limits.idle_timeout,
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
    shared: &Arc<Shared>,
    admin: Arc<Admin>,
    listeners: Vec<(Kind, Acceptor)>,
    _refreshing: Vec<PoolTask>,
    drain: Drain,
    stop: &Notify,
) {
    let snapshot = shared.live.load();
    for (kind, acceptor) in listeners {
        tokio::spawn(accept_admin(admin.clone(), kind, acceptor, shared.clone()));
    }
    tokio::spawn(telling::watch_rates(shared.telemetry.clone()));
    let server = &snapshot.config.server;
    tokio::select! {
        () = stop.notified() => {}
        () = signalled() => {}
    }
    tracing::info!("draining: not ready any more, requests in flight may finish");
    shared.readiness.drain();
    let finish = async {
        drain.enter(Phase::Closing);
        tokio::time::sleep(server.drain_delay).await;
        drain.enter(Phase::Closed);
        drain.wait().await;
    };
    if tokio::time::timeout(server.drain_timeout.max(server.drain_delay), finish)
        .await
        .is_err()
    {
        tracing::warn!("requests were still in flight when the time to drain was over");
    }
    tracing::info!("stopped");
}

/// Waits for SIGTERM or SIGINT.
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::warn!("signals can't be heard here");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Admin stays up while the gate drains, so that readiness can be seen to fail.
async fn accept_admin(admin: Arc<Admin>, kind: Kind, acceptor: Acceptor, shared: Arc<Shared>) {
    let limits = wire_limits(&shared.limits);
    let answer: FinalAnswer = Arc::new(|_| {
        bytes::Bytes::from_static(
            b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        )
    });
    let drain = Drain::default(); // never told: these connections end with the process
    loop {
        let accepted = acceptor.accept().await;
        let (admin, answer, watch) = (admin.clone(), answer.clone(), drain.watch());
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

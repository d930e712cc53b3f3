//! The workers: each a thread with a runtime of its own, which accepts from every listener of the gate and the courier.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http::HeaderValue;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::sockets::Sockets;
use crate::config::model::Limits;
use crate::courier::{self, Courier};
use crate::drain::{Drain, Phase, Watch};
use crate::front::{self, Line};
use crate::gate::{self, Gate};
use crate::http::via;
use crate::net::conn;
use crate::net::listen::{Accepted, Acceptor};
use crate::net::wire::{FinalAnswer, WireLimits};
use crate::reload::Reach;
use crate::telemetry::Telemetry;

/// How often a worker looks for connections to upstreams that have been idle for too long.
const SWEEP: Duration = Duration::from_secs(1);

/// What a listener's requests are served by, on one worker.
#[derive(Clone)]
enum Front {
    Gate(Arc<Gate>),
    Courier(Arc<Courier>),
}

/// Starts the threads that serve.
pub(super) fn start(
    shared: &Arc<Reach>,
    sockets: &Sockets,
    drain: &Drain,
    halted: &watch::Receiver<bool>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let via = via::own();
    let start = |worker| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let fronts = {
            let _entered = runtime.enter();
            fronts(shared, sockets, worker, &via)?
        };
        let (shared, watch, halted) = (shared.clone(), drain.watch(), halted.clone());
        let work = move || run(&runtime, worker, shared, fronts, watch, halted);
        std::thread::Builder::new()
            .name(format!("worker-{worker}"))
            .spawn(work)
    };
    (0..shared.workers).map(start).collect()
}

/// What one worker serves, with its view of each listener.
fn fronts(
    shared: &Arc<Reach>,
    sockets: &Sockets,
    worker: usize,
    via: &HeaderValue,
) -> io::Result<Vec<(Front, Acceptor)>> {
    let gate = Front::Gate(Arc::new(Gate {
        live: shared.live.clone(),
        telemetry: shared.telemetry.clone(),
        clock: shared.clock.clone(),
        worker,
    }));
    let mut fronts = vec![(gate, sockets.gate.acceptor(shared.rooms.gate.places())?)];
    for (listener, room) in sockets.listeners().iter().zip(&shared.rooms.outbound) {
        let courier = Front::Courier(Arc::new(Courier {
            live: shared.live.clone(),
            telemetry: shared.telemetry.clone(),
            clock: shared.clock.clone(),
            worker,
            name: listener.name,
            address: listener.bound.tcp_address().map(|address| address.ip()),
            via: via.clone(),
        }));
        fronts.push((courier, listener.bound.acceptor(room.places())?));
    }
    Ok(fronts)
}

/// One worker: accepts and serves until the process halts.
fn run(
    runtime: &Runtime,
    worker: usize,
    shared: Arc<Reach>,
    fronts: Vec<(Front, Acceptor)>,
    watch: Watch,
    mut halted: watch::Receiver<bool>,
) {
    runtime.block_on(async move {
        // Spawned, for what `block_on` itself polls is woken by a dearer path than tasks are.
        for (front, acceptor) in fronts {
            tokio::spawn(accept(front, shared.clone(), acceptor, watch.clone()));
        }
        drop(watch); // those who accept are waited for, not this
        let live = shared.live.clone();
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(SWEEP);
            loop {
                tick.tick().await;
                live.load().sweep(worker);
            }
        });
        let _ = halted.wait_for(|halted| *halted).await;
    });
}

impl Front {
    fn listener(&self) -> &'static str {
        match self {
            Front::Gate(_) => gate::LISTENER,
            Front::Courier(courier) => courier.name,
        }
    }

    /// Serves one connection to its end.
    async fn serve(&self, accepted: Accepted, shared: &Reach, answer: FinalAnswer, watch: Watch) {
        let snapshot = shared.live.load();
        let limits = wire_limits(&snapshot.config.limits);
        let line = Arc::new(Line::new(accepted.client));
        let _room = accepted.room;
        let (socket, client, drain) = (accepted.socket, accepted.client, watch.clone());
        let certificates = match self {
            Front::Gate(_) => snapshot.certificates.as_ref(),
            Front::Courier(courier) => snapshot
                .outbound(courier.name)
                .and_then(|outbound| outbound.certificates.as_ref()),
        };
        let security = certificates.map(|certificates| certificates.config());
        drop(snapshot);
        match self {
            Front::Gate(gate) => {
                let (gate, serving) = (gate.clone(), line.clone());
                let service = move |arrival| gate::serve(gate.clone(), serving.clone(), arrival);
                conn::serve_any(socket, client, security, limits, answer, watch, service).await;
            }
            Front::Courier(courier) => {
                let (courier, serving) = (courier.clone(), line.clone());
                let service =
                    move |arrival| courier::serve(courier.clone(), serving.clone(), arrival);
                conn::serve_any(socket, client, security, limits, answer, watch, service).await;
            }
        }
        line.tunnel(drain).await;
    }
}

/// The accept loop of one listener on one worker.
async fn accept(front: Front, shared: Arc<Reach>, acceptor: Acceptor, watch: Watch) {
    let listener = front.listener();
    let mut closed = watch.clone();
    let serve = |accepted: Accepted| {
        let (front, shared) = (front.clone(), shared.clone());
        let watch = watch.clone();
        let (telemetry, client) = (shared.telemetry.clone(), accepted.client);
        let answer: FinalAnswer =
            Arc::new(move |reason| front::final_answer(&telemetry, listener, client, reason));
        let open = Open::count(&shared.telemetry, listener);
        tokio::spawn(async move {
            let _open = open;
            front.serve(accepted, &shared, answer, watch).await;
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

pub(super) fn wire_limits(limits: &Limits) -> WireLimits {
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

//! `portcullis demo`: everything on one machine with no AWS account. Only the gate ever leaves loopback.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use super::FAILED;
use super::working::working;
use crate::clock::Clock;
use crate::config::model::ADMIN;
use crate::demo::legacy::Legacy;
use crate::demo::pool::DemoPool;
use crate::demo::{self, Addresses};
use crate::reload::Origin;
use crate::{app, telemetry::logs};

/// What `demo` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The gate's port
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The gate's address; the pool and the service stay on loopback
    #[arg(long, default_value = "127.0.0.1")]
    listen: IpAddr,
}

/// Starts a pool, a legacy service and the sidecar between them, and prints how to try it.
pub(super) fn demo(arguments: &Arguments) -> ExitCode {
    match start(arguments) {
        Ok(running) => {
            running.wait();
            ExitCode::SUCCESS
        }
        Err(fault) => {
            eprintln!("portcullis: {fault}");
            ExitCode::from(FAILED)
        }
    }
}

fn start(arguments: &Arguments) -> Result<app::Running, Box<dyn std::error::Error>> {
    let loopback = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (pool_listener, service_listener) = (loopback()?, loopback()?);
    let addresses = Addresses {
        gate: SocketAddr::new(arguments.listen, port(arguments)?),
        admin: admin(arguments)?.local_addr()?, // free a moment ago, which will do for a demo
        service: service_listener.local_addr()?,
        pool: pool_listener.local_addr()?,
    };
    let text = demo::configuration(&addresses);
    let origin = Origin::text(
        "the demo's configuration",
        text.clone(),
        demo::configuration::environment,
    );
    let loaded = origin.load()?;
    logs::start(&loaded.config.telemetry)?;

    let pool = working("making the keys of the demo pool", || {
        DemoPool::new(Clock::System)
    });
    let pool = Arc::new(addresses.registered(pool));
    let legacy = Legacy::new(demo::page::page(&addresses));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new().name("demo".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                ended = pool.serve(pool_listener) => tracing::error!(?ended, "the demo pool ended"),
                ended = legacy.serve(service_listener) => tracing::error!(?ended, "the demo service ended"),
            }
        });
    })?;
    let running = app::start(origin, loaded)?;
    print!("{}", demo::banner(&addresses));
    println!("\n# The configuration this runs with:");
    for line in text.lines() {
        println!("{}", format!("#   {line}").trim_end());
    }
    Ok(running)
}

/// Where `portcullis ready` asks without a configuration, as the image's health check does; any free port if that is taken, or
/// any will do for the gate too.
fn admin(arguments: &Arguments) -> std::io::Result<TcpListener> {
    let any = || TcpListener::bind((ADMIN.ip(), 0));
    match arguments.port {
        0 => any(),
        _ => TcpListener::bind(ADMIN).or_else(|_| any()),
    }
}

/// The gate's port: any free one for 0, which the printed commands must name.
fn port(arguments: &Arguments) -> std::io::Result<u16> {
    match arguments.port {
        0 => Ok(TcpListener::bind((arguments.listen, 0))?
            .local_addr()?
            .port()),
        port => Ok(port),
    }
}

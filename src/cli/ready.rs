//! `portcullis ready`: asks a running sidecar whether it is ready, for health checks of images without a shell or curl.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::{FAILED, Source, load, origin};

/// For the whole exchange.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than any answer of `/readyz`.
const ANSWER_MAX: usize = 64 * 1024;

/// Exit 0 when the sidecar of this configuration is ready; else 1 with the cause on stderr, or 2 if the configuration is bad.
///
/// A sidecar that runs on while its configuration was broken (it refused it, and goes on with the one before) is as ready as it was.
pub(super) fn ready(source: &Source) -> ExitCode {
    let Err(cause) = ask(origin(source).admin(), PATIENCE) else {
        return ExitCode::SUCCESS;
    };
    match load(source) {
        Ok(_) => {
            eprintln!("portcullis: {cause}");
            ExitCode::from(FAILED)
        }
        Err(status) => status,
    }
}

fn ask(admin: SocketAddr, patience: Duration) -> Result<(), String> {
    let address = reachable(admin);
    let answer = exchange(address, patience)
        .map_err(|error| format!("the admin listener at {address} does not answer: {error}"))?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("what answers at {address} does not speak HTTP"))?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        // Ours says why; whatever else listens there may say anything.
        Some("503") => Err(printable(body.trim())),
        _ => Err(format!("what answers at {address} is no admin listener")),
    }
}

/// One request on a connection of its own.
fn exchange(address: SocketAddr, patience: Duration) -> io::Result<String> {
    let deadline = Instant::now() + patience;
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(io::Error::from(io::ErrorKind::TimedOut)),
            false => Ok(left),
        }
    };
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    // The admin listener answers to a loopback name alone.
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while answer.len() < ANSWER_MAX {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut piece)? {
            0 => break,
            length => answer.extend_from_slice(&piece[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A listener on every address is asked on loopback.
fn reachable(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, admin.port())
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_control() { '\u{FFFD}' } else { char })
        .collect()
}

#[cfg(test)]
mod tests;

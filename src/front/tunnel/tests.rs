//! What a tunnel passes on, and how it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::watch;

use super::{Pump, both, expired};
use crate::clock::Clock;
use crate::http::websocket::Close;

/// Pumps from one end to another until told to stop; the source's writer, the target's reader, the teller.
fn pumped() -> (
    DuplexStream,
    DuplexStream,
    watch::Sender<Option<Close>>,
    tokio::task::JoinHandle<u64>,
) {
    let (source, from) = duplex(64);
    let (to, target) = duplex(64);
    let (stop, stopped) = watch::channel(None);
    let task = tokio::spawn(async move {
        let count = AtomicU64::new(0);
        let pump = Pump {
            count: &count,
            stopped,
            close: Close::to_client,
        };
        pump.run(from, to).await.unwrap();
        count.load(Ordering::Relaxed)
    });
    (source, target, stop, task)
}

async fn rest(mut target: DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    target.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn bytes_and_their_end_pass_on() {
    let (mut source, target, _stop, task) = pumped();
    source.write_all(b"\x82\x03abc").await.unwrap();
    drop(source);
    assert_eq!(rest(target).await, b"\x82\x03abc");
    assert_eq!(task.await.unwrap(), 5);
}

#[tokio::test]
async fn s24_a_close_waits_for_the_end_of_a_frame_and_nothing_follows_it() {
    let (mut source, mut target, stop, task) = pumped();
    source.write_all(b"\x82\x04ab").await.unwrap();
    let mut begun = [0; 4];
    target.read_exact(&mut begun).await.unwrap();
    stop.send_replace(Some(Close::GoingAway));
    source.write_all(b"cd\x82\x01e").await.unwrap();
    assert_eq!(rest(target).await, b"cd\x88\x0c\x03\xe9going away");
    drop(source);
    assert_eq!(task.await.unwrap(), 4 + 2 + 14);
}

#[tokio::test]
async fn s24_after_a_close_of_its_own_a_side_is_told_nothing_more() {
    let (mut source, mut target, stop, _task) = pumped();
    source.write_all(b"\x88\x00").await.unwrap();
    let mut close = [0; 2];
    target.read_exact(&mut close).await.unwrap();
    stop.send_replace(Some(Close::Expired));
    assert_eq!(rest(target).await, b"");
}

#[tokio::test(start_paused = true)]
async fn s24_a_token_expires_by_the_wall_clock() {
    let clock = Clock::fixed(1000.0);
    let waiting = tokio::spawn({
        let clock = clock.clone();
        async move { expired(&clock, Some(1600.0)).await }
    });
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(!waiting.is_finished(), "a timer's hour is not the clock's");
    clock.set(1600.0);
    waiting.await.unwrap();
    expired(&clock, Some(f64::MIN)).await;
}

#[tokio::test(start_paused = true)]
async fn a_side_that_never_hangs_up_is_left_in_the_end() {
    both(async { Ok(()) }, std::future::pending()).await;
    both(std::future::pending(), async { Ok(()) }).await;
    let fault = || async { Err(std::io::ErrorKind::ConnectionReset.into()) };
    both(fault(), std::future::pending()).await;
    both(std::future::pending(), fault()).await;
}

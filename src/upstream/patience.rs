//! How long the head of an answer is waited for: `response_timeout`, of the time in which it is for the upstream to go on.
//!
//! It runs from the request, anew with every piece of the request's body that is handed on, and not while the client is
//! awaited: a client that stalls has a limit of its own (408). So an upload may take as long as it moves.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::net::alarm::Alarm;
use crate::net::body::Upload;

/// Patience for one answer.
pub(super) struct Patience<'e> {
    alarm: &'e mut Alarm,
    limit: Option<Duration>,
    upload: Option<&'e Upload>,
}

impl<'e> Patience<'e> {
    /// Begins now. A request without a body has no `upload`.
    pub(super) fn begin(
        alarm: &'e mut Alarm,
        limit: Option<Duration>,
        upload: Option<&'e Upload>,
    ) -> Patience<'e> {
        alarm.set_or_clear(limit);
        Patience {
            alarm,
            limit,
            upload,
        }
    }

    /// Ready when it is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.alarm.poll(cx));
            let (Some(limit), Some(upload)) = (self.limit, self.upload) else {
                return Poll::Ready(());
            };
            let now = Instant::now();
            let since = upload.upstreams_turn().unwrap_or(now);
            if now.saturating_duration_since(since) >= limit {
                return Poll::Ready(());
            }
            self.alarm.set_from(since, limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{advance, timeout};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);
    const NEARLY: Duration = Duration::from_secs(59);

    /// Whether it is over at this very moment.
    async fn is_over(patience: &mut Patience<'_>) -> bool {
        let over = poll_fn(|cx| patience.poll(cx));
        timeout(Duration::ZERO, over).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_body_it_runs_from_the_request() {
        let mut alarm = Alarm::default();
        let mut patience = Patience::begin(&mut alarm, Some(LIMIT), None);
        advance(NEARLY).await;
        assert!(!is_over(&mut patience).await);
        advance(LIMIT - NEARLY).await;
        assert!(is_over(&mut patience).await);
    }

    #[tokio::test(start_paused = true)]
    async fn every_piece_of_the_body_begins_it_anew() {
        let (mut alarm, upload) = (Alarm::default(), Upload::default());
        let mut patience = Patience::begin(&mut alarm, Some(LIMIT), Some(&upload));
        for _ in 0..10 {
            advance(NEARLY).await;
            assert!(!is_over(&mut patience).await);
            upload.hand();
        }
        upload.complete();
        advance(NEARLY).await;
        assert!(!is_over(&mut patience).await);
        advance(Duration::from_secs(2)).await;
        assert!(is_over(&mut patience).await);
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_run_while_the_client_is_awaited() {
        let (mut alarm, upload) = (Alarm::default(), Upload::default());
        let mut patience = Patience::begin(&mut alarm, Some(LIMIT), Some(&upload));
        upload.lack();
        for _ in 0..10 {
            advance(LIMIT).await;
            assert!(!is_over(&mut patience).await);
        }
        upload.hand();
        advance(NEARLY).await;
        assert!(!is_over(&mut patience).await);
        advance(Duration::from_secs(2)).await;
        assert!(is_over(&mut patience).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_takes_nothing_uses_it_up() {
        let (mut alarm, upload) = (Alarm::default(), Upload::default());
        let mut patience = Patience::begin(&mut alarm, Some(LIMIT), Some(&upload));
        advance(LIMIT).await;
        assert!(is_over(&mut patience).await);
    }
}

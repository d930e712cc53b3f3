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
#[derive(Clone, Copy)]
pub(super) struct Patience<'e> {
    limit: Option<Duration>,
    upload: Option<&'e Upload>,
}

impl<'e> Patience<'e> {
    /// A request without a body has no `upload`.
    pub(super) fn new(limit: Option<Duration>, upload: Option<&'e Upload>) -> Patience<'e> {
        Patience { limit, upload }
    }

    /// The request is sent now.
    pub(super) fn begin(&self, alarm: &mut Alarm) {
        alarm.set_or_clear(self.limit);
    }

    /// Ready when it is over.
    pub(super) fn poll(&self, alarm: &mut Alarm, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(alarm.poll(cx));
            let (Some(limit), Some(upload)) = (self.limit, self.upload) else {
                return Poll::Ready(());
            };
            let now = Instant::now();
            let since = upload.upstreams_turn().unwrap_or(now);
            if now.saturating_duration_since(since) >= limit {
                return Poll::Ready(());
            }
            alarm.set_from(since, limit);
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
    async fn is_over(patience: &Patience<'_>, alarm: &mut Alarm) -> bool {
        let over = poll_fn(|cx| patience.poll(alarm, cx));
        timeout(Duration::ZERO, over).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_body_it_runs_from_the_request() {
        let mut alarm = Alarm::default();
        let patience = Patience::new(Some(LIMIT), None);
        patience.begin(&mut alarm);
        advance(NEARLY).await;
        assert!(!is_over(&patience, &mut alarm).await);
        advance(LIMIT - NEARLY).await;
        assert!(is_over(&patience, &mut alarm).await);
    }

    #[tokio::test(start_paused = true)]
    async fn every_piece_of_the_body_begins_it_anew() {
        let (mut alarm, upload) = (Alarm::default(), Upload::default());
        let patience = Patience::new(Some(LIMIT), Some(&upload));
        patience.begin(&mut alarm);
        for _ in 0..10 {
            advance(NEARLY).await;
            assert!(!is_over(&patience, &mut alarm).await);
            upload.hand();
        }
        upload.complete();
        advance(NEARLY).await;
        assert!(!is_over(&patience, &mut alarm).await);
        advance(Duration::from_secs(2)).await;
        assert!(is_over(&patience, &mut alarm).await);
    }

    #[tokio::test(start_paused = true)]
    async fn it_does_not_run_while_the_client_is_awaited() {
        let (mut alarm, upload) = (Alarm::default(), Upload::default());
        let patience = Patience::new(Some(LIMIT), Some(&upload));
        patience.begin(&mut alarm);
        upload.lack();
        for _ in 0..10 {
            advance(LIMIT).await;
            assert!(!is_over(&patience, &mut alarm).await);
        }
        upload.hand();
        advance(NEARLY).await;
        assert!(!is_over(&patience, &mut alarm).await);
        advance(Duration::from_secs(2)).await;
        assert!(is_over(&patience, &mut alarm).await);
    }

    #[tokio::test(start_paused = true)]
    async fn it_runs_from_the_end_of_a_body_whose_end_was_awaited() {
        let (mut alarm, upload) = (Alarm::default(), Upload::default());
        let patience = Patience::new(Some(LIMIT), Some(&upload));
        patience.begin(&mut alarm);
        upload.hand();
        upload.lack();
        advance(LIMIT).await;
        assert!(!is_over(&patience, &mut alarm).await);
        upload.complete();
        assert!(!is_over(&patience, &mut alarm).await);
        advance(LIMIT).await;
        assert!(is_over(&patience, &mut alarm).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upstream_that_takes_nothing_uses_it_up() {
        let (mut alarm, upload) = (Alarm::default(), Upload::default());
        let patience = Patience::new(Some(LIMIT), Some(&upload));
        patience.begin(&mut alarm);
        advance(LIMIT).await;
        assert!(is_over(&patience, &mut alarm).await);
    }
}

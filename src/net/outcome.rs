//! A future whose outcome becomes another: what an `async` block that awaits it would be, in half the memory. Such a block keeps
//! its captive's place beside the one it is polled in, and every connection and stream would carry both.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// `future`, and what becomes of its outcome.
    pub(super) struct Outcome<F, M> {
        #[pin]
        future: F,
        make: M,
    }
}

impl<F, M> Outcome<F, M> {
    /// The outcome of `future`, made into something else.
    pub(super) fn of(future: F, make: M) -> Outcome<F, M> {
        Outcome { future, make }
    }
}

impl<F: Future, M: FnMut(F::Output) -> T, T> Future for Outcome<F, M> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let outcome = self.project();
        outcome.future.poll(cx).map(outcome.make)
    }
}

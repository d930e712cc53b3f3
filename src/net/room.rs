//! How many connections a listener may have at once, over all its workers; may change while it listens.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// More than any machine has descriptors for; tokio counts what is taken back at once in 32 bits.
const MOST: usize = u32::MAX as usize >> 1;

/// The places of a listener's connections.
pub struct Room {
    places: Arc<Semaphore>,
    size: Mutex<usize>,
    most: usize,
}

impl Room {
    /// Room for so many.
    pub fn new(size: usize) -> Room {
        Room::within(MOST, size)
    }

    /// The same, and never for more than `most`, whatever size it is given.
    pub fn within(most: usize, size: usize) -> Room {
        let most = most.min(MOST);
        let size = size.min(most);
        Room {
            places: Arc::new(Semaphore::new(size)),
            size: Mutex::new(size),
            most,
        }
    }

    /// The places, to be held one by one as long as a connection lives.
    pub fn places(&self) -> Arc<Semaphore> {
        self.places.clone()
    }

    /// Makes room for so many from now on. No connection is closed: what is to go, goes as places are given back, before
    /// any new connection gets one; the future that comes back sees to it, and ends when it is done.
    pub fn resize(&self, size: usize) -> impl Future<Output = ()> + Send + use<> {
        let size = size.min(self.most);
        let mut now = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let surplus = now.saturating_sub(size);
        self.places.add_permits(size.saturating_sub(*now));
        *now = size;
        let places = self.places.clone();
        async move {
            // Whoever asks first is served first: connections that wait already go before, those to come do not.
            let surplus = u32::try_from(surplus).unwrap_or(u32::MAX);
            if let Ok(taken) = places.acquire_many_owned(surplus).await {
                taken.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests;

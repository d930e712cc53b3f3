//! A small request body that may be sent twice: it streams as any other, and what has passed is kept.
//!
//! Nothing waits for it to be whole. What is sent a second time begins with what was kept and goes on with what the
//! client is still sending; whoever was reading it before is cut off then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::{BodyCause, BodyFault, RequestBody, Streaming, Upload};

/// What is needed to send a body once more.
pub struct Replay(Source);

/// Where it is had from.
enum Source {
    /// It was read before it was sent.
    Whole(Bytes),
    /// It is still passing.
    Passing(Arc<Mutex<Copy>>),
}

/// What passed, and what is still to come.
struct Copy {
    frames: Vec<Bytes>,
    room: usize,
    overflowed: bool,
    ended: bool,
    rest: Streaming,
    /// Which reading it is that may go on.
    turn: u32,
}

/// One reading of it, from its beginning.
pub struct Reading {
    copy: Arc<Mutex<Copy>>,
    turn: u32,
    next: usize,
    told: Option<u64>,
    passed: u64,
    upload: Arc<Upload>,
}

impl Replay {
    pub(super) fn of(bytes: Bytes) -> Replay {
        Replay(Source::Whole(bytes))
    }

    pub(super) fn begin(body: Streaming, limit: usize) -> (Reading, Replay) {
        let told = body.told;
        let copy = Arc::new(Mutex::new(Copy {
            frames: Vec::new(),
            room: limit,
            overflowed: false,
            ended: false,
            rest: body,
            turn: 0,
        }));
        let replay = Replay(Source::Passing(copy.clone()));
        (Reading::new(copy, 0, told), replay)
    }

    /// The body from its beginning, if it is known to be small enough to be had whole.
    pub fn again(self) -> Option<RequestBody> {
        let copy = match self.0 {
            Source::Whole(bytes) => return Some(RequestBody::of(bytes)),
            Source::Passing(copy) => copy,
        };
        let (turn, told) = {
            let mut own = lock(&copy);
            if own.overflowed || !own.ended && own.rest.told.is_none() {
                return None;
            }
            own.turn += 1;
            (own.turn, own.rest.told)
        };
        Some(RequestBody::Kept(Reading::new(copy, turn, told)))
    }
}

impl Reading {
    fn new(copy: Arc<Mutex<Copy>>, turn: u32, told: Option<u64>) -> Reading {
        Reading {
            copy,
            turn,
            next: 0,
            told,
            passed: 0,
            upload: Arc::default(),
        }
    }

    pub(super) fn upload(&self) -> Arc<Upload> {
        self.upload.clone()
    }

    pub(super) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let copy = self.copy.clone();
        let mut copy = lock(&copy);
        if copy.turn != self.turn {
            return Poll::Ready(Some(Err(BodyFault(BodyCause::Broken))));
        }
        if let Some(frame) = copy.frames.get(self.next) {
            self.next += 1;
            let frame = frame.clone();
            return self.pass(frame, &copy);
        }
        match copy.rest.poll_data(cx) {
            Poll::Pending => {
                self.upload.lack();
                Poll::Pending
            }
            Poll::Ready(Some(Ok(frame))) => {
                let frame = frame.into_data().unwrap_or_default(); // data is all it gives
                self.next += usize::from(copy.keep(&frame));
                copy.ended |= copy.rest.incoming.is_end_stream();
                self.pass(frame, &copy)
            }
            Poll::Ready(Some(Err(fault))) => Poll::Ready(Some(Err(fault))),
            Poll::Ready(None) => {
                copy.ended = true;
                self.upload.complete();
                Poll::Ready(None)
            }
        }
    }

    fn pass(&mut self, frame: Bytes, copy: &Copy) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        self.passed += frame.len() as u64;
        match self.told == Some(self.passed) || self.at_end(copy) {
            true => self.upload.complete(), // nobody asks again after the last byte
            false => self.upload.hand(),
        }
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn at_end(&self, copy: &Copy) -> bool {
        self.next >= copy.frames.len() && (copy.ended || copy.rest.incoming.is_end_stream())
    }

    pub(super) fn is_end(&self) -> bool {
        self.at_end(&lock(&self.copy))
    }

    pub(super) fn left(&self) -> SizeHint {
        let left = self.told.map(|told| told.saturating_sub(self.passed));
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Copy {
    /// Keeps a frame if there is room for it; if there is none, what was kept is of no use any more.
    fn keep(&mut self, frame: &Bytes) -> bool {
        if self.overflowed {
            return false;
        }
        let Some(room) = self.room.checked_sub(frame.len()) else {
            self.overflowed = true;
            self.frames = Vec::new();
            return false;
        };
        self.room = room;
        self.frames.push(frame.clone());
        true
    }
}

fn lock(copy: &Mutex<Copy>) -> MutexGuard<'_, Copy> {
    // Every change to it is one that leaves it whole.
    copy.lock().unwrap_or_else(PoisonError::into_inner)
}

//! A request body that is read before anything is sent, for its hash is in the head: what a signature covers.
//!
//! Never more than the limit it is read with: whoever asks says what that is.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;

use super::{BodyCause, RequestBody, Upload};

/// What is left of it to be sent: all or nothing.
pub struct Whole {
    bytes: Bytes,
    upload: Arc<Upload>,
}

impl Whole {
    pub(super) fn new(bytes: Bytes) -> Whole {
        Whole {
            bytes,
            upload: Arc::default(),
        }
    }

    /// Its bytes, as long as they have not been sent.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn upload(&self) -> Arc<Upload> {
        self.upload.clone()
    }

    pub(super) fn take(&mut self) -> Option<Frame<Bytes>> {
        self.upload.complete();
        let bytes = std::mem::take(&mut self.bytes);
        (!bytes.is_empty()).then(|| Frame::data(bytes))
    }
}

impl RequestBody {
    /// The same body, read to its end. One of more than `limit` bytes is refused as soon as that shows.
    pub async fn read_whole(mut self, limit: usize) -> Result<RequestBody, BodyCause> {
        if let RequestBody::Streaming(body) = &self
            && body.told.is_some_and(|told| told > limit as u64)
        {
            return Err(BodyCause::TooLarge);
        }
        let mut bytes = Vec::new();
        while let Some(frame) = self.frame().await {
            let data = frame.map_err(|fault| fault.0)?.into_data();
            let data = data.unwrap_or_default(); // data is all it gives
            if bytes.len() + data.len() > limit {
                return Err(BodyCause::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(RequestBody::of(bytes.into()))
    }

    pub(super) fn of(bytes: Bytes) -> RequestBody {
        match bytes.is_empty() {
            true => RequestBody::Empty,
            false => RequestBody::Whole(Whole::new(bytes)),
        }
    }
}

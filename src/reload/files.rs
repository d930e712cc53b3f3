//! The files of a configuration: read at most once each for one load, and known again by their contents.
//!
//! Contents are compared, never times or events: that holds for ConfigMaps (whose `..data` link is flipped), network file
//! systems and editors alike. That a file is missing, or can't be read, is a state like any other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

/// The most bytes a configuration may have. Of a larger file (Q01: 100 MB) no more than one byte beyond is ever read.
pub(super) const LARGEST: usize = 4 << 20;

/// What a file is, as far as a change of it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Print {
    /// The SHA-256 of its contents.
    Contents([u8; 32]),
    /// Why it can't be read.
    Fault(io::ErrorKind),
}

/// What every file was at one time.
pub(super) type Sighting = BTreeMap<PathBuf, Print>;

/// The files as one load sees them: each is read when it is first asked for, and stays as it was then, so that no two
/// parts of a configuration are made from two versions of one file. Contents are wiped from memory in the end.
#[derive(Default)]
pub struct Reading {
    files: RefCell<BTreeMap<PathBuf, Contents>>,
    again: bool,
}

type Contents = Result<Zeroizing<Vec<u8>>, io::ErrorKind>;

impl Reading {
    /// A further reading. What is no regular file (a pipe, as of `<(…)`) had its contents read by the first one, and to
    /// open it is to wait for its other end: here it can't be read.
    pub(super) fn again() -> Reading {
        Reading {
            again: true,
            ..Reading::default()
        }
    }

    /// The contents of a file, cut off after one byte more than a configuration may have.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut files = self.files.borrow_mut();
        if let Some(known) = files.get(path) {
            return match known {
                Ok(bytes) => Ok(bytes.to_vec()),
                Err(kind) => Err((*kind).into()),
            };
        }
        let read = match self.again && is_stream(path) {
            true => Err(io::ErrorKind::Unsupported.into()),
            false => read(path),
        };
        let kept = match &read {
            Ok(bytes) => Ok(Zeroizing::new(bytes.clone())),
            Err(error) => Err(error.kind()),
        };
        files.insert(path.to_owned(), kept);
        read
    }

    /// What the files were. Of `named` those count too that were never asked for, as they are now. What the
    /// first reading had from a pipe is not watched.
    pub(super) fn sighting(&self, named: &[PathBuf]) -> Sighting {
        let files = self.files.borrow();
        let read = files.iter().map(|(path, read)| {
            let print = match read {
                Ok(bytes) => Print::Contents(sha256(bytes)),
                Err(kind) => Print::Fault(*kind),
            };
            (path.clone(), print)
        });
        let unread = named.iter().filter(|path| !files.contains_key(*path));
        read.chain(unread.map(|path| (path.clone(), print(path))))
            .filter(|(path, _)| self.again || !is_stream(path))
            .collect()
    }
}

/// What a file is now.
pub(super) fn print(path: &Path) -> Print {
    match is_stream(path) {
        true => Print::Fault(io::ErrorKind::Unsupported),
        false => match read(path) {
            Ok(bytes) => Print::Contents(sha256(&Zeroizing::new(bytes))),
            Err(error) => Print::Fault(error.kind()),
        },
    }
}

/// Whether this is something that gives its contents once: a pipe, a terminal, a socket.
pub(super) fn is_stream(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// The contents, cut off after one byte more than is ever needed.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut print = [0; 32];
    print.copy_from_slice(digest(&SHA256, bytes).as_ref());
    print
}

//! Where the configuration comes from, and the one way to load it: for `run`, for `check`, and for every reload.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::files::{self, LARGEST, Reading};
use crate::config::{self, Config, Faults, Surroundings};

/// The value of an environment variable.
pub type Env = fn(&str) -> Option<String>;

/// Where the configuration comes from.
#[derive(Clone)]
pub struct Origin {
    name: String,
    text: Text,
    env: Env,
}

#[derive(Clone)]
enum Text {
    File(PathBuf),
    Fixed(String),
}

/// A configuration that is good as far as its text and files go, and what was read for it.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The files, as they were.
    pub reading: Reading,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    /// Its file can't be read.
    #[error("can't read {0}: {1}")]
    Unreadable(String, io::Error),
    /// Its file can't be meant.
    #[error("can't read {0}: it is larger than 4 MiB")]
    TooLarge(String),
    /// It is wrong.
    #[error(transparent)]
    Faults(#[from] Faults),
}

impl Origin {
    /// A file, looked for under its path each time. What is no regular file (a pipe, as of `<(…)`) gives its text once:
    /// that is taken now.
    pub fn file(path: PathBuf, env: Env) -> Origin {
        let name = path.display().to_string();
        let whole = |bytes: Vec<u8>| {
            String::from_utf8(bytes)
                .ok()
                .filter(|text| text.len() <= LARGEST)
        };
        let text = match files::is_stream(&path) {
            true => files::read(&path).ok().and_then(whole),
            false => None,
        };
        let text = text.map_or(Text::File(path), Text::Fixed);
        Origin { name, text, env }
    }

    /// A text that stays as it is, and how diagnostics call it.
    pub fn text(name: &str, text: String, env: Env) -> Origin {
        Origin {
            name: name.to_owned(),
            text: Text::Fixed(text),
            env,
        }
    }

    /// Loads the configuration and every file it names.
    pub fn load(&self) -> Result<Loaded, LoadFault> {
        let reading = Reading::default();
        let config = self.load_from(&reading)?;
        Ok(Loaded { config, reading })
    }

    /// The same, so that what was read is known whatever comes of it.
    pub(super) fn load_from(&self, reading: &Reading) -> Result<Config, LoadFault> {
        let text = self.read(reading)?;
        let surroundings = Surroundings {
            env: &self.env,
            read: &|path| reading.read(path),
        };
        Ok(config::load(&self.name, &text, &surroundings)?)
    }

    /// Where the admin listener of a sidecar that runs with this should be, whether the rest of it is good or not.
    pub fn admin(&self) -> SocketAddr {
        let text = self.read(&Reading::default()).unwrap_or_default();
        config::admin(&text, &self.env)
    }

    fn read(&self, reading: &Reading) -> Result<String, LoadFault> {
        let path = match &self.text {
            Text::Fixed(text) => return Ok(text.clone()),
            Text::File(path) => path,
        };
        let unreadable = |error| LoadFault::Unreadable(self.name.clone(), error);
        let bytes = reading.read(path).map_err(unreadable)?;
        if bytes.len() > LARGEST {
            return Err(LoadFault::TooLarge(self.name.clone()));
        }
        String::from_utf8(bytes).map_err(|_| {
            unreadable(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is not UTF-8",
            ))
        })
    }
}

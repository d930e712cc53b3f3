//! Writes the seeds of every target into a folder each: `seeds FOLDER`.

use std::path::Path;
use std::{env, fs, io};

use portcullis_fuzz::{authorization, configuration, head, jwks, path, session, token};

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).unwrap_or_else(|| "corpus".to_owned());
    for (target, seeds) in [
        ("authorization", authorization::seeds()),
        ("configuration", configuration::seeds()),
        ("head", head::seeds()),
        ("jwks", jwks::seeds()),
        ("path", path::seeds()),
        ("session", session::seeds()),
        ("token", token::seeds()),
    ] {
        let folder = Path::new(&folder).join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}

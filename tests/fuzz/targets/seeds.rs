//! Where a target begins: its seeds are written into the folder that `SEEDS` names, before libFuzzer reads it.

use std::{env, fs, path::Path};

/// Plants the seeds, if they are asked for.
pub fn plant(seeds: fn() -> Vec<Vec<u8>>) {
    let Some(folder) = env::var_os("SEEDS") else {
        return;
    };
    for (number, seed) in seeds().iter().enumerate() {
        let file = Path::new(&folder).join(format!("seed-{number:03}"));
        fs::write(file, seed).expect("seeds can be written");
    }
}

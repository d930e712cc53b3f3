//! The house rules that a compiler does not know: layers, homes of crates, heads, sizes, names, and words in the docs.
//!
//! One package has no crate walls, so this reads `src` in their place. A rule that must give way gives way here, in a table,
//! with its reason beside it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use portcullis::reason::Reason;

use crate::support::{Rig, get};

/// Every module at the top of `src`, by layer: a file imports from its own layer or a lower one.
const LAYERS: [&[&str]; 9] = [
    &["reason", "refusal", "clock", "secret"],
    &["policy", "token", "identity", "session", "http"],
    &["config", "telemetry"],
    &[
        "ready",
        "drain",
        "export",
        "pool",
        "credential",
        "fetch",
        "front",
        "upstream",
        "outbound",
        "net",
    ],
    &["snapshot", "reload"],
    &["gate", "courier", "admin"],
    &["demo"],
    &["app"],
    &["cli", "lib", "main", "threats"],
];

/// The three fronts know nothing of each other.
const FRONTS: [&str; 3] = ["gate", "courier", "admin"];

/// Where a crate, or something of the machine, is at home. Nobody else names it.
const HOMES: [(&str, &[&str]); 13] = [
    ("jsonwebtoken::", &["token/verify", "token/keys", "demo"]),
    ("reqwest::", &["fetch"]),
    (
        "hyper::",
        &[
            "net", "upstream", "front", "gate", "courier", "admin", "demo",
        ],
    ),
    (
        "hyper_util::",
        &[
            "net", "upstream", "front", "gate", "courier", "admin", "demo",
        ],
    ),
    ("prometheus::", &["telemetry/metrics"]),
    ("toml::", &["config"]),
    ("arc_swap::", &["snapshot", "pool/keyring", "credential"]),
    ("clap::", &["cli"]),
    ("rustix::", &["net/descriptors"]),
    ("SystemTime::now", &["clock"]),
    ("std::env", &["cli", "config/interpolate"]),
    // A spawned task needs a plain owner: the process, a listener, a pool, an upstream's connection, the demo.
    (
        "tokio::spawn",
        &[
            "app",
            "net/listen",
            "net/pace", // a stream's task is its connection's
            "pool/refresh",
            "upstream",
            "credential",
            "reload",
            "demo",
        ],
    ),
    ("println!", &["cli"]),
];

/// What the pure core does not do.
const IMPURE: [&str; 8] = [
    "async ",
    ".await",
    "tokio::",
    "hyper::",
    "tracing::",
    "Instant::now",
    "std::fs",
    "std::net::Tcp",
];

/// Crates that the words of layer 0 may use.
const WORDS_USE: [&str; 4] = ["std::", "crate::", "super::", "zeroize::"];

const HEAD_LINES: usize = 12;
const FILE_LINES: usize = 400;
const TEST_LINES: usize = 800;
const FUNCTION_LINES: usize = 60;

/// Files that may be longer. Empty, and meant to stay so.
const LONGER: [&str; 0] = [];
/// The map of the whole house may take more lines at its top.
const MAP: &str = "lib.rs";
/// Functions that are tables: rows for each reason, a row for each metric.
const TABLES: [&str; 3] = [
    "reason.rs: fn row",
    "reason/hint.rs: fn hint",
    "telemetry/metrics.rs: fn new",
];

/// One source file.
pub struct Source {
    /// Its path below `src` or `tests`.
    pub path: String,
    pub text: String,
    /// Whether it is compiled for tests alone.
    pub test: bool,
}

impl Source {
    /// The module at the top of `src` that it belongs to.
    fn top(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or("");
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// Its path as a module: `token/verify/rules`.
    fn module(&self) -> &str {
        self.path.strip_suffix(".rs").unwrap_or(&self.path)
    }

    pub fn is_in(&self, home: &str) -> bool {
        self.module()
            .strip_prefix(home)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Its lines with their numbers, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self
            .text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line));
        lines
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(number, line)| {
                (
                    number,
                    line.split_once(" // ").map_or(line, |(code, _)| code),
                )
            })
    }
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder whose name ends so.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub fn sources(folder: &str) -> Vec<Source> {
    let base = root().join(folder);
    let mut sources: Vec<Source> = files(&base, ".rs")
        .into_iter()
        .map(|path| Source {
            path: path
                .strip_prefix(&base)
                .expect("a file below its folder")
                .display()
                .to_string(),
            text: read(&path),
            test: folder == "tests",
        })
        .collect();
    assert!(!sources.is_empty());
    let tests: Vec<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        source.test |= tests.iter().any(|module| source.is_in(module));
    }
    sources
}

/// The modules that a file declares for tests alone, as paths.
fn test_modules(source: &Source) -> Vec<String> {
    let folder = source.module().trim_start_matches("lib");
    let mut modules = Vec::new();
    let mut lines = source.text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            continue;
        }
        let declared = lines
            .by_ref()
            .find(|line| !line.trim_start().starts_with("#["));
        let name = declared.and_then(|line| line.trim().strip_suffix(';')?.split_once("mod "));
        if let Some((_, name)) = name {
            modules.push(
                format!("{folder}/{name}")
                    .trim_start_matches('/')
                    .to_owned(),
            );
        }
    }
    modules
}

fn layer(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| layer.contains(&module))
        .unwrap_or_else(|| panic!("{module} has no layer: give it one in tests/it/tidy.rs"))
}

/// Fails with all faults at once.
pub fn none(faults: Vec<String>) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// The modules that a line imports or names: what follows `crate::`, and each of `crate::{…}`.
fn imported(line: &str) -> Vec<&str> {
    let names = |text: &'static str| {
        move |line: &'_ str| {
            line.match_indices(text)
                .map(|(at, _)| at + text.len())
                .collect::<Vec<_>>()
        }
    };
    let word = |text: &'_ str| {
        text.find(|char: char| !char.is_alphanumeric() && char != '_')
            .unwrap_or(text.len())
    };
    let mut found = Vec::new();
    for at in names("crate::")(line) {
        let rest = &line[at..];
        match rest.strip_prefix('{') {
            None => found.push(&rest[..word(rest)]),
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (index, char) in list.char_indices() {
                    match char {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        _ if start && char.is_alphabetic() => {
                            found.push(&list[index..index + word(&list[index..])]);
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found.retain(|name| name.starts_with(|char: char| char.is_ascii_lowercase()));
    found
}

#[test]
fn a_file_imports_from_its_own_layer_or_a_lower_one() {
    let mut faults = Vec::new();
    for source in sources("src").iter().filter(|source| !source.test) {
        let own = source.top();
        for (number, line) in source.code() {
            for other in imported(line) {
                if layer(other) > layer(own) {
                    faults.push(format!(
                        "src/{}:{number}: {own} imports {other}, which is above it",
                        source.path
                    ));
                }
                if other != own && FRONTS.contains(&other) && FRONTS.contains(&own) {
                    faults.push(format!(
                        "src/{}:{number}: {own} imports {other}, another front",
                        source.path
                    ));
                }
            }
        }
    }
    none(faults);
}

#[test]
fn every_crate_has_one_home() {
    let mut faults = Vec::new();
    for source in sources("src").iter().filter(|source| !source.test) {
        for (number, line) in source.code() {
            for (name, homes) in HOMES {
                let named = line.match_indices(name).any(|(at, _)| {
                    !line[..at].ends_with(|char: char| char.is_alphanumeric() || char == '_')
                });
                if named && !homes.iter().any(|home| source.is_in(home)) {
                    faults.push(format!(
                        "src/{}:{number}: {name} is at home in {homes:?}",
                        source.path
                    ));
                }
            }
        }
    }
    none(faults);
}

#[test]
fn the_core_is_pure() {
    let mut faults = Vec::new();
    for source in sources("src")
        .iter()
        .filter(|source| !source.test && layer(source.top()) < 2)
    {
        for (number, line) in source.code() {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                faults.push(format!(
                    "src/{}:{number}: {word} in the pure core",
                    source.path
                ));
            }
            let outside = line
                .trim_start()
                .strip_prefix("use ")
                .filter(|_| layer(source.top()) == 0);
            if outside
                .is_some_and(|path| !WORDS_USE.iter().any(|allowed| path.starts_with(allowed)))
            {
                faults.push(format!(
                    "src/{}:{number}: a word of layer 0 needs std alone",
                    source.path
                ));
            }
        }
    }
    none(faults);
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let mut faults = Vec::new();
    for folder in ["src", "tests"] {
        for source in sources(folder) {
            let head = source
                .text
                .lines()
                .take_while(|line| line.starts_with("//!"))
                .count();
            if head == 0 || (head > HEAD_LINES && source.path != MAP) {
                faults.push(format!(
                    "{folder}/{}: {head} lines of //! at its top",
                    source.path
                ));
            }
            if source.path.ends_with("/mod.rs") {
                faults.push(format!(
                    "{folder}/{}: foo.rs and foo/, never mod.rs",
                    source.path
                ));
            }
        }
    }
    none(faults);
}

#[test]
fn files_and_functions_stay_short() {
    let mut faults = Vec::new();
    for folder in ["src", "tests"] {
        for source in sources(folder) {
            let limit = if source.test { TEST_LINES } else { FILE_LINES };
            let lines = source.text.lines().count();
            if lines > limit && !LONGER.contains(&source.path.as_str()) {
                faults.push(format!(
                    "{folder}/{}: {lines} lines, of {limit}",
                    source.path
                ));
            }
            if !source.test {
                faults.extend(long_functions(&source));
            }
        }
    }
    none(faults);
}

/// Functions over the limit. rustfmt puts the closing brace right below where its line began.
fn long_functions(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let is_function = |line: &str| {
        let line = line.trim_start();
        let bare = line.strip_prefix("pub").map_or(line, |rest| {
            rest.split_once(' ').map_or(rest, |(_, rest)| rest)
        });
        ["fn ", "const fn ", "async fn "]
            .iter()
            .any(|start| bare.starts_with(start))
    };
    let mut found = Vec::new();
    for (index, line) in lines
        .iter()
        .enumerate()
        .filter(|(_, line)| is_function(line))
    {
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        let length = lines[index..]
            .iter()
            .position(|line| *line == end)
            .map_or(1, |end| end + 1);
        let body = lines[index..]
            .iter()
            .take(length)
            .position(|line| line.ends_with('{'));
        let is_table = TABLES.iter().any(|table| {
            table.split_once(": ").is_some_and(|(file, name)| {
                source.path == file && line.contains(&format!("{name}("))
            })
        });
        if body.is_some() && length > FUNCTION_LINES && !is_table {
            found.push(format!(
                "src/{}:{}: a function of {length} lines",
                source.path,
                index + 1
            ));
        }
    }
    found
}

#[test]
fn nothing_is_unwrapped_outside_tests() {
    let mut faults = Vec::new();
    for source in sources("src").iter().filter(|source| !source.test) {
        for (number, line) in source.code() {
            for word in [".unwrap()", "todo!(", "unimplemented!(", "dbg!(", "panic!("] {
                if line.contains(word) {
                    faults.push(format!("src/{}:{number}: {word}", source.path));
                }
            }
        }
    }
    none(faults);
}

#[test]
fn names_say_what_they_name() {
    const VERBS: [&str; 4] = ["get_", "process_", "handle_", "do_"];
    const NOUNS: [&str; 5] = ["Manager", "Context", "Info", "Data", "Helper"];
    const FILES: [&str; 5] = ["util", "utils", "helper", "helpers", "common"];
    let mut faults = Vec::new();
    for source in sources("src") {
        let module = source.module().rsplit('/').next().unwrap_or("");
        if FILES.contains(&module) {
            faults.push(format!("src/{}: {module} says nothing", source.path));
        }
        for (number, line) in source.code() {
            let declared = |keyword: &str| {
                let rest = line
                    .trim_start()
                    .trim_start_matches("pub ")
                    .trim_start_matches("pub(crate) ");
                let rest = rest
                    .trim_start_matches("pub(super) ")
                    .trim_start_matches("async ")
                    .trim_start_matches("const ");
                let name = rest.strip_prefix(keyword)?;
                Some(
                    name.split(|char: char| !char.is_alphanumeric() && char != '_')
                        .next()
                        .unwrap_or("")
                        .to_owned(),
                )
            };
            if let Some(name) =
                declared("fn ").filter(|name| VERBS.iter().any(|verb| name.starts_with(verb)))
            {
                faults.push(format!("src/{}:{number}: fn {name}", source.path));
            }
            for keyword in ["struct ", "enum ", "trait "] {
                if let Some(name) =
                    declared(keyword).filter(|name| NOUNS.iter().any(|noun| name.ends_with(noun)))
                {
                    faults.push(format!("src/{}:{number}: {keyword}{name}", source.path));
                }
            }
        }
    }
    none(faults);
}

/// Everything a user reads.
fn documentation() -> String {
    let mut pages = files(&root().join("docs"), ".md");
    pages.extend(["README.md", "config.example.toml"].map(|name| root().join(name)));
    pages.iter().map(|path| read(path)).collect()
}

/// The text of all tests.
fn tests() -> String {
    let of = |folder| {
        sources(folder)
            .into_iter()
            .filter(|source| source.test)
            .map(|source| source.text)
    };
    of("tests").chain(of("src")).collect()
}

/// Whether a word stands in a text by itself.
fn has_word(text: &str, word: &str) -> bool {
    let part = |char: char| char.is_alphanumeric() || char == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

fn are_told(words: &BTreeSet<String>, tested: bool) {
    let (documentation, tests) = (documentation(), tests());
    let mut faults = Vec::new();
    for word in words {
        if !has_word(&documentation, word) {
            faults.push(format!("{word} is in no page of the documentation"));
        }
        if tested && !has_word(&tests, word) {
            faults.push(format!("{word} is in no test"));
        }
    }
    none(faults);
}

#[test]
fn every_reason_is_documented_and_tested() {
    are_told(
        &Reason::ALL.map(|reason| reason.as_str().to_owned()).into(),
        true,
    );
}

#[test]
fn every_metric_is_documented_and_tested() {
    let rig = Rig::standard();
    let metrics = get("/metrics").send(rig.gate.admin).text();
    let names = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE portcullis_")?.split(' ').next());
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    assert!(names.len() > 10);
    // Told with or without the prefix that all of them have.
    let told = documentation().replace("portcullis_", "") + &tests().replace("portcullis_", "");
    let missing: Vec<&String> = names.iter().filter(|name| !has_word(&told, name)).collect();
    assert_eq!(
        missing,
        Vec::<&String>::new(),
        "in no page of the documentation, or in no test"
    );
    let documentation = documentation().replace("portcullis_", "");
    none(
        names
            .iter()
            .filter(|name| !has_word(&documentation, name))
            .map(|name| format!("{name} is not documented"))
            .collect(),
    );
}

#[test]
fn every_configuration_key_is_in_the_example() {
    let mut keys = BTreeSet::new();
    for source in sources("src")
        .iter()
        .filter(|source| !source.test && source.is_in("config/check"))
    {
        let code: String = source.text.split_whitespace().collect();
        for call in [".take(\"", ".or(\"", ".optional(\"", ".required(\""] {
            keys.extend(code.match_indices(call).filter_map(|(at, _)| {
                code[at + call.len()..].split('"').next().map(str::to_owned)
            }));
        }
    }
    assert!(keys.len() > 40, "{keys:?}");
    let example = read(&root().join("config.example.toml"));
    none(
        keys.iter()
            .filter(|key| !has_word(&example, key))
            .map(|key| format!("{key} is not in the example"))
            .collect(),
    );
}

/// The ids that a test's name begins with: `s09_s12_no_other_upgrade_passes` holds S09 and S12.
fn ids(name: &str) -> impl Iterator<Item = String> {
    name.split('_')
        .take_while(|part| {
            let (letter, number) = part.split_at_checked(1).unwrap_or_default();
            "jckphsrlxq".contains(letter) && number.len() == 2 && number.parse::<u8>().is_ok()
        })
        .map(str::to_uppercase)
}

/// Every id of a known attack that a test carries, with the place of that test as the table of attacks names it.
fn held() -> BTreeSet<(String, String)> {
    let mut held = BTreeSet::new();
    let mut note = |place: &str, text: &str, keyword: &str| {
        for rest in text.split(keyword).skip(1) {
            let name = rest.split('(').next().unwrap_or("");
            held.extend(ids(name).map(|id| (id, place.to_owned())));
        }
    };
    for source in sources("src") {
        note(&source.module().replace('/', "::"), &source.text, "fn ");
    }
    for source in sources("tests") {
        let place = source.module().replacen("it/", "tests/", 1);
        note(&place, &source.text, "fn ");
    }
    for path in files(&root().join("tests/interop"), ".py") {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let place = format!("interop/{}", name.trim_start_matches("test_"));
        note(&place, &read(&path), "def test_");
    }
    held
}

/// The id of a row of the table of attacks, and where it is held.
fn attack(line: &str) -> Option<(String, &str)> {
    let mut cells = line.strip_prefix("//! | ")?.split(" | ");
    let id = cells.next()?;
    let places = cells.nth(1)?.trim_end_matches(" |");
    (ids(&id.to_lowercase()).count() == 1).then(|| (id.to_owned(), places))
}

#[test]
fn every_known_attack_is_in_the_table_and_held_where_that_says() {
    let table = read(&root().join("src/threats.rs"));
    let rows: Vec<(String, &str)> = table.lines().filter_map(attack).collect();
    let known: BTreeSet<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    let tested = rows
        .iter()
        .filter(|(_, places)| !places.starts_with("not tested: "));
    let places = tested.flat_map(|(id, places)| {
        let places = places.split(", ").map(|place| place.trim_matches('`'));
        places.map(|place| (id.clone(), place.to_owned()))
    });
    let listed: BTreeSet<(String, String)> = places.collect();
    let held = held();
    assert!(listed.len() > 100 && held.len() > 100);
    let mut faults: Vec<String> = listed
        .difference(&held)
        .map(|(id, place)| format!("{id} is not held in {place}: no test there has that id"))
        .collect();
    let missing = held.iter().filter(|(id, _)| !known.contains(id.as_str()));
    faults.extend(missing.map(|(id, place)| format!("{id} of {place} is not in src/threats.rs")));
    let told = read(&root().join("docs/security.md"));
    for id in &known {
        let (kind, number) = id.split_at(1);
        let before = format!("{kind}{:02}", number.parse::<u8>().unwrap() - 1);
        if !before.ends_with("00") && !known.contains(before.as_str()) {
            faults.push(format!("{before} is left out of src/threats.rs"));
        }
        if !told.contains(&format!("| {kind} |\n")) {
            faults.push(format!("docs/security.md says nothing of {kind}"));
        }
    }
    none(faults);
}

//! State files on a real disk.

use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("portcullis-state-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_rotated_token_comes_back_for_the_configured_one_it_descends_from() {
    let folder = folder("descends");
    let state = StateFile::new(folder.join("state"));
    assert!(state.load(&secret("configured")).is_none());
    state
        .store(&secret("rotated"), &secret("configured"))
        .unwrap();
    assert!(state.load(&secret("configured")) == Some(secret("rotated")));
    // A token configured anew goes before all that the old one became.
    assert!(state.load(&secret("configured anew")).is_none());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn x16_the_file_is_for_us_alone_and_replaced_whole() {
    let folder = folder("mode");
    let path = folder.join("state");
    // What an earlier crash, or somebody else, left there with another mode.
    std::fs::write(&path, "{}").unwrap();
    std::fs::write(folder.join("state.new"), "half").unwrap();
    let state = StateFile::new(path.clone());
    state.store(&secret("one"), &secret("configured")).unwrap();
    state.store(&secret("two"), &secret("configured")).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("two") && !text.contains("configured"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_broken_file_is_no_state() {
    let folder = folder("broken");
    let path = folder.join("state");
    let state = StateFile::new(path.clone());
    for text in [
        "",
        "{",
        "[]",
        "{\"from\":1}",
        "{\"from\":\"x\",\"refresh_token\":\"y\"}",
    ] {
        std::fs::write(&path, text).unwrap();
        assert!(state.load(&secret("configured")).is_none(), "{text}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

//! The workflows of the forge: a defect in one would show only after it was pushed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{peer, run};

fn workflows() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let files = fs::read_dir(folder).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    files
}

#[test]
fn workflows_fit_the_schema_of_the_forge() {
    let Some(python) = peer("python") else { return };
    run(Command::new(python)
        .args(["-m", "check_jsonschema", "--builtin-schema"])
        .arg("vendor.github-workflows")
        .args(workflows()))
    .exits(0);
}

/// A tag can be moved to other code, a hash cannot. The jobs get only the rights that they name.
#[test]
fn actions_are_pinned_and_rights_are_named() {
    for file in workflows() {
        let text = fs::read_to_string(&file).unwrap();
        let uses = text.lines().filter_map(|line| line.split_once("uses: "));
        for (_, action) in uses {
            let (_, version) = action.split_once('@').unwrap();
            let hash: String = version
                .chars()
                .take_while(char::is_ascii_hexdigit)
                .collect();
            assert_eq!(hash.len(), 40, "{}: {action}", file.display());
        }
        assert!(text.contains("\npermissions: {}\n"), "{}", file.display());
    }
}

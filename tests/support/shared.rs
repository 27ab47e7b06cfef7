//! Trees that are made once per process and then only read or copied.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use super::{
    run::{pki, run},
    tree::{FLAGS, TestTree, copy},
};

/// Returns the tree with that algorithm, made at the current time, for programs that read the clock.
pub(crate) fn shared_tree(algorithm: &str) -> &'static TestTree {
    shared(algorithm, |folder| make(folder, algorithm, None))
}

/// Returns a copy of that tree in which everything was renewed once.
pub(crate) fn renewed_tree(algorithm: &str) -> &'static TestTree {
    shared(&format!("{algorithm}-renewed"), |folder| {
        copy(
            &shared_tree(algorithm).path(""),
            &folder.join("etc/kubernetes"),
        );
        run(pki().args(["renew", "all", "--rootfs"]).arg(folder)).ok();
    })
}

/// Returns the tree of ECDSA keys made at `now`; `name` tells clusters apart that are made of the same flags.
pub(super) fn made_tree(name: &str, now: &str) -> &'static TestTree {
    shared(name, |folder| make(folder, "ECDSA-P256", Some(now)))
}

fn make(folder: &Path, algorithm: &str, now: Option<&str>) {
    let mut command = pki();
    command.arg("init").arg("--rootfs").arg(folder).args(FLAGS);
    command.args(["--encryption-algorithm", algorithm]);
    if let Some(now) = now {
        command.args(["--now", now]);
    }
    run(&mut command).ok();
}

/// Returns the shared tree of that name; the first caller makes it.
fn shared(name: &str, make: impl FnOnce(&Path)) -> &'static TestTree {
    static TREES: Mutex<BTreeMap<String, Arc<OnceLock<TestTree>>>> = Mutex::new(BTreeMap::new());
    // The lock is not held while a tree is made: tests with another one need not wait.
    let slot = Arc::clone(TREES.lock().unwrap().entry(name.to_owned()).or_default());
    // It lives as long as the process.
    let slot: &'static OnceLock<TestTree> = Box::leak(Box::new(slot));
    slot.get_or_init(|| {
        let folder = shared_folder().join(name);
        // May be there: after a failure the next test tries again, and reports the same.
        fs::create_dir_all(&folder).unwrap();
        make(&folder);
        TestTree::at(folder)
    })
}

/// Makes this process's folder for shared trees, after removing those of processes that have ended.
fn shared_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trees");
        fs::create_dir_all(&parent).unwrap();
        for entry in fs::read_dir(&parent).unwrap() {
            let entry = entry.unwrap();
            if !Path::new("/proc").join(entry.file_name()).exists() {
                // Another process may be removing the same one.
                drop(fs::remove_dir_all(entry.path()));
            }
        }
        let folder = parent.join(std::process::id().to_string());
        drop(fs::remove_dir_all(&folder));
        fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        folder
    })
}

//! Trees made by `pki init`: one for each algorithm, made once and only read by tests, and fresh ones.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use tempfile::{NamedTempFile, TempDir};

use super::process::{Run, pki, run};

/// The configuration of every shared tree: a name and an address of each kind.
const FLAGS: [&str; 10] = [
    "--node-name",
    "cp-1",
    "--apiserver-advertise-address",
    "192.0.2.11",
    "--control-plane-endpoint",
    "api.example.net:6443",
    "--apiserver-cert-extra-sans",
    "*.apps.example.net,2001:db8::7",
    "--service-dns-domain",
    "k8s.example.net",
];

/// A folder with a tree in `etc/kubernetes`.
pub(crate) struct Tree {
    folder: PathBuf,
    /// Removes the folder; shared trees are removed by a later process instead.
    _temporary: Option<TempDir>,
}

impl Tree {
    /// Makes a tree of its own for one test.
    pub(crate) fn fresh(arguments: &[&str]) -> Tree {
        let temporary = TempDir::new().unwrap();
        init(temporary.path(), arguments).ok();
        Tree {
            folder: temporary.path().to_owned(),
            _temporary: Some(temporary),
        }
    }

    /// Returns what to call it in messages.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        self.folder.file_name().unwrap().to_string_lossy()
    }

    /// Returns the argument of `--rootfs`.
    pub(crate) fn rootfs(&self) -> &Path {
        &self.folder
    }

    /// Returns the folder of the kubeconfigs.
    pub(crate) fn kubeconfigs(&self) -> PathBuf {
        self.folder.join("etc/kubernetes")
    }

    /// Returns a file in the folder of certificates.
    pub(crate) fn pki(&self, name: &str) -> PathBuf {
        self.folder.join("etc/kubernetes/pki").join(name)
    }

    /// Returns where the certificate, key and CA of a kubeconfig lie as files, outside the tree.
    pub(crate) fn unpacked(&self, kubeconfig: &str) -> [PathBuf; 3] {
        let folder = self.folder.join("unpacked");
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&folder)
            .unwrap();
        let text = fs::read_to_string(self.kubeconfigs().join(kubeconfig)).unwrap();
        [
            ("client-certificate-data", "crt"),
            ("client-key-data", "key"),
            ("certificate-authority-data", "ca"),
        ]
        .map(|(field, extension)| {
            let path = folder.join(format!("{kubeconfig}.{extension}"));
            // By renaming: other tests may be reading the same file of a shared tree.
            let mut file = NamedTempFile::new_in(&folder).unwrap();
            file.write_all(&decode_field(&text, field)).unwrap();
            file.persist(&path).unwrap();
            path
        })
    }
}

/// Returns the bytes of the one field of that name in a kubeconfig.
fn decode_field(kubeconfig: &str, field: &str) -> Vec<u8> {
    let values: Vec<_> = kubeconfig
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix(field)?.strip_prefix(": "))
        .collect();
    assert_eq!(values.len(), 1, "{field} should be there once");
    STANDARD.decode(values[0].trim()).unwrap()
}

/// Runs `pki init` on the tree in `rootfs`.
fn init(rootfs: &Path, arguments: &[&str]) -> Run {
    run(pki()
        .arg("init")
        .arg("--rootfs")
        .arg(rootfs)
        .args(arguments))
}

/// Returns the tree with that algorithm; all tests of this process share it.
pub(crate) fn tree(algorithm: &str) -> &'static Tree {
    shared(algorithm, |folder| make(folder, algorithm))
}

/// Returns the tree with that algorithm in which everything was renewed once; all tests of this process share it.
pub(crate) fn renewed_tree(algorithm: &str) -> &'static Tree {
    shared(&format!("{algorithm}-renewed"), |folder| {
        make(folder, algorithm);
        run(pki().args(["renew", "all", "--rootfs"]).arg(folder)).ok();
    })
}

fn make(folder: &Path, algorithm: &str) {
    init(
        folder,
        &[&FLAGS[..], &["--encryption-algorithm", algorithm]].concat(),
    )
    .ok();
}

/// Returns the shared tree of that name; whoever asks first makes it.
fn shared(name: &str, make: impl FnOnce(&Path)) -> &'static Tree {
    static TREES: Mutex<BTreeMap<String, Arc<OnceLock<Tree>>>> = Mutex::new(BTreeMap::new());
    // The lock is not held while a tree is made: tests with another one need not wait.
    let slot = Arc::clone(TREES.lock().unwrap().entry(name.to_owned()).or_default());
    // It lives as long as the process.
    let slot: &'static OnceLock<Tree> = Box::leak(Box::new(slot));
    slot.get_or_init(|| {
        let folder = shared_folder().join(name);
        // May be there: after a failure the next test tries again, and reports the same.
        fs::create_dir_all(&folder).unwrap();
        make(&folder);
        Tree {
            folder,
            _temporary: None,
        }
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

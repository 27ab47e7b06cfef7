//! `pki`'s own state: journals, manifests of generations, the recorded configuration and the ledger.
//!
//! The first byte selects the file that the other bytes are written to, in a small tree. Commands that read must change
//! nothing and read nothing outside the tree. Recovery may only change files that belong to a tree or to `pki`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::rc::Rc;
use std::sync::LazyLock;

use pki::catalog::CATALOG;
use pki::cli;
use pki::cmd::{self, Console};
use pki::store::recovery::{Settle, preview_settling, settle};
use pki::store::transaction::Transaction;
use pki::tree::layout::{self, Layout, Root};
use pki::x509::chain::Chain;
use tempfile::TempDir;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::{Seed, assert_printable, odd};

const NOW: OffsetDateTime = datetime!(2026-11-23 00:00:00 UTC);

const GENERATION: &str = "20261122T014500Z-renew";

/// The files that the input is written to, below the kubeconfig directory.
const FILES: [&str; 7] = [
    "pki/.pki-journal.commit",
    "pki/.pki-journal.undo",
    ".pki/generations/20261122T014500Z-renew/manifest.json",
    ".pki/generations/.new/manifest.json",
    ".pki/cluster.yaml",
    ".pki/ledger.jsonl",
    ".pki/ledger-0.jsonl",
];

const COMMIT: usize = 0;
const UNDO: usize = 1;
const MANIFEST: usize = 2;
const UNFINISHED: usize = 3;
const RECORD: usize = 4;
const LEDGER: usize = 5;
const SEGMENT: usize = 6;

/// Bytes with their SHA-256, as a journal has it.
struct Known {
    bytes: &'static [u8],
    digest: &'static str,
}

/// What every victim holds: a certificate, so that `pki history` would print its serial number.
const VICTIM: Known = Known {
    bytes: include_bytes!("../../../tests/fixtures/kubeadm-1.36/external-etcd/pki/ca.crt"),
    digest: "f8835f34e829a9eb4865941bb391bc44650198a5b0336aa353f82a6452c41d6c",
};

/// What would replace a victim.
const PLANTED: Known = Known {
    bytes: include_bytes!(
        "../../../tests/fixtures/kubeadm-1.36/external-etcd/pki/front-proxy-ca.crt"
    ),
    digest: "e6c9bf44b5c5a2cc3300e9daf59ede97a332defe39bec850e51b3ceb61490a6f",
};

/// How `pki history` prints that it has read a victim.
static SERIAL: LazyLock<String> = LazyLock::new(|| {
    let chain = Chain::from_pem(VICTIM.bytes).expect("the fixture is a certificate");
    chain.leaf.serial()
});

/// The content of the files of the tree.
const OLD: Known = Known {
    bytes: b"old\n",
    digest: "01d09d19c2139a46aebfb577780d123d7396e97201bc7ead210a2ebff8239dee",
};
const NEW: Known = Known {
    bytes: b"new\n",
    digest: "7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c",
};

/// Files that no command may touch, in each directory that a name could lead to.
const VICTIMS: [&str; 6] = [
    "victim",
    "etc/victim",
    "etc/kubernetes/victim",
    "etc/kubernetes/pki/victim",
    "etc/kubernetes/.pki/victim",
    "etc/kubernetes/.pki/generations/victim",
];

/// Files of the tree that a valid journal and a valid manifest name.
const TREE_FILES: [&str; 3] = ["pki/apiserver.crt", "pki/apiserver.key", "admin.conf"];

pub(crate) fn check(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let tree = ScratchTree::new().expect("the tree can be made");
    let at = usize::from(*first) % FILES.len();
    tree.put(&format!("etc/kubernetes/{}", FILES[at]), bytes)
        .expect("the input can be written");
    if at == UNFINISHED {
        // Discarding an unreadable journal gives the unfinished generation a name of its own.
        tree.put(&format!("etc/kubernetes/{}", FILES[COMMIT]), b"{")
            .expect("the journal can be written");
    }

    let before = tree.entries();
    for arguments in READERS {
        tree.read(arguments);
    }
    let layout = tree.layout();
    for how in [Settle::Finish, Settle::Discard] {
        drop(preview_settling(&layout, how, NOW));
    }
    assert!(tree.entries() == before, "a command that reads has written");

    match first % 3 {
        0 => drop(Transaction::begin(&layout, "renew all", NOW)),
        1 => drop(settle(&layout, Settle::Finish, NOW)),
        _ => drop(settle(&layout, Settle::Discard, NOW)),
    }
    if let Ok(transaction) = Transaction::begin(&layout, "history --purge", NOW) {
        for message in transaction.purge().warnings {
            assert_printable(message);
        }
    }
    check_changes(&before, &tree.entries());
}

const READERS: [&[&str]; 4] = [
    &["history"],
    &["history", GENERATION, "-o", "json"],
    &["ledger", "--wide"],
    &["config", "show"],
];

/// Recovery and purging change only files of a tree, and files with names of `pki`'s own form.
fn check_changes(before: &Entries, after: &Entries) {
    let paths = before.keys().chain(after.keys());
    for path in paths.filter(|path| before.get(*path) != after.get(*path)) {
        let below = path.strip_prefix("etc/kubernetes/");
        assert!(
            below.is_some_and(is_own),
            "`{path}` was written or removed, which is not a file of a tree"
        );
    }
}

fn is_own(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_leftover =
        name.starts_with('.') && (name.ends_with(".pki-new") || name.ends_with(".pki-old"));
    let is_of_row = || {
        let files = CATALOG.iter().flat_map(|row| layout::files(row));
        let mut files = files.map(|(file, _)| file);
        files.any(|file| match file.root {
            Root::Certificates => path.strip_prefix("pki/") == Some(&file.relative),
            _ => path == file.relative,
        })
    };
    is_leftover || is_state(path) || is_of_row()
}

fn is_state(path: &str) -> bool {
    if path.starts_with("pki/.pki-journal.") {
        return true;
    }
    let Some(path) = path.strip_prefix(".pki/") else {
        return false;
    };
    let is_ledger = path.starts_with("ledger") && path.ends_with(".jsonl") && !path.contains('/');
    let is_generation = path.strip_prefix("generations/").is_some_and(|path| {
        let (name, file) = path.split_once('/').unwrap_or((path, ""));
        (name == ".new" || name.contains("Z-")) && !file.contains('/')
    });
    is_ledger || is_generation || ["cluster.yaml", "generations"].contains(&path)
}

/// Every entry of a tree by its path: mode and bytes.
type Entries = BTreeMap<String, (u32, Vec<u8>)>;

/// A tree in a directory that is removed when it is dropped.
struct ScratchTree(TempDir);

impl ScratchTree {
    fn new() -> io::Result<ScratchTree> {
        let tree = ScratchTree(TempDir::new_in("/dev/shm").or_else(|_| TempDir::new())?);
        for victim in VICTIMS {
            tree.put(victim, VICTIM.bytes)?;
            let (parent, name) = victim.rsplit_once('/').unwrap_or(("", victim));
            // Only in directories in which `pki` does not remove leftovers.
            if !parent.starts_with("etc/kubernetes") {
                tree.put(&format!("{parent}/.{name}.pki-new"), PLANTED.bytes)?;
                tree.put(&format!("{parent}/.{name}.pki-old"), VICTIM.bytes)?;
            }
        }
        for (at, file) in TREE_FILES.into_iter().enumerate() {
            let (parent, name) = file.rsplit_once('/').unwrap_or(("", file));
            // The first was renamed already.
            let known = if at == 0 { NEW } else { OLD };
            tree.put(&format!("etc/kubernetes/{file}"), known.bytes)?;
            let beside = format!("etc/kubernetes/{parent}/.{name}");
            tree.put(&format!("{beside}.pki-old"), OLD.bytes)?;
            if at > 0 {
                tree.put(&format!("{beside}.pki-new"), NEW.bytes)?;
            }
            for generation in [GENERATION, ".new"] {
                let kept = format!("etc/kubernetes/.pki/generations/{generation}/{name}");
                tree.put(&kept, OLD.bytes)?;
            }
        }
        // A name could lead through a directory that exists.
        tree.put(
            "etc/kubernetes/.pki/generations/20261122T014500Z-x/admin.conf",
            OLD.bytes,
        )?;
        for (file, text) in [
            (MANIFEST, manifest("apiserver.crt", "apiserver.crt", "null")),
            (LEDGER, ENTRY.to_owned()),
        ] {
            tree.put(&format!("etc/kubernetes/{}", FILES[file]), text.as_bytes())?;
        }
        Ok(tree)
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn put(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root().join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(path)?.write_all(bytes)
    }

    fn layout(&self) -> Layout {
        let kubeconfigs = self.root().join("etc/kubernetes");
        Layout {
            certificates: kubeconfigs.join("pki"),
            kubelet: self.root().join("var/lib/kubelet/pki"),
            kubeconfigs,
            rootfs: Some(self.root().to_owned()),
        }
    }

    /// Runs a command that reads, in this process.
    fn read(&self, arguments: &[&str]) {
        let root = self.root().to_str().expect("the path is UTF-8");
        let arguments = [&["pki"], arguments, &["--rootfs", root]].concat();
        let arguments = arguments.into_iter().map(Into::into);
        let cli = cli::parse(arguments).expect("the arguments are valid");
        let output = Output::default();
        let console = Console::to(NOW, Box::new(output.clone()), Box::new(output.clone()));
        if let Err(error) = cmd::run(cli, &console) {
            console.report(&error);
        }
        let text = output.text();
        assert_printable(&text);
        assert!(
            !text.contains(SERIAL.as_str()),
            "a certificate outside the state was read: {text}"
        );
    }

    fn entries(&self) -> Entries {
        let mut entries = Entries::new();
        let mut folders = vec![self.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the tree can be listed") {
                let path = entry.expect("the tree can be listed").path();
                let status = path.symlink_metadata().expect("an entry has a status");
                let bytes = match status.is_file() {
                    true => fs::read(&path).expect("a file can be read"),
                    false => Vec::new(),
                };
                let name = path.strip_prefix(self.root()).unwrap_or(&path);
                let name = name.to_string_lossy().into_owned();
                entries.insert(name, (status.mode(), bytes));
                if status.is_dir() {
                    folders.push(path);
                }
            }
        }
        entries
    }
}

/// The labels of messages, as on a terminal.
const LABELS: [&str; 3] = [
    "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m",
    "\u{1b}[1m\u{1b}[33mwarning:\u{1b}[0m",
    "\u{1b}[1m\u{1b}[36mhint:\u{1b}[0m",
];

/// What a command prints.
#[derive(Clone, Default)]
struct Output(Rc<RefCell<Vec<u8>>>);

impl Output {
    /// Returns the text without the colours of its labels.
    fn text(&self) -> String {
        let text = String::from_utf8(self.0.borrow().clone()).expect("output is UTF-8");
        let lines = text.split_inclusive('\n').map(|line| {
            let label = LABELS.iter().find_map(|label| line.strip_prefix(label));
            label.unwrap_or(line)
        });
        lines.collect()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn seeds() -> io::Result<Vec<Seed>> {
    let in_both = |files: [usize; 2], texts: Vec<String>| {
        let pairs = texts.into_iter();
        pairs.flat_map(move |text| files.map(|file| (file, text.clone())))
    };
    let texts = in_both([COMMIT, UNDO], journals())
        .chain(in_both([MANIFEST, UNFINISHED], manifests()))
        .chain(records().into_iter().map(|text| (RECORD, text)))
        .chain(in_both([LEDGER, SEGMENT], ledgers()));
    // A digit whose remainder selects the file, for each of the three ways to settle.
    let inputs = texts.flat_map(|(file, text)| {
        let selectors = (b'A'..=b'Z').filter(move |byte| usize::from(*byte) % FILES.len() == file);
        selectors.map(move |byte| format!("{}{text}", char::from(byte)))
    });
    Ok(odd(inputs).collect())
}

/// Journals of the tree, and journals that name files outside it.
fn journals() -> Vec<String> {
    let journals = [
        journal(
            &[
                ("certificates", "apiserver.crt"),
                ("certificates", "apiserver.key"),
            ],
            "null",
        ),
        journal(
            &[
                ("certificates", "apiserver.crt"),
                ("kubeconfigs", "admin.conf"),
            ],
            r#""20261123T000000Z-renew""#,
        ),
        journal(
            &[("certificates", "apiserver.key")],
            r#""../../../../victim""#,
        ),
        journal(
            &[("certificates", "apiserver.key")],
            r#""20261123T000000Z-../victim""#,
        ),
        journal(&[("state", "ledger-0.jsonl")], "null"),
        journal(&[], "null"),
    ];
    let to_victim = [
        "victim",
        "../victim",
        "../../victim",
        "../../../victim",
        "/victim",
    ];
    let escapes = to_victim.into_iter().flat_map(|path| {
        ["certificates", "kubeconfigs", "state"]
            .into_iter()
            .flat_map(move |root| {
                // One would be replaced or restored, the other removed.
                [(Some(VICTIM), PLANTED), (None, VICTIM)]
                    .map(|(old, new)| journal_of(&[entry(root, path, old, new)], "null"))
            })
    });
    journals.into_iter().chain(escapes).collect()
}

fn manifests() -> Vec<String> {
    vec![
        manifest("apiserver.crt", "apiserver.crt", "null"),
        manifest("apiserver.crt", "../../victim", "null"),
        manifest("apiserver.crt", "../../../victim", "null"),
        manifest("apiserver.crt", "/victim", "null"),
        manifest("../victim", "..-victim", "null"),
        manifest("apiserver.crt", "apiserver.crt", r#""../victim""#),
        manifest("apiserver.crt", "apiserver.crt", "null")
            .replace("renew all", "x/../../../../../moved"),
        manifest(
            "apiserver.crt",
            "apiserver.crt",
            r#""20261121T000000Z-renew""#,
        ),
    ]
}

fn records() -> Vec<String> {
    vec![
        RECORD_TEXT.to_owned(),
        RECORD_TEXT.replace(
            "/etc/kubernetes/pki",
            "/etc/kubernetes/.pki/generations/../../../..",
        ),
        RECORD_TEXT.replace("/etc/kubernetes/pki", "../../victim"),
        RECORD_TEXT.replace("/etc/kubernetes/pki", "/"),
        String::new(),
        "kind: {".to_owned(),
    ]
}

fn ledgers() -> Vec<String> {
    vec![
        ENTRY.to_owned(),
        ENTRY.repeat(3),
        ENTRY.replace("apiserver", "\\u001b[31m"),
        ENTRY.trim_end().to_owned(),
        format!("{ENTRY}\n{{}}\n[\n"),
        "[".repeat(4000),
    ]
}

/// A journal of files of the tree.
fn journal(files: &[(&str, &str)], generation: &str) -> String {
    let files: Vec<_> = files
        .iter()
        .map(|(root, path)| entry(root, path, Some(OLD), NEW))
        .collect();
    journal_of(&files, generation)
}

fn journal_of(files: &[String], generation: &str) -> String {
    format!(
        r#"{{"version": 2, "command": "renew all", "kubeconfigs": "..", "generation": {generation}, "files": [{}]}}"#,
        files.join(", ")
    )
}

fn entry(root: &str, path: &str, old: Option<Known>, new: Known) -> String {
    let old = old.map_or("null".to_owned(), |old| format!(r#""{}""#, old.digest));
    format!(
        r#"{{"file": {{"root": "{root}", "path": "{path}"}}, "old": {old}, "new": "{}"}}"#,
        new.digest
    )
}

/// A manifest of the tree's generation, with one file.
fn manifest(path: &str, stored: &str, after: &str) -> String {
    format!(
        r#"{{"version": 2, "sequence": 1, "command": "renew all", "time": "2026-11-22T01:45:00Z", "certificates": "pki", "change": {{"new": {{"after_rollback_to": {after}}}}}, "files": [{{"file": {{"root": "certificates", "path": "{path}"}}, "stored": "{stored}"}}]}}"#
    )
}

const RECORD_TEXT: &str = "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 192.0.2.11}
nodeRegistration: {name: cp-1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
certificatesDir: /etc/kubernetes/pki
";

const ENTRY: &str = concat!(
    r#"{"time":"2026-11-22T01:45:00Z","command":"init","name":"apiserver","serial":"01","subject":"CN=a","sans":["DNS:a"],"#,
    r#""usages":["serverAuth"],"notBefore":"2026-11-22T01:45:00Z","notAfter":"2027-11-22T01:45:00Z","issuerKeyId":null,"#,
    r#""fingerprint":"00","replaces":null}"#,
    "\n"
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise the target would test refusals only.
    #[test]
    fn a_valid_journal_is_recovered_and_a_valid_manifest_is_listed() {
        let tree = ScratchTree::new().unwrap();
        let files = [
            ("certificates", "apiserver.crt"),
            ("certificates", "apiserver.key"),
        ];
        let journal = journal(&files, "null");
        tree.put("etc/kubernetes/pki/.pki-journal.commit", journal.as_bytes())
            .unwrap();
        let transaction = Transaction::begin(&tree.layout(), "renew all", NOW).unwrap();
        let recovered = transaction.recovered().unwrap();
        assert_eq!(recovered.command, "renew all");
        let entries = tree.entries();
        assert_eq!(entries["etc/kubernetes/pki/apiserver.key"].1, NEW.bytes);
        let purged = transaction.purge();
        assert_eq!(purged.dropped, [GENERATION], "{:?}", purged.warnings);
    }
}

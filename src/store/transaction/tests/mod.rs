//! What a transaction writes, keeps and refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod attributes;
mod generations_of_transactions;
mod ledger_of_transactions;
mod links;
mod recovery;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use tempfile::TempDir;
use time::macros::datetime;

use super::*;
use crate::store::generations::{self, Generations};
use crate::store::outcome::Restricted;
use crate::store::recovery::{Settle, SettledCommit, preview_settling, settle};
use crate::tree::journal::{Direction, UNDO, backup_name};
use crate::tree::layout;

const NOW: OffsetDateTime = datetime!(2026-11-22 00:00:00 UTC);

/// A tree with an old pair, and what a transaction would put in its place.
struct Fixture {
    _directory: TempDir,
    layout: Layout,
}

impl Fixture {
    fn new() -> Fixture {
        let directory = TempDir::new().unwrap();
        let kubeconfigs = directory.path().canonicalize().unwrap().join("kubernetes");
        let layout = Layout {
            certificates: kubeconfigs.join("pki"),
            kubelet: kubeconfigs.join("kubelet"),
            kubeconfigs,
            rootfs: None,
        };
        fs::create_dir_all(layout.certificates.join("etcd")).unwrap();
        let fixture = Fixture {
            _directory: directory,
            layout,
        };
        for (file, access) in files() {
            fixture.put(&file, "old", access.mode());
        }
        fixture
    }

    fn put(&self, file: &TreePath, text: &str, mode: u32) {
        let path = self.layout.path(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn begin(&self) -> Transaction {
        Transaction::begin(&self.layout, "renew all", NOW).unwrap()
    }

    fn refusal(&self) -> TransactionError {
        match Transaction::begin(&self.layout, "renew all", NOW) {
            Ok(_) => panic!("it is not refused"),
            Err(error) => error,
        }
    }

    fn tree(&self) -> Tree {
        Tree::open(&self.layout).unwrap()
    }

    fn generations(&self) -> Vec<generations::Generation> {
        let places = Places::new(&self.layout);
        Generations::read(&places, &self.tree()).unwrap().all
    }

    fn ledger(&self) -> Vec<ledger::LedgerEntry> {
        let places = Places::new(&self.layout);
        let entries = ledger::entries(&places, &self.tree()).unwrap();
        entries.collect::<Result<_, _>>().unwrap()
    }

    /// Settles the pending transaction, after a preview that writes nothing and says the same.
    fn settle(&self, how: Settle) -> Option<SettledCommit> {
        let before = (self.texts(), self.leftovers());
        let preview = preview_settling(&self.layout, how, NOW).unwrap();
        assert_eq!((self.texts(), self.leftovers()), before);
        let settled = settle(&self.layout, how, NOW).unwrap();
        assert_eq!(preview.map(|preview| preview.settled), settled);
        settled
    }

    /// Lets the old files come back, as a run does first when a rename has failed.
    fn revert(&self) {
        let journal = |name| self.layout.certificates.join(name);
        fs::rename(journal(COMMIT), journal(UNDO)).unwrap();
    }

    /// A transaction that replaces every file.
    fn transaction(&self) -> Transaction {
        let mut transaction = self.begin();
        for (file, access) in files() {
            transaction.write(file, bytes("new"), access);
        }
        transaction
    }

    /// Leaves what a kill leaves after the commit point and the first `renames` renames.
    fn killed_after(&self, renames: usize) {
        let transaction = self.transaction();
        let staging = written_record(&transaction);
        for staged in staging.files.iter().take(renames) {
            staged.rename().unwrap();
        }
    }

    fn texts(&self) -> Vec<String> {
        files()
            .iter()
            .map(|(file, _)| fs::read_to_string(self.layout.path(file)).unwrap())
            .collect()
    }

    /// Everything that is beside the files of the tree.
    fn leftovers(&self) -> Vec<String> {
        let state = self.layout.directory(Root::State);
        let directories = [
            self.layout.certificates.clone(),
            self.layout.certificates.join("etcd"),
            self.layout.kubeconfigs.clone(),
            state,
        ];
        let mut names: Vec<_> = directories
            .iter()
            .filter_map(|directory| fs::read_dir(directory).ok())
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("pki-") || name.contains("journal"))
            .collect();
        names.sort_unstable();
        names
    }
}

/// Goes as far as the commit point.
fn written_record(transaction: &Transaction) -> Staging {
    let mut staging = Staging::default();
    let committed = transaction.stage(&mut staging, &|| None).unwrap();
    transaction.write_record(&staging, &committed).unwrap();
    // A kill removes nothing.
    transaction.places.keep_created();
    staging
}

fn files() -> [(TreePath, Access); 3] {
    [
        (
            TreePath::new(Root::Certificates, "etcd/server.key"),
            Access::Private,
        ),
        (
            TreePath::new(Root::Certificates, "etcd/server.crt"),
            Access::Public,
        ),
        (
            TreePath::new(Root::Kubeconfigs, "admin.conf"),
            Access::Private,
        ),
    ]
}

fn bytes(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_commit_replaces_every_file_and_leaves_nothing_beside_them() {
    let fixture = Fixture::new();
    let committed = fixture.transaction().commit(&|| None).unwrap();
    assert_eq!(fixture.texts(), ["new"; 3]);
    assert_eq!(committed.written.len(), 3);
    assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
}

#[test]
fn an_interruption_before_the_commit_point_changes_nothing() {
    for asked in 1..=4 {
        let fixture = Fixture::new();
        let count = std::cell::Cell::new(0);
        let interrupted = || {
            count.set(count.get() + 1);
            (count.get() == asked).then_some(2)
        };
        let error = fixture.transaction().commit(&interrupted).unwrap_err();
        assert!(
            matches!(error, TransactionError::Interrupted { signal: 2 }),
            "{error}"
        );
        assert!(!fixture.layout.directory(Root::State).exists());
        assert_eq!(fixture.texts(), ["old"; 3]);
        assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
    }
}

#[test]
fn a_target_that_is_no_file_changes_nothing() {
    let fixture = Fixture::new();
    let (last, _) = &files()[2];
    fs::remove_file(fixture.layout.path(last)).unwrap();
    fs::create_dir(fixture.layout.path(last)).unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("admin.conf`: it is a directory, want a file"),
        "{error}"
    );
    assert_eq!(
        fs::read_to_string(fixture.layout.path(&files()[0].0)).unwrap(),
        "old"
    );
    assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
}

#[test]
fn a_failed_rename_brings_the_old_files_back() {
    let fixture = Fixture::new();
    let transaction = fixture.transaction();
    let staging = written_record(&transaction);
    let committed = Committed::default();
    // The last new file is gone: its rename fails after the others are done.
    fs::remove_file(fixture.layout.kubeconfigs.join(staging_name("admin.conf"))).unwrap();
    let error = transaction.publish(&staging, &committed).unwrap_err();
    assert!(
        matches!(
            error,
            TransactionError::Failed {
                state: TreeState::Unchanged,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(fixture.texts()[..2], ["old", "old"]);
    assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
}

#[test]
fn files_that_are_as_wanted_are_not_touched() {
    let fixture = Fixture::new();
    let inode = |file: &TreePath| fs::metadata(fixture.layout.path(file)).unwrap().ino();
    let before: Vec<_> = files().iter().map(|(file, _)| inode(file)).collect();
    let mut transaction = fixture.begin();
    for (file, access) in files() {
        transaction.write(file, bytes("old"), access);
    }
    let committed = transaction.commit(&|| None).unwrap();
    assert!(committed.written.is_empty() && committed.generation.is_none());
    assert_eq!(
        files()
            .iter()
            .map(|(file, _)| inode(file))
            .collect::<Vec<_>>(),
        before
    );
}

#[test]
fn a_second_transaction_is_told_who_holds_the_lock() {
    let fixture = Fixture::new();
    let held = fixture.begin();
    let TransactionError::Busy(busy) = fixture.refusal() else {
        panic!("two hold the lock");
    };
    // Its plan may still be refused.
    assert_eq!(busy.holder, "");
    held.lock.announce(&held.holder());
    match Transaction::begin(&fixture.layout, "init", NOW) {
        Err(TransactionError::Busy(busy)) => {
            let process = format!(
                "`pki renew all`, process {}, since 2026-11-22T00:00:00Z",
                std::process::id()
            );
            assert_eq!(busy.holder, process);
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("two hold the lock"),
    }
}

#[test]
fn a_first_transaction_that_fails_leaves_no_directory_of_the_tree() {
    let directory = TempDir::new().unwrap();
    let kubeconfigs = directory
        .path()
        .canonicalize()
        .unwrap()
        .join("etc/kubernetes");
    let layout = Layout {
        certificates: kubeconfigs.join("pki"),
        kubelet: kubeconfigs.join("kubelet"),
        kubeconfigs,
        rootfs: None,
    };
    let mut transaction = Transaction::begin(&layout, "init", NOW).unwrap();
    for (file, access) in files() {
        transaction.write(file, bytes("new"), access);
    }
    let asked = std::cell::Cell::new(0);
    let at_the_end = || {
        asked.set(asked.get() + 1);
        (asked.get() == 4).then_some(15)
    };
    transaction.commit(&at_the_end).unwrap_err();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    drop(Transaction::begin(&layout, "init", NOW).unwrap());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn certificates_shared_by_two_kubeconfig_directories_have_one_writer() {
    let fixture = Fixture::new();
    let _held = fixture.begin();
    let other = Layout {
        kubeconfigs: fixture.layout.kubeconfigs.with_file_name("other"),
        ..fixture.layout.clone()
    };
    let error = Transaction::begin(&other, "init", NOW).err().unwrap();
    assert!(matches!(error, TransactionError::Busy(_)), "{error}");
}

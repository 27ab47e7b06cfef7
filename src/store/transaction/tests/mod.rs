//! What a transaction writes, keeps and refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod ledger_of_transactions;
mod recovery;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use tempfile::TempDir;
use time::macros::datetime;

use super::*;
use crate::store::generations::{self, Generations};
use crate::store::outcome::Restricted;
use crate::store::recovery::{Settle, settle};
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
fn a_new_file_has_its_mode_and_an_old_one_keeps_a_stricter_one() {
    let fixture = Fixture::new();
    let [(key, _), (certificate, _), (conf, _)] = files();
    fixture.put(&key, "old", 0o400);
    fixture.put(&certificate, "old", 0o640);
    fs::remove_file(fixture.layout.path(&conf)).unwrap();
    let committed = fixture.transaction().commit(&|| None).unwrap();
    assert_eq!(mode(fixture.layout.path(&key)), 0o400);
    assert_eq!(mode(fixture.layout.path(&certificate)), 0o640);
    assert_eq!(mode(fixture.layout.path(&conf)), 0o600);
    assert!(committed.restricted.is_empty());
}

#[test]
fn a_key_that_others_can_read_is_restricted_and_said() {
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    // The group keeps its right to read.
    fixture.put(&key, "old", 0o664);
    let committed = fixture.transaction().commit(&|| None).unwrap();
    assert_eq!(mode(fixture.layout.path(&key)), 0o640);
    let restricted = Restricted {
        file: key,
        from: 0o664,
        to: 0o640,
    };
    assert_eq!(committed.restricted, [restricted]);
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
fn a_link_is_followed_inside_the_tree_and_refused_outside() {
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    let path = fixture.layout.path(&key);
    fs::remove_file(&path).unwrap();
    let inside = fixture.layout.certificates.join("real.key");
    fs::write(&inside, "old").unwrap();
    symlink(&inside, &path).unwrap();
    fixture.transaction().commit(&|| None).unwrap();
    assert!(path.is_symlink());
    assert_eq!(fs::read_to_string(&inside).unwrap(), "new");

    let elsewhere = TempDir::new().unwrap();
    let outside = elsewhere.path().join("victim");
    fs::write(&outside, "victim").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&outside, &path).unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "victim");
}

#[test]
fn a_reader_follows_no_link_out_of_the_tree() {
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    let path = fixture.layout.path(&key);
    let elsewhere = TempDir::new().unwrap();
    let outside = elsewhere.path().join(key.file_name());
    fs::write(&outside, "outside").unwrap();
    let check_refused = || {
        let Err(error) = fixture.tree().read(&key) else {
            panic!("the link is followed");
        };
        assert!(error.to_string().contains("outside the tree"), "{error}");
    };
    fs::remove_file(&path).unwrap();
    symlink(&outside, &path).unwrap();
    check_refused();
    let directory = path.parent().unwrap();
    fs::remove_dir_all(directory).unwrap();
    symlink(elsewhere.path(), directory).unwrap();
    check_refused();
}

/// The kubelet's certificates belong to a tree only to be read.
#[test]
fn nothing_is_written_through_a_link_into_the_directory_of_the_kubelet() {
    let mut fixture = Fixture::new();
    let directory = TempDir::new().unwrap();
    fixture.layout.kubelet = directory.path().canonicalize().unwrap();
    let [.., (kubeconfig, _)] = files();
    let path = fixture.layout.path(&kubeconfig);
    let target = fixture.layout.kubelet.join("kubelet.pem");
    fs::write(&target, "old").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&target, &path).unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(
        error.to_string().contains("does not write there"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
}

#[test]
fn a_file_with_another_name_is_refused() {
    let fixture = Fixture::new();
    let path = fixture.layout.path(&files()[0].0);
    fs::hard_link(&path, fixture.layout.certificates.join("planted")).unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(
        error.to_string().contains("2 names (hard links)"),
        "{error}"
    );
    assert_eq!(fixture.texts(), ["old"; 3]);
}

#[test]
fn a_directory_that_others_can_write_in_is_refused() {
    let fixture = Fixture::new();
    fs::set_permissions(
        fixture.layout.certificates.join("etcd"),
        fs::Permissions::from_mode(0o777),
    )
    .unwrap();
    let error = fixture.transaction().commit(&|| None).unwrap_err();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("everybody can write in it: mode 0777"),
        "{error}"
    );
    assert!(error.hint().unwrap().starts_with("chmod go-w "), "{error}");
    assert_eq!(fixture.texts(), ["old"; 3]);
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
fn generations_are_pruned_oldest_first_even_if_the_clock_jumps_back() {
    let fixture = Fixture::new();
    for (index, now) in [NOW, NOW + time::Duration::DAY, NOW - time::Duration::DAY]
        .into_iter()
        .enumerate()
    {
        let mut transaction = Transaction::begin(&fixture.layout, "renew all", now).unwrap();
        transaction.keep_generations(2);
        transaction.write(
            files()[0].0.clone(),
            bytes(&format!("text {index}")),
            Access::Private,
        );
        transaction.commit(&|| None).unwrap();
    }
    let kept = fixture.generations();
    let names: Vec<_> = kept
        .iter()
        .map(|generation| generation.name.as_str())
        .collect();
    assert_eq!(names, ["20261123T000000Z-renew", "20261121T000000Z-renew"]);
    let places = Places::new(&fixture.layout);
    let old = generations::read(&places, &kept[1], &kept[1].files[0])
        .unwrap()
        .unwrap();
    assert_eq!(old.bytes.as_slice(), b"text 1");
}

#[test]
fn what_does_not_belong_among_the_generations_is_left_alone() {
    let fixture = Fixture::new();
    fixture.transaction().commit(&|| None).unwrap();
    let generations = fixture.layout.directory(Root::State).join("generations");
    fs::write(generations.join("notes.txt"), "mine").unwrap();
    fs::create_dir(generations.join(".old-half-removed")).unwrap();
    fs::create_dir(generations.join("backup")).unwrap();
    fs::write(generations.join("backup/ca.key"), "mine").unwrap();
    fs::create_dir(generations.join(".old-with-notes")).unwrap();
    fs::write(generations.join(".old-with-notes/notes.txt"), "mine").unwrap();
    fs::create_dir(fixture.layout.kubeconfigs.join("elsewhere")).unwrap();
    fs::write(fixture.layout.kubeconfigs.join("elsewhere/ca.key"), "mine").unwrap();
    symlink("../../elsewhere", generations.join(".old-link")).unwrap();
    let mut transaction = fixture.begin();
    transaction.write(files()[0].0.clone(), bytes("newer"), Access::Private);
    let committed = transaction.commit(&|| None).unwrap();
    let warnings = committed.warnings.join("\n");
    for name in [".old-with-notes", ".old-link"] {
        assert!(warnings.contains(name), "{warnings}");
    }
    assert!(generations.join(".old-with-notes/notes.txt").exists());
    assert!(fixture.layout.kubeconfigs.join("elsewhere/ca.key").exists());
    assert!(generations.join("notes.txt").exists());
    assert!(generations.join("backup/ca.key").exists());
    assert!(!generations.join(".old-half-removed").exists());
    assert_eq!(fixture.generations().len(), 2);
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

#[test]
fn no_generation_is_kept_if_none_is_wanted() {
    let fixture = Fixture::new();
    fixture.transaction().commit(&|| None).unwrap();
    assert_eq!(fixture.generations().len(), 1);
    let mut transaction = fixture.begin();
    transaction.keep_generations(0);
    transaction.write(files()[0].0.clone(), bytes("newer"), Access::Private);
    let committed = transaction.commit(&|| None).unwrap();
    assert_eq!(committed.generation, None);
    assert_eq!(committed.dropped.len(), 1);
    assert!(fixture.generations().is_empty());
}

#[test]
fn extended_attributes_and_acl_are_carried_over() {
    use rustix::fs::{XattrFlags, getxattr, setxattr};
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    let path = fixture.layout.path(&key);
    let flags = XattrFlags::empty();
    let mut acl = vec![2, 0, 0, 0];
    for (tag, permissions, id) in [
        (1u16, 6u16, u32::MAX),
        (2, 4, 4242),
        (4, 0, u32::MAX),
        (16, 4, u32::MAX),
        (32, 0, u32::MAX),
    ] {
        acl.extend(tag.to_le_bytes());
        acl.extend(permissions.to_le_bytes());
        acl.extend(id.to_le_bytes());
    }
    if setxattr(&path, "user.note", b"ours", flags).is_err()
        || setxattr(&path, "system.posix_acl_access", &acl, flags).is_err()
    {
        // This file system has no extended attributes or ACLs.
        return;
    }
    let committed = fixture.transaction().commit(&|| None).unwrap();
    assert!(committed.warnings.is_empty(), "{committed:?}");
    let mut value = vec![0; 100];
    let length = getxattr(&path, "system.posix_acl_access", &mut value).unwrap();
    assert_eq!(value[..length], acl);
    let length = getxattr(&path, "user.note", &mut value).unwrap();
    assert_eq!(&value[..length], b"ours");
}

//! Each state that a kill can leave, made by hand, and what the next run makes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use tempfile::TempDir;
use time::macros::datetime;

use super::*;
use crate::store::outcome::TreeState;
use crate::tree::overlay::Tree;

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
        let mut staging = Staging::default();
        let committed = transaction.stage(&mut staging, &|| false).unwrap();
        transaction
            .journal(&staging, &committed)
            .write(&transaction.state, staging.owner())
            .unwrap();
        for staged in staging.files.iter().take(renames) {
            staging
                .places
                .open(&staged.directory)
                .unwrap()
                .rename(&staged_name(&staged.name), &staged.name)
                .unwrap();
        }
    }

    fn texts(&self) -> Vec<String> {
        files()
            .iter()
            .map(|(file, _)| fs::read_to_string(self.layout.path(file)).unwrap())
            .collect()
    }

    /// Everything that lies beside the files of the tree.
    fn litter(&self) -> Vec<String> {
        let state = self.layout.directory(Root::State);
        let directories = [
            self.layout.certificates.clone(),
            self.layout.certificates.join("etcd"),
            state,
        ];
        let mut names: Vec<_> = directories
            .iter()
            .flat_map(|directory| fs::read_dir(directory).unwrap())
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains("pki-") || name.contains("journal"))
            .collect();
        names.sort_unstable();
        names
    }
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
    let committed = fixture.transaction().commit(&|| false).unwrap();
    assert_eq!(fixture.texts(), ["new"; 3]);
    assert_eq!(committed.written.len(), 3);
    assert!(fixture.litter().is_empty(), "{:?}", fixture.litter());
}

#[test]
fn a_kill_after_the_commit_point_is_finished_by_the_next_run() {
    for renames in 0..=3 {
        let fixture = Fixture::new();
        fixture.killed_after(renames);
        assert_eq!(
            fixture.begin().recovered(),
            Some(("renew all", Direction::Commit)),
            "{renames} renames"
        );
        assert_eq!(fixture.texts(), ["new"; 3], "{renames} renames");
        assert!(
            fixture.litter().is_empty(),
            "{renames} renames: {:?}",
            fixture.litter()
        );
        assert_eq!(generations::list(&fixture.layout).unwrap().len(), 1);
        assert_eq!(fixture.begin().recovered(), None);
    }
}

#[test]
fn a_reader_sees_the_new_tree_while_a_commit_is_pending() {
    for renames in 0..=3 {
        let fixture = Fixture::new();
        fixture.killed_after(renames);
        let tree = Tree::open(&fixture.layout).unwrap();
        assert_eq!(tree.pending(), Some(("renew all", Direction::Commit)));
        for (file, _) in files() {
            assert_eq!(
                tree.read(&file).unwrap().unwrap().bytes.as_slice(),
                b"new",
                "{file}, {renames} renames"
            );
        }
    }
}

#[test]
fn a_kill_while_undoing_is_undone_by_the_next_run() {
    for renames in 0..=3 {
        for undone in 0..=renames {
            let fixture = Fixture::new();
            fixture.killed_after(renames);
            let state = Directory::open(&fixture.layout.directory(Root::State)).unwrap();
            Journal::turn_round(&state).unwrap();
            for (file, _) in files().iter().take(renames).rev().take(undone) {
                let path = fixture.layout.path(file);
                let directory = Directory::open(path.parent().unwrap()).unwrap();
                undo_one(&directory, file.file_name(), true).unwrap();
            }
            let tree = Tree::open(&fixture.layout).unwrap();
            for (file, _) in files() {
                assert_eq!(
                    tree.read(&file).unwrap().unwrap().bytes.as_slice(),
                    b"old",
                    "{file}"
                );
            }
            fixture.begin();
            assert_eq!(
                fixture.texts(),
                ["old"; 3],
                "{renames} renames, {undone} undone"
            );
            assert!(fixture.litter().is_empty(), "{:?}", fixture.litter());
            assert!(generations::list(&fixture.layout).unwrap().is_empty());
        }
    }
}

#[test]
fn undoing_takes_away_what_was_not_there_before() {
    let fixture = Fixture::new();
    let (first, _) = &files()[0];
    fs::remove_file(fixture.layout.path(first)).unwrap();
    fixture.killed_after(2);
    let state = Directory::open(&fixture.layout.directory(Root::State)).unwrap();
    Journal::turn_round(&state).unwrap();
    fixture.begin();
    assert!(!fixture.layout.path(first).exists());
    assert_eq!(
        fs::read_to_string(fixture.layout.path(&files()[1].0)).unwrap(),
        "old"
    );
}

#[test]
fn a_kill_before_the_commit_point_leaves_the_old_tree_and_the_next_run_removes_the_litter() {
    let fixture = Fixture::new();
    let transaction = fixture.transaction();
    let mut staging = Staging::default();
    transaction.stage(&mut staging, &|| false).unwrap();
    drop(transaction);
    assert_eq!(fixture.texts(), ["old"; 3]);
    assert_eq!(
        fixture.litter().len(),
        4,
        "two names in etcd: {:?}",
        fixture.litter()
    );
    fixture.begin();
    assert_eq!(fixture.texts(), ["old"; 3]);
    assert!(fixture.litter().is_empty(), "{:?}", fixture.litter());
}

#[test]
fn an_interruption_before_the_commit_point_changes_nothing() {
    for asked in 1..=4 {
        let fixture = Fixture::new();
        let count = std::cell::Cell::new(0);
        let interrupted = || {
            count.set(count.get() + 1);
            count.get() == asked
        };
        let error = fixture.transaction().commit(&interrupted).unwrap_err();
        assert!(matches!(error, TransactionError::Interrupted), "{error}");
        assert_eq!(fixture.texts(), ["old"; 3]);
        assert!(fixture.litter().is_empty(), "{:?}", fixture.litter());
    }
}

#[test]
fn a_target_that_is_no_file_changes_nothing() {
    let fixture = Fixture::new();
    let (last, _) = &files()[2];
    fs::remove_file(fixture.layout.path(last)).unwrap();
    fs::create_dir(fixture.layout.path(last)).unwrap();
    let error = fixture.transaction().commit(&|| false).unwrap_err();
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
    assert!(fixture.litter().is_empty(), "{:?}", fixture.litter());
}

#[test]
fn a_failed_rename_brings_the_old_files_back() {
    let fixture = Fixture::new();
    let transaction = fixture.transaction();
    let mut staging = Staging::default();
    let committed = transaction.stage(&mut staging, &|| false).unwrap();
    transaction
        .journal(&staging, &committed)
        .write(&transaction.state, staging.owner())
        .unwrap();
    // The last new file is gone: its rename fails after the others are done.
    fs::remove_file(fixture.layout.kubeconfigs.join(staged_name("admin.conf"))).unwrap();
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
    assert!(fixture.litter().is_empty(), "{:?}", fixture.litter());
}

#[test]
fn a_new_file_has_its_mode_and_an_old_one_keeps_a_stricter_one() {
    let fixture = Fixture::new();
    let [(key, _), (certificate, _), (conf, _)] = files();
    fixture.put(&key, "old", 0o400);
    fixture.put(&certificate, "old", 0o640);
    fs::remove_file(fixture.layout.path(&conf)).unwrap();
    let committed = fixture.transaction().commit(&|| false).unwrap();
    assert_eq!(mode(fixture.layout.path(&key)), 0o400);
    assert_eq!(mode(fixture.layout.path(&certificate)), 0o640);
    assert_eq!(mode(fixture.layout.path(&conf)), 0o600);
    assert!(committed.tightened.is_empty());
}

#[test]
fn a_key_that_others_can_read_is_tightened_and_said() {
    let fixture = Fixture::new();
    let [(key, _), ..] = files();
    fixture.put(&key, "old", 0o644);
    let committed = fixture.transaction().commit(&|| false).unwrap();
    assert_eq!(mode(fixture.layout.path(&key)), 0o600);
    assert_eq!(committed.tightened, [(key, 0o644)]);
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
    let committed = transaction.commit(&|| false).unwrap();
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
    fixture.transaction().commit(&|| false).unwrap();
    assert!(path.is_symlink());
    assert_eq!(fs::read_to_string(&inside).unwrap(), "new");

    let elsewhere = TempDir::new().unwrap();
    let outside = elsewhere.path().join("victim");
    fs::write(&outside, "victim").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&outside, &path).unwrap();
    let error = fixture.transaction().commit(&|| false).unwrap_err();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert_eq!(fs::read_to_string(&outside).unwrap(), "victim");
}

#[test]
fn a_file_with_another_name_is_refused() {
    let fixture = Fixture::new();
    let path = fixture.layout.path(&files()[0].0);
    fs::hard_link(&path, fixture.layout.certificates.join("planted")).unwrap();
    let error = fixture.transaction().commit(&|| false).unwrap_err();
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
        fs::Permissions::from_mode(0o775),
    )
    .unwrap();
    let error = Transaction::begin(&fixture.layout, "renew all", NOW)
        .err()
        .unwrap();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("others can write in it: mode 0775"),
        "{error}"
    );
    assert_eq!(fixture.texts(), ["old"; 3]);
}

#[test]
fn a_second_transaction_is_told_who_holds_the_lock() {
    let fixture = Fixture::new();
    let _held = fixture.begin();
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
        transaction.commit(&|| false).unwrap();
    }
    let kept = generations::list(&fixture.layout).unwrap();
    let names: Vec<_> = kept
        .iter()
        .map(|generation| generation.name.as_str())
        .collect();
    assert_eq!(names, ["20261123T000000Z-renew", "20261121T000000Z-renew"]);
    let old = generations::read(&fixture.layout, &kept[1], &kept[1].files[0])
        .unwrap()
        .unwrap();
    assert_eq!(old.bytes.as_slice(), b"text 1");
}

#[test]
fn what_does_not_belong_among_the_generations_is_left_alone() {
    let fixture = Fixture::new();
    fixture.transaction().commit(&|| false).unwrap();
    let generations = fixture.layout.directory(Root::State).join("generations");
    fs::write(generations.join("notes.txt"), "mine").unwrap();
    fs::create_dir(generations.join(".old-half-removed")).unwrap();
    fs::create_dir(generations.join("backup")).unwrap();
    fs::write(generations.join("backup/ca.key"), "mine").unwrap();
    let mut transaction = fixture.begin();
    transaction.write(files()[0].0.clone(), bytes("newer"), Access::Private);
    transaction.commit(&|| false).unwrap();
    assert!(generations.join("notes.txt").exists());
    assert!(generations.join("backup/ca.key").exists());
    assert!(!generations.join(".old-half-removed").exists());
    assert_eq!(generations::list(&fixture.layout).unwrap().len(), 2);
}

#[test]
fn the_ledger_only_grows_and_is_in_no_generation() {
    let fixture = Fixture::new();
    let entry = |serial: &str| ledger::Entry {
        time: "2026-11-22T00:00:00Z".to_owned(),
        command: "renew all".to_owned(),
        name: "apiserver".to_owned(),
        serial: serial.to_owned(),
        subject: "CN=kube-apiserver".to_owned(),
        sans: vec!["DNS:kubernetes".to_owned()],
        usages: vec!["serverAuth".to_owned()],
        not_before: "2026-11-21T23:55:00Z".to_owned(),
        not_after: "2027-11-22T00:00:00Z".to_owned(),
        issuer_key_id: None,
        fingerprint: "00".to_owned(),
        replaces: None,
    };
    for serial in ["01", "02"] {
        let mut transaction = fixture.begin();
        transaction.write(files()[0].0.clone(), bytes(serial), Access::Private);
        transaction.append_to_ledger(&[entry(serial)]).unwrap();
        transaction.commit(&|| false).unwrap();
    }
    assert_eq!(
        ledger::read(&fixture.layout).unwrap(),
        [entry("01"), entry("02")]
    );
    for generation in generations::list(&fixture.layout).unwrap() {
        assert_eq!(generation.files.len(), 1, "{generation:?}");
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
        asked.get() == 4
    };
    transaction.commit(&at_the_end).unwrap_err();
    assert!(!layout.certificates.exists());
    assert!(!layout.kubeconfigs.join("admin.conf").exists());
}

#[test]
fn a_promise_that_somebody_has_taken_away_is_not_called_finished() {
    let fixture = Fixture::new();
    fixture.killed_after(1);
    let certificate = fixture.layout.path(&files()[1].0);
    fs::remove_file(certificate.with_file_name(staged_name("server.crt"))).unwrap();
    let error = Transaction::begin(&fixture.layout, "renew all", NOW)
        .err()
        .unwrap();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("server.crt`: the new file that was promised for it is gone"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(certificate).unwrap(), "old");
}

#[test]
fn a_reader_does_not_see_what_an_undo_is_going_to_take_away() {
    let fixture = Fixture::new();
    let (first, _) = &files()[0];
    fs::remove_file(fixture.layout.path(first)).unwrap();
    fixture.killed_after(3);
    Journal::turn_round(&Directory::open(&fixture.layout.directory(Root::State)).unwrap()).unwrap();
    let tree = Tree::open(&fixture.layout).unwrap();
    assert_eq!(tree.pending(), Some(("renew all", Direction::Undo)));
    assert!(tree.read(first).unwrap().is_none() && !tree.exists(first));
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
fn a_journal_that_names_a_file_of_no_tree_is_refused() {
    let fixture = Fixture::new();
    fixture.killed_after(0);
    let journal = fixture.layout.directory(Root::State).join("journal.commit");
    let text = fs::read_to_string(&journal)
        .unwrap()
        .replace("etcd/server.key", "../../victim");
    fs::write(&journal, text).unwrap();
    let error = Transaction::begin(&fixture.layout, "renew all", NOW)
        .err()
        .unwrap();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert_eq!(fixture.texts(), ["old"; 3]);
}

#[test]
fn a_ledger_that_an_editor_has_cut_short_gets_its_line_end_back() {
    let fixture = Fixture::new();
    let mut transaction = fixture.begin();
    fs::write(fixture.layout.path(&layout::ledger()), "{}").unwrap();
    transaction.append_to_ledger(&[]).unwrap();
    transaction.commit(&|| false).unwrap();
    assert_eq!(
        fs::read_to_string(fixture.layout.path(&layout::ledger())).unwrap(),
        "{}\n"
    );
}

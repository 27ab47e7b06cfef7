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

    fn ledger(&self) -> Vec<ledger::Entry> {
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
fn a_kill_after_the_commit_point_is_finished_by_the_next_run() {
    for renames in 0..=3 {
        let fixture = Fixture::new();
        fixture.killed_after(renames);
        let recovered = Recovered {
            command: "renew all".to_owned(),
            direction: Direction::Commit,
        };
        assert_eq!(
            fixture.begin().recovered(),
            Some(&recovered),
            "{renames} renames"
        );
        assert_eq!(fixture.texts(), ["new"; 3], "{renames} renames");
        assert!(
            fixture.leftovers().is_empty(),
            "{renames} renames: {:?}",
            fixture.leftovers()
        );
        assert_eq!(fixture.generations().len(), 1);
        assert_eq!(fixture.begin().recovered(), None);
    }
}

#[test]
fn a_reader_sees_the_new_tree_while_a_commit_is_pending() {
    for renames in 0..=3 {
        let fixture = Fixture::new();
        fixture.killed_after(renames);
        let tree = fixture.tree();
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
            fixture.revert();
            for (file, _) in files().iter().take(renames).rev().take(undone) {
                let path = fixture.layout.path(file);
                fs::rename(path.with_file_name(backup_name(file.file_name())), &path).unwrap();
            }
            let tree = fixture.tree();
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
            assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
            assert!(fixture.generations().is_empty());
        }
    }
}

#[test]
fn undoing_takes_away_what_was_not_there_before() {
    let fixture = Fixture::new();
    let (first, _) = &files()[0];
    fs::remove_file(fixture.layout.path(first)).unwrap();
    fixture.killed_after(2);
    fixture.revert();
    fixture.begin();
    assert!(!fixture.layout.path(first).exists());
    assert_eq!(
        fs::read_to_string(fixture.layout.path(&files()[1].0)).unwrap(),
        "old"
    );
}

#[test]
fn a_kill_before_the_commit_point_leaves_the_old_tree_and_the_next_run_removes_the_leftovers() {
    let fixture = Fixture::new();
    let transaction = fixture.transaction();
    let mut staging = Staging::default();
    transaction.stage(&mut staging, &|| None).unwrap();
    drop((transaction, staging));
    assert_eq!(fixture.texts(), ["old"; 3]);
    assert_eq!(fixture.leftovers().len(), 6, "{:?}", fixture.leftovers());
    fixture.begin();
    assert_eq!(fixture.texts(), ["old"; 3]);
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
fn the_ledger_only_grows_and_is_in_no_generation() {
    let fixture = Fixture::new();
    for serial in ["01", "02"] {
        let mut transaction = fixture.begin();
        transaction.write(files()[0].0.clone(), bytes(serial), Access::Private);
        transaction.append_to_ledger(&[entry(serial)]).unwrap();
        transaction.commit(&|| None).unwrap();
    }
    assert_eq!(fixture.ledger(), [entry("01"), entry("02")]);
    for generation in fixture.generations() {
        assert_eq!(generation.files.len(), 1, "{generation:?}");
    }
    let names = fs::read_dir(fixture.layout.directory(Root::State)).unwrap();
    let segments = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        layout::segment_offset(name.to_str().unwrap()).is_some()
    });
    assert_eq!(segments.count(), 0);
}

fn entry(serial: &str) -> ledger::Entry {
    ledger::Entry {
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
    }
}

/// A segment counts once, however much of it the ledger has.
#[test]
fn an_interrupted_merge_of_the_ledger_loses_and_repeats_nothing() {
    let fixture = Fixture::new();
    let line = |serial| serde_json::to_string(&entry(serial)).unwrap() + "\n";
    let (first, segment) = (line("01"), line("02") + &line("03"));
    let state = fixture.layout.directory(Root::State);
    let wanted = [entry("01"), entry("02"), entry("03")];
    for merged in 0..=segment.len() {
        fs::create_dir_all(&state).unwrap();
        let ledger = format!("{first}{}", &segment[..merged]);
        fs::write(state.join("ledger.jsonl"), ledger).unwrap();
        let name = layout::ledger_segment(first.len() as u64).relative;
        fs::write(state.join(&name), &segment).unwrap();
        assert_eq!(fixture.ledger(), wanted, "{merged} bytes are merged");
        let places = Places::new(&fixture.layout);
        ledger::merge(&places, &fixture.tree()).unwrap();
        assert!(!state.join(&name).exists());
        assert_eq!(fixture.ledger(), wanted, "{merged} bytes were merged");
        let text = fs::read_to_string(state.join("ledger.jsonl")).unwrap();
        assert_eq!(text, format!("{first}{segment}"));
    }
}

#[test]
fn a_ledger_that_cannot_be_written_is_a_warning_and_loses_nothing() {
    let fixture = Fixture::new();
    let state = fixture.layout.directory(Root::State);
    fs::create_dir_all(state.join("ledger.jsonl")).unwrap();
    for serial in ["01", "02"] {
        let mut transaction = fixture.begin();
        transaction.write(files()[0].0.clone(), bytes(serial), Access::Private);
        transaction.append_to_ledger(&[entry(serial)]).unwrap();
        let committed = transaction.commit(&|| None).unwrap();
        assert!(
            committed.warnings[0].contains("ledger.jsonl"),
            "{committed:?}"
        );
    }
    fs::remove_dir(state.join("ledger.jsonl")).unwrap();
    assert_eq!(fixture.ledger(), [entry("01"), entry("02")]);
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
fn a_commit_whose_new_file_is_gone_is_not_finished() {
    let fixture = Fixture::new();
    fixture.killed_after(1);
    let certificate = fixture.layout.path(&files()[1].0);
    fs::remove_file(certificate.with_file_name(staging_name("server.crt"))).unwrap();
    let error = fixture.refusal();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("server.crt`: its new content is not there any more"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(certificate).unwrap(), "old");
}

/// A backup was restored over a pending commit, or over a failed one.
#[test]
fn a_journal_that_does_not_fit_the_tree_changes_nothing() {
    for reverted in [false, true] {
        for renames in 0..=3 {
            let fixture = Fixture::new();
            fixture.killed_after(renames);
            if reverted {
                fixture.revert();
            }
            fixture.put(&files()[1].0, "restored", 0o644);
            let before = fixture.texts();
            let error = fixture.refusal();
            assert!(matches!(error, TransactionError::Refused(_)), "{error}");
            let message = error.to_string();
            assert!(
                message.ends_with("server.crt`: it holds neither the old nor the new content"),
                "{message}"
            );
            assert!(error.hint().unwrap().contains("pki recover --discard"));
            assert_eq!(fixture.texts(), before);
        }
    }
}

#[test]
fn recover_finish_puts_new_files_in_place_and_keeps_what_they_replace() {
    for renames in 0..=3 {
        let fixture = Fixture::new();
        fixture.killed_after(renames);
        fixture.put(&files()[2].0, "restored", 0o600);
        if renames == 3 {
            // Its new content is nowhere any more.
            let error = settle(&fixture.layout, Settle::Finish, NOW).unwrap_err();
            assert!(error.to_string().contains("admin.conf"), "{error}");
            continue;
        }
        let settled = settle(&fixture.layout, Settle::Finish, NOW)
            .unwrap()
            .unwrap();
        assert_eq!(settled.finished.len(), 3 - renames);
        assert_eq!(fixture.texts(), ["new"; 3]);
        assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
        let kept = fixture.generations();
        let last = kept.last().unwrap();
        assert_eq!(settled.generation.as_ref(), Some(&last.name));
        let places = Places::new(&fixture.layout);
        let old = generations::read(&places, last, &last.files[0]).unwrap();
        assert_eq!(old.unwrap().bytes.as_slice(), b"restored");
    }
}

#[test]
fn recover_discard_brings_old_files_back_and_leaves_others() {
    for renames in 0..=3 {
        let fixture = Fixture::new();
        fixture.killed_after(renames);
        fixture.put(&files()[2].0, "restored", 0o600);
        let settled = settle(&fixture.layout, Settle::Discard, NOW)
            .unwrap()
            .unwrap();
        assert_eq!(fixture.texts(), ["old", "old", "restored"]);
        assert_eq!(settled.left, [files()[2].0.clone()]);
        assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
        assert_eq!(
            settle(&fixture.layout, Settle::Discard, NOW)
                .unwrap()
                .map(|_| ()),
            None
        );
    }
}

#[test]
fn recover_discard_removes_a_damaged_journal_and_keeps_the_old_files() {
    let fixture = Fixture::new();
    fixture.killed_after(1);
    fs::write(fixture.layout.certificates.join(COMMIT), "{\"version\"").unwrap();
    assert!(matches!(fixture.refusal(), TransactionError::Refused(_)));
    assert!(fixture.tree().journal_error().is_some());
    let settled = settle(&fixture.layout, Settle::Discard, NOW)
        .unwrap()
        .unwrap();
    let kept = fixture.generations();
    assert_eq!(settled.generation.as_ref(), Some(&kept[0].name));
    fixture.begin();
}

#[test]
fn a_reader_does_not_see_what_an_undo_is_going_to_take_away() {
    let fixture = Fixture::new();
    let (first, _) = &files()[0];
    fs::remove_file(fixture.layout.path(first)).unwrap();
    fixture.killed_after(3);
    fixture.revert();
    let tree = fixture.tree();
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
fn a_journal_of_another_kubeconfig_directory_is_left_to_it() {
    let fixture = Fixture::new();
    fixture.killed_after(1);
    let other = Layout {
        kubeconfigs: fixture.layout.kubeconfigs.with_file_name("other"),
        ..fixture.layout.clone()
    };
    // Its certificates are the new ones for everybody.
    let tree = Tree::open(&other).unwrap();
    for (file, _) in &files()[..2] {
        let contents = tree.read(file).unwrap().unwrap();
        assert_eq!(contents.bytes.as_slice(), b"new", "{file}");
    }
    let error = Transaction::begin(&other, "init", NOW).err().unwrap();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
    assert!(error.hint().unwrap().contains("--kubeconfig-dir"));
    assert!(!other.kubeconfigs.exists());
    fixture.begin();
    assert_eq!(fixture.texts(), ["new"; 3]);
}

#[test]
fn a_journal_of_another_user_is_not_recovered() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for is_journal in [true, false] {
        let fixture = Fixture::new();
        fixture.killed_after(1);
        let owned = match is_journal {
            true => fixture.layout.certificates.join(COMMIT),
            false => fixture.layout.directory(Root::State),
        };
        std::os::unix::fs::chown(&owned, Some(4242), None).unwrap();
        let before = fixture.texts();
        let error = fixture.refusal();
        assert!(matches!(error, TransactionError::Refused(_)), "{error}");
        assert!(error.to_string().contains("user 4242"), "{error}");
        assert_eq!(fixture.texts(), before);
    }
}

#[test]
fn a_ledger_that_an_editor_has_cut_short_gets_its_line_end_back() {
    let fixture = Fixture::new();
    let state = fixture.layout.directory(Root::State);
    fs::create_dir(&state).unwrap();
    let line = serde_json::to_string(&entry("01")).unwrap();
    fs::write(state.join("ledger.jsonl"), &line).unwrap();
    let mut transaction = fixture.begin();
    transaction.append_to_ledger(&[entry("02")]).unwrap();
    transaction.commit(&|| None).unwrap();
    assert_eq!(fixture.ledger(), [entry("01"), entry("02")]);
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

//! Each state that a kill can leave, and how the next run recovers from it.

use super::*;

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
            .contains("server.crt`: its new content is missing"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(certificate).unwrap(), "old");
}

/// Only the bytes that the journal names go into place, whatever stands under the name of the new file by now.
#[test]
fn a_commit_whose_new_file_was_exchanged_is_not_finished() {
    let fixture = Fixture::new();
    fixture.killed_after(1);
    let certificate = fixture.layout.path(&files()[1].0);
    fs::write(
        certificate.with_file_name(staging_name("server.crt")),
        "planted",
    )
    .unwrap();
    let error = fixture.refusal();
    assert!(matches!(error, TransactionError::Refused(_)), "{error}");
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
                message.ends_with("server.crt`: it has neither the old nor the new content"),
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
            for settle in [previewed, settle] {
                let error = settle(&fixture.layout, Settle::Finish, NOW).unwrap_err();
                assert!(error.to_string().contains("admin.conf"), "{error}");
            }
            continue;
        }
        let settled = fixture.settle(Settle::Finish).unwrap();
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
        let settled = fixture.settle(Settle::Discard).unwrap();
        assert_eq!(fixture.texts(), ["old", "old", "restored"]);
        assert_eq!(settled.left, [files()[2].0.clone()]);
        assert!(fixture.leftovers().is_empty(), "{:?}", fixture.leftovers());
        assert_eq!(fixture.settle(Settle::Discard), None);
    }
}

#[test]
fn recover_discard_removes_a_damaged_journal_and_keeps_the_old_files() {
    let fixture = Fixture::new();
    fixture.killed_after(1);
    fs::write(fixture.layout.certificates.join(COMMIT), "{\"version\"").unwrap();
    assert!(matches!(fixture.refusal(), TransactionError::Refused(_)));
    assert!(fixture.tree().journal_error().is_some());
    let settled = fixture.settle(Settle::Discard).unwrap();
    let kept = fixture.generations();
    assert_eq!(settled.generation.as_ref(), Some(&kept[0].name));
    fixture.begin();
}

/// The command in a manifest becomes a part of that name.
#[test]
fn kept_files_get_a_name_that_leads_nowhere_else() {
    let fixture = Fixture::new();
    fixture.killed_after(1);
    fs::write(fixture.layout.certificates.join(COMMIT), "{").unwrap();
    let generations = fixture.layout.directory(Root::State).join("generations");
    let manifest = generations.join(".new/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let hostile = text.replace("renew all", "x/../../../moved");
    assert_ne!(text, hostile);
    fs::write(manifest, hostile).unwrap();
    fs::create_dir(generations.join("20261122T000000Z-x")).unwrap();
    let settled = fixture.settle(Settle::Discard).unwrap();
    assert_eq!(settled.generation.unwrap(), "20261122T000000Z-x-2");
    assert!(!fixture.layout.kubeconfigs.join("moved").exists());
}

fn previewed(
    layout: &Layout,
    how: Settle,
    now: OffsetDateTime,
) -> Result<Option<SettledCommit>, TransactionError> {
    let preview = preview_settling(layout, how, now)?;
    Ok(preview.map(|preview| preview.settled))
}

#[test]
fn a_preview_is_told_who_holds_the_lock() {
    let fixture = Fixture::new();
    let _held = fixture.begin();
    let error = preview_settling(&fixture.layout, Settle::Finish, NOW)
        .err()
        .unwrap();
    assert!(matches!(error, TransactionError::Busy(_)), "{error}");
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
fn a_pending_commit_for_another_certificate_directory_is_left_to_it() {
    for (own, other) in [("pki", "other"), ("other", "pki"), ("one", "../two")] {
        let mut fixture = Fixture::new();
        let usual = fixture.layout.certificates.clone();
        fixture.layout.certificates = fixture.layout.kubeconfigs.join(own);
        if !fixture.layout.certificates.exists() {
            fs::rename(&usual, &fixture.layout.certificates).unwrap();
        }
        fixture.killed_after(1);
        let waiting = fixture.leftovers();
        let other = Layout {
            certificates: fixture.layout.kubeconfigs.join(other),
            ..fixture.layout.clone()
        };
        fs::create_dir_all(&other.certificates).unwrap();
        let error = Transaction::begin(&other, "renew all", NOW).err().unwrap();
        assert!(matches!(error, TransactionError::Refused(_)), "{error}");
        let hint = format!("--cert-dir {}", fixture.layout.certificates.display());
        assert!(error.hint().unwrap().contains(&hint), "{error:?}");
        assert!(settle(&other, Settle::Discard, NOW).is_err());
        assert_eq!(fixture.leftovers(), waiting);

        fixture.begin();
        assert_eq!(fixture.texts(), ["new"; 3]);
        // Nothing is pending any more, and nothing names the directory.
        Transaction::begin(&other, "renew all", NOW).unwrap();
        let state = fixture.layout.directory(Root::State);
        assert!(!state.join("transaction").exists());
    }
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

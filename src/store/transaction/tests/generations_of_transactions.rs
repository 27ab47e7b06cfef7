//! Which generations a transaction keeps and removes.

use super::*;

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

/// Its old keys are still there, so a purge must not seem complete.
#[test]
fn a_purge_names_a_generation_that_it_cannot_read() {
    let fixture = Fixture::new();
    for text in ["new", "newer"] {
        let mut transaction = fixture.begin();
        transaction.write(files()[0].0.clone(), bytes(text), Access::Private);
        transaction.commit(&|| None).unwrap();
    }
    let damaged = fixture.generations().remove(0).name;
    let generations = fixture.layout.directory(Root::State).join("generations");
    fs::write(generations.join(&damaged).join("manifest.json"), "{").unwrap();
    let places = Places::new(&fixture.layout);
    let preview = Generations::read(&places, &fixture.tree())
        .unwrap()
        .would_purge(&places)
        .unwrap();
    let purged = fixture.begin().purge();
    assert_eq!(purged.dropped.len(), 1);
    assert!(purged.warnings.join("\n").contains(&damaged), "{purged:?}");
    assert_eq!(
        (preview.dropped, preview.warnings),
        (purged.dropped, purged.warnings)
    );
    assert!(generations.join(damaged).is_dir());
}

//! The ledger, and its segments.

use super::*;

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

fn entry(serial: &str) -> ledger::LedgerEntry {
    ledger::LedgerEntry {
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

/// A segment counts once, even if the ledger already has some of its lines.
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

/// It may also be a file of another directory, in which nothing is written.
#[test]
fn a_ledger_with_another_name_is_not_written() {
    let fixture = Fixture::new();
    let state = fixture.layout.directory(Root::State);
    let outside = fixture.layout.kubeconfigs.with_file_name("outside");
    fs::create_dir_all(&state).unwrap();
    fs::write(&outside, "").unwrap();
    fs::hard_link(&outside, state.join("ledger.jsonl")).unwrap();
    let mut transaction = fixture.begin();
    transaction.append_to_ledger(&[entry("01")]).unwrap();
    let committed = transaction.commit(&|| None).unwrap();
    assert!(committed.warnings[0].contains("2 names"), "{committed:?}");
    assert_eq!(fs::read_to_string(outside).unwrap(), "");
    assert_eq!(fixture.ledger(), [entry("01")]);
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

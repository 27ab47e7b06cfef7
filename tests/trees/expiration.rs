//! `check-expiration` on kubeadm's trees prints the output of `kubeadm certs check-expiration`, with one more row.
//!
//! That row is `kubelet.conf`, which kubeadm does not check.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{Run, TestTree, config_of, fixtures, made_at};

const TREES: [&str; 4] = [
    "kubeadm-1.36/stacked",
    "kubeadm-1.36/ha",
    "kubeadm-1.36/external-etcd",
    "kubeadm-1.36/external-ca",
];

const LISTS: [&str; 2] = ["certificates", "certificateAuthorities"];

/// kubeadm: TestRunCmdCertsExpiration / columns, from file and server, with and without a missing certificate
#[test]
fn text_equals_kubeadms_byte_by_byte() {
    for fixture in TREES {
        let expected = printed_by_kubeadm(fixture, "text");
        for run in with_and_without_config(fixture, made_at("kubeadm-1.36"), "text") {
            let (ours, kubelet): (Vec<_>, Vec<_>) = run
                .stdout
                .split_inclusive('\n')
                .partition(|line| !line.starts_with("kubelet.conf "));
            assert_eq!(ours.concat(), expected, "{fixture}");
            let admin = ours[1].replace("admin.conf  ", "kubelet.conf");
            assert_eq!(
                kubelet,
                [admin],
                "{fixture}: one row more, made in the same minute"
            );
        }
    }
}

/// kubeadm: TestExpirationInfo
/// kubeadm: TestRunCmdCertsExpiration / json, from file and server, with and without a missing certificate
#[test]
fn json_equals_kubeadms_key_by_key() {
    for fixture in TREES {
        let text = printed_by_kubeadm(fixture, "json");
        let expected: Value = serde_json::from_str(&text).unwrap();
        for clock in clocks(&expected) {
            for run in with_and_without_config(fixture, clock, "json") {
                let mut ours: Value = serde_json::from_str(&run.stdout).unwrap();
                take_kubelet_row(&mut ours, fixture);
                // Both keep the order of keys.
                assert_eq!(pretty(&ours), pretty(&at(&expected, clock)), "{fixture}");
            }
        }
    }
}

#[test]
fn json_is_indented_as_kubeadm_indents_it() {
    for fixture in TREES {
        let text = printed_by_kubeadm(fixture, "json");
        let clock = clocks(&serde_json::from_str(&text).unwrap())
            .into_iter()
            .next()
            .unwrap();
        for run in with_and_without_config(fixture, clock, "json") {
            let lines: Vec<_> = run.stdout.split_inclusive('\n').collect();
            let name = lines
                .iter()
                .position(|line| line.contains("\"kubelet.conf\""))
                .unwrap();
            // The row begins one line before its name and has eight lines.
            let ours = [&lines[..name - 1], &lines[name + 7..]].concat();
            assert_eq!(
                without_seconds(&ours.concat()),
                without_seconds(&text),
                "{fixture}"
            );
        }
    }
}

#[test]
fn yaml_equals_kubeadms_key_by_key() {
    for fixture in TREES {
        let expected: Value = parse_yaml(&printed_by_kubeadm(fixture, "yaml"));
        for clock in clocks(&expected) {
            for run in with_and_without_config(fixture, clock, "yaml") {
                let mut ours = parse_yaml(&run.stdout);
                take_kubelet_row(&mut ours, fixture);
                assert_eq!(pretty(&ours), pretty(&at(&expected, clock)), "{fixture}");
            }
        }
    }
}

#[test]
fn trees_of_1_20_have_no_super_admin_and_are_healthy_without_it() {
    for (fixture, rows) in [("stacked", 12), ("ha", 12), ("external-etcd", 8)] {
        let tree = TestTree::fixture(&format!("kubeadm-1.20/{fixture}"));
        let now = made_at("kubeadm-1.20");
        let run = tree
            .pki_at(now, &["check-expiration"])
            .exits(0)
            .prints("!MISSING! super-admin.conf");
        assert_eq!(run.stdout.matches("MISSING").count(), 1, "{run}");
        let json = tree.expiration(now);
        let certificates = json["certificates"].as_array().unwrap();
        assert_eq!(certificates.len(), rows, "{fixture}");
        for row in certificates {
            assert_eq!(
                row["missing"],
                Value::Bool(row["name"] == "super-admin.conf"),
                "{fixture}: {row}"
            );
        }
    }
}

/// kubeadm: TestExpirationInfo -> residual time within 5 s; stricter: to the second
#[test]
fn residual_time_is_exact_to_the_second_and_negative_once_expired() {
    let tree = TestTree::fixture("kubeadm-1.36/stacked");
    let end = time::macros::datetime!(2027-11-22 00:20:31 UTC);
    for (seconds, code) in [
        (86_400 * 31, 0),
        (86_400 * 30, 4),
        (1, 4),
        (-1, 5),
        (-86_400, 5),
    ] {
        let now = end - Duration::seconds(seconds);
        tree.pki_at(now, &["check-expiration"]).exits(code);
        let json = tree.expiration(now);
        let row = row(&json, "apiserver");
        assert_eq!(row["residualTime"], seconds, "{row}");
        assert_eq!(row["expirationDate"], "2027-11-22T00:20:31Z");
    }
}

/// Runs `check-expiration` on a new copy of a fixture, without a configuration and with the configuration of the tree.
fn with_and_without_config(fixture: &str, now: OffsetDateTime, output: &str) -> [Run; 2] {
    let tree = TestTree::fixture(fixture);
    let arguments = ["check-expiration", "-o", output];
    let without = tree
        .pki_at(now, &arguments)
        .exits(0)
        .says("no configuration is recorded")
        .changed_nothing();
    let config = config_of(fixture);
    let with = tree
        .pki_at(now, &[&arguments[..], &["--config", &config]].concat())
        .exits(0)
        .says_nothing()
        .changed_nothing();
    [without, with]
}

fn printed_by_kubeadm(fixture: &str, format: &str) -> String {
    let file = format!("check-expiration.{format}");
    fs::read_to_string(fixtures().join(fixture).join(file)).unwrap()
}

/// Returns the times at which kubeadm ran: it reads the clock for each row.
fn clocks(expected: &Value) -> BTreeSet<OffsetDateTime> {
    let clocks: BTreeSet<_> = LISTS
        .iter()
        .flat_map(|list| expected[list].as_array().unwrap())
        .map(clock_of)
        .collect();
    let (first, last) = (clocks.first().unwrap(), clocks.last().unwrap());
    assert!(*last - *first <= Duration::SECOND, "one run: {clocks:?}");
    clocks
}

fn clock_of(row: &Value) -> OffsetDateTime {
    expiry_of(row) - Duration::seconds(row["residualTime"].as_i64().unwrap())
}

fn expiry_of(row: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(row["expirationDate"].as_str().unwrap(), &Rfc3339).unwrap()
}

/// Returns what kubeadm would have printed if its clock had stood still.
fn at(expected: &Value, clock: OffsetDateTime) -> Value {
    let mut expected = expected.clone();
    for list in LISTS {
        for row in expected[list].as_array_mut().unwrap() {
            row["residualTime"] = (expiry_of(row) - clock).whole_seconds().into();
        }
    }
    expected
}

/// Removes the row that kubeadm does not have; it must have the format of the other rows.
fn take_kubelet_row(ours: &mut Value, fixture: &str) {
    let rows = ours["certificates"].as_array_mut().unwrap();
    let place = rows
        .iter()
        .position(|row| row["name"] == "kubelet.conf")
        .unwrap();
    let mut kubelet = rows.remove(place);
    let admin = rows
        .iter()
        .find(|row| row["name"] == "admin.conf")
        .unwrap()
        .clone();
    let apart = (expiry_of(&kubelet) - expiry_of(&admin)).abs();
    assert!(apart <= Duration::seconds(5), "{fixture}: made in one run");
    assert_eq!(clock_of(&kubelet), clock_of(&admin), "{fixture}: one clock");
    for key in ["name", "expirationDate", "residualTime"] {
        kubelet[key] = admin[key].clone();
    }
    assert_eq!(pretty(&kubelet), pretty(&admin), "{fixture}");
}

fn row<'a>(json: &'a Value, name: &str) -> &'a Value {
    json["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["name"] == name)
        .unwrap()
}

fn parse_yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// Removes the number that depends on the second at which a row was checked.
fn without_seconds(json: &str) -> String {
    let blank = |line: &str| match line.split_once("\"residualTime\": ") {
        Some((before, _)) => format!("{before}\"residualTime\": ?\n"),
        None => line.to_owned(),
    };
    json.split_inclusive('\n').map(blank).collect()
}

//! Some of the mutants, in a whole tree, in the hands of the binary.

use std::fs;

use anyhow::{Result, ensure};
use pki::config::{self, Cluster};
use serde_json::json;

use super::{
    case::sections,
    configurations::{RICH, difference, host, read_again},
    everything,
    files::embeds_the_same,
    mutant::Mutant,
    script,
};
use crate::support::{Run, TestTree, peer, rows::never_renewed, say};

/// The files below `etc/kubernetes` that are mutated, and the name of the row that a message may use instead.
const FILES: [(&str, &str); 10] = [
    ("pki/ca.crt", "`ca`"),
    ("pki/ca.key", "`ca`"),
    ("pki/etcd/ca.crt", "`etcd-ca`"),
    ("pki/apiserver.crt", "`apiserver`"),
    ("pki/apiserver.key", "`apiserver`"),
    ("pki/sa.key", "`sa`"),
    ("pki/sa.pub", "`sa`"),
    ("admin.conf", "admin.conf"),
    ("kubelet.conf", "kubelet.conf"),
    (RECORD, RECORD),
];

const RECORD: &str = ".pki/cluster.yaml";

/// A mutant in its tree.
struct Sample {
    name: &'static str,
    row: &'static str,
    bytes: Vec<u8>,
    original: Vec<u8>,
}

impl Sample {
    fn tree(&self) -> TestTree {
        let tree = TestTree::new();
        tree.write(self.name, &self.bytes);
        tree
    }

    /// Runs the binary, which has to exit with one of these codes, and to name the file if it fails.
    fn pki(&self, tree: &TestTree, arguments: &[&str], codes: &[i32]) -> Result<Run> {
        let run = tree.pki(arguments);
        let code = run.code.unwrap_or(-1);
        ensure!(codes.contains(&code), "exit code {code}: {run}");
        if code == 3 {
            ensure!(run.stdout.is_empty(), "a refusal is not data: {run}");
            ensure!(run.changes.as_ref().unwrap().is_empty(), "{run}");
        }
        if code != 0 && !self.is_a_wish() {
            let said = format!("{}{}", run.stdout, run.stderr);
            let name = self.name.rsplit('/').next().unwrap();
            let is_named = said.contains(name) || said.contains(self.row);
            ensure!(is_named, "the file is not named: {run}");
        }
        Ok(run)
    }

    /// Returns whether it is a record that says something else than the original, as an operator might have written it.
    fn is_a_wish(&self) -> bool {
        let resolve = |reading: config::ConfigFile| Cluster::resolve(reading.settings, &host());
        let read = || config::read(RECORD, &self.bytes).and_then(resolve);
        self.name == RECORD && read().is_ok()
    }

    /// `init` keeps nothing but the original, and changes nothing that it keeps.
    fn init(&self) -> Result<()> {
        let run = self.pki(&self.tree(), &["init"], &[0, 3])?;
        // What a record says that is not the original is recorded.
        if !self.is_a_wish() {
            ensure!(run.code != Some(0) || self.is_same(), "it is kept: {run}");
        }
        ensure!(run.files_changed().is_empty(), "{run}");
        Ok(())
    }

    fn check_expiration(&self) -> Result<()> {
        let run = self.pki(&self.tree(), &["check-expiration"], &[0, 3, 5])?;
        ensure!(run.changes.as_ref().unwrap().is_empty(), "{run}");
        let is_shown = self.name.ends_with(".crt");
        ensure!(
            run.code != Some(0) || !is_shown || self.is_same(),
            "it is believed: {run}"
        );
        Ok(())
    }

    /// Renews everything; returns the tree if that went well.
    fn renew(&self) -> Result<Option<TestTree>> {
        let tree = self.tree();
        let run = self.pki(&tree, &["renew", "all"], &[0, 3, 5])?;
        let changed = run.files_changed();
        for name in never_renewed() {
            ensure!(!changed.contains(&name), "{name} was changed: {run}");
        }
        if run.code == Some(0) {
            return Ok(Some(tree).filter(|_| !self.is_a_wish()));
        }
        // A kubeconfig without a CA is renewed all the same, and what it lacks is said.
        let is_said = run.stderr.contains("names no CA");
        ensure!(
            tree.read(self.name) == self.bytes || self.is_a_wish() || is_said,
            "it was changed: {run}"
        );
        Ok(None)
    }

    /// Returns whether another library reads the same from it. Of the text around PEM only bytes tell, and an upper-case letter in
    /// a host name says the same.
    fn is_same(&self) -> bool {
        if !sections(&self.original).unwrap_or_default().is_empty() {
            return sections(&self.bytes) == sections(&self.original);
        }
        let texts = (str::from_utf8(&self.original), str::from_utf8(&self.bytes));
        let (Ok(original), Ok(mutant)) = texts else {
            return false;
        };
        let words = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.contains("-data:"));
            lines.map(str::to_ascii_lowercase).collect()
        };
        words(original) == words(mutant) && embeds_the_same(original, mutant)
    }
}

/// Returns the mutants of a file that are tried: a fixed choice in which every bit and every part of the file occurs.
pub(super) fn chosen(length: usize) -> Vec<Mutant> {
    let step = if everything() { 97 } else { 641 };
    Mutant::all(length)
        .into_iter()
        .skip(step / 2)
        .step_by(step)
        .collect()
}

fn check(names: &[&str]) {
    if peer("python").is_none() {
        return;
    }
    let source = TestTree::new();
    let (mut renewed, mut wrong, mut count) = (Vec::new(), Vec::new(), 0);
    for (name, row) in FILES.into_iter().filter(|(name, _)| names.contains(name)) {
        let original = source.read(name);
        for mutant in chosen(original.len()) {
            let sample = Sample {
                name,
                row,
                bytes: mutant.of(&original),
                original: original.clone(),
            };
            let title = format!("{name}: {mutant}");
            let mut note = |result: Result<()>| {
                wrong.extend(result.err().map(|why| format!("{title}: {why:#}\n")));
            };
            note(sample.init());
            note(sample.check_expiration());
            match sample.renew() {
                Ok(tree) => renewed.extend(tree.map(|tree| (title, tree))),
                Err(why) => note(Err(why)),
            }
            count += 1;
        }
    }
    let request = json!({
        "original": source.path(""),
        "trees": renewed.iter().map(|(_, tree)| tree.path("")).collect::<Vec<_>>(),
    });
    let answers: Vec<Vec<String>> =
        serde_json::from_value(script("renewed.py", &request).unwrap()).unwrap();
    assert_eq!(answers.len(), renewed.len());
    for ((title, _), problems) in renewed.iter().zip(answers) {
        if !problems.is_empty() {
            wrong.push(format!(
                "{title}: after `renew all`: {}\n",
                problems.join("; ")
            ));
        }
    }
    say(&format!(
        "{count} mutants in the hands of the binary, {} renewals judged\n",
        renewed.len()
    ));
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn the_binary_refuses_mutants_of_cas() {
    check(&["pki/ca.crt", "pki/ca.key", "pki/etcd/ca.crt"]);
}

#[test]
fn the_binary_never_believes_mutants_of_leaves_and_keys() {
    check(&[
        "pki/apiserver.crt",
        "pki/apiserver.key",
        "pki/sa.key",
        "pki/sa.pub",
    ]);
}

#[test]
fn the_binary_never_believes_mutants_of_kubeconfigs() {
    check(&["admin.conf", "kubelet.conf"]);
}

#[test]
fn the_binary_refuses_mutants_of_the_recorded_configuration_or_does_what_they_say() {
    check(&[RECORD]);
}

/// Fields that the command line decides.
const DECIDED_ELSEWHERE: [&str; 3] = ["nodeName", "advertiseAddress", "algorithm"];

#[test]
fn the_binary_refuses_mutants_of_a_configuration_or_makes_what_they_say() {
    if peer("python").is_none() {
        return;
    }
    let (mut texts, mut count) = (Vec::new(), 0);
    for mutant in chosen(RICH.len()) {
        let tree = TestTree::empty();
        let config = tree.beside("config.yaml", mutant.of(RICH.as_bytes()));
        // Nothing is left to the machine.
        let mut arguments = vec!["init", "--encryption-algorithm", "ECDSA-P256"];
        arguments.extend(["--node-name", "cp-1"]);
        arguments.extend(["--apiserver-advertise-address", "192.0.2.11"]);
        arguments.extend(["--config", &config]);
        let run = tree.pki(&arguments);
        match run.code {
            Some(0) => {
                let snapshot = tree.snapshot();
                let record = snapshot.keys().find(|path| path.ends_with(RECORD));
                let path = record.unwrap_or_else(|| panic!("{mutant}: nothing is recorded: {run}"));
                texts.push((mutant, fs::read_to_string(tree.root().join(path)).unwrap()));
            }
            Some(3) => {
                run.says("config.yaml").prints_nothing().changed_nothing();
            }
            _ => panic!("{mutant}: {run}"),
        }
        count += 1;
    }
    let read = |texts: Vec<String>| read_again(texts.iter().map(String::as_str)).unwrap();
    let made = read(texts.iter().map(|(_, text)| text.clone()).collect());
    let asked = read(
        texts
            .iter()
            .map(|(mutant, _)| String::from_utf8(mutant.of(RICH.as_bytes())).unwrap())
            .collect(),
    );
    for (((mutant, _), mut made), mut asked) in texts.iter().zip(made).zip(asked) {
        for facts in [&mut made, &mut asked] {
            facts
                .as_object_mut()
                .unwrap()
                .retain(|name, _| !DECIDED_ELSEWHERE.contains(&name.as_str()));
        }
        assert!(made == asked, "{mutant}: {}", difference(&asked, &made));
    }
    say(&format!(
        "{count} mutants of a configuration in the hands of the binary, {} trees made\n",
        texts.len()
    ));
}

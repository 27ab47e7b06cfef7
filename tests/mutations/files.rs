//! Certificates, keys and kubeconfigs: a test for each kind of file.

use std::{collections::BTreeMap, process::Command};

use base64::{
    Engine, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use pki::{
    catalog::{self, Row},
    tree::layout,
};
use rustls_pki_types::{
    CertificateDer,
    pem::{PemObject, SectionKind},
};
use serde_json::json;
use x509_cert::der::{Decode, Encode};

use super::{
    case::{MutationCase, Verdict, sections},
    everything,
    mutant::{Mutant, assert_none_wrong, sweep},
    script,
};
use crate::support::{peer, peers, run_with_input, say};

/// Verdicts on the mutants of one file.
struct Judged {
    case: MutationCase,
    verdicts: Vec<(Mutant, Verdict)>,
}

impl Judged {
    fn all(case: MutationCase) -> Judged {
        let mutants = Mutant::all(case.original.len());
        Judged::these(case, mutants)
    }

    fn these(case: MutationCase, mutants: Vec<Mutant>) -> Judged {
        let verdicts = sweep(&case.original, &mutants, |mutant, bytes| {
            Ok(case.judge(Some(mutant), bytes))
        });
        let panicked = |why| Verdict {
            wrong: vec![why],
            ..Verdict::default()
        };
        let verdicts = verdicts
            .into_iter()
            .map(|(mutant, verdict)| (mutant, verdict.unwrap_or_else(panicked)))
            .collect();
        Judged { case, verdicts }
    }

    #[track_caller]
    fn assert_none_wrong(&self) {
        let count = |is: fn(&Verdict) -> bool| {
            let verdicts = self.verdicts.iter();
            verdicts.filter(|(_, verdict)| is(verdict)).count()
        };
        say(&format!(
            "{}: {} mutants: {} are kept by init, {} healthy to a check, {} renewed\n",
            self.case.file,
            self.verdicts.len(),
            count(|verdict| verdict.kept),
            count(|verdict| verdict.healthy),
            count(|verdict| verdict.renewed),
        ));
        let wrong: Vec<_> = self
            .verdicts
            .iter()
            .filter(|(_, verdict)| !verdict.wrong.is_empty())
            .map(|(mutant, verdict)| (*mutant, verdict.wrong.join("; ")))
            .collect();
        assert_none_wrong(&self.case.file.to_string(), self.verdicts.len(), &wrong);
    }
}

fn check_certificate(case: MutationCase) {
    Judged::all(case).assert_none_wrong();
}

/// A key that differs from the original in its bytes must be the same key for openssl.
fn check_key(row: &'static Row, beside: &'static Row) {
    if peer("openssl").is_none() {
        return;
    }
    let mut judged = Judged::all(MutationCase::new(
        row,
        layout::key_file(row).unwrap(),
        beside,
    ));
    let original = judged.case.original.clone();
    let said = described(&original);
    for (mutant, verdict) in &mut judged.verdicts {
        if verdict.kept_reencoded && described(&mutant.of(&original)) != said {
            let why = "it is used, and is another key to openssl";
            verdict.wrong.push(why.to_owned());
        }
    }
    judged.assert_none_wrong();
}

/// Returns what openssl says of a private key: in words, which are never shown. The public half has several forms.
fn described(key: &[u8]) -> String {
    let mut command = Command::new("openssl");
    command.args(["pkey", "-noout", "-text", "-ec_conv_form", "uncompressed"]);
    let run = run_with_input(&mut command, str::from_utf8(key).unwrap());
    assert!(run.code == Some(0) || run.stdout.is_empty());
    run.stdout
}

/// What is kept has to say the same to PyYAML and to hold the same PEM, and what is renewed may differ from what it was only in
/// what a renewal changes.
fn check_kubeconfig(row: &'static Row, one_in: usize) {
    if peers(["python", "openssl"]).is_none() {
        return;
    }
    let file = layout::kubeconfig_file(row).unwrap();
    let case = MutationCase::new(row, file, &catalog::CA);
    let mut mutants = Mutant::all(case.original.len());
    mutants.retain(|mutant| everything() || mutant.number() % one_in == 0);
    let mut judged = Judged::these(case, mutants);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let original = text(&judged.case.original);
    let mut rows = Vec::new();
    for (index, (mutant, verdict)) in judged.verdicts.iter().enumerate() {
        let before = || text(&mutant.of(&judged.case.original));
        if verdict.kept {
            rows.push((index, before(), json!({"same": [original, before()]})));
        }
        if let Some(after) = &verdict.kubeconfig {
            rows.push((index, before(), json!({"renewed": [before(), after]})));
        }
    }
    let request = rows.iter().map(|(.., row)| row.clone()).collect();
    let answers = script("kubeconfigs.py", &request).unwrap();
    let answers: Vec<BTreeMap<String, Option<String>>> = serde_json::from_value(answers).unwrap();
    assert_eq!(answers.len(), rows.len());
    for ((index, before, row), answer) in rows.iter().zip(answers) {
        let as_what = if row.get("same").is_some() {
            "kept"
        } else {
            "renewed"
        };
        let complaint = answer
            .into_iter()
            .find_map(|(reader, complaint)| Some((reader, complaint?)));
        let why = match complaint {
            Some((reader, complaint)) => format!("it is {as_what}, and to {reader} {complaint}"),
            None if as_what == "kept" && !embeds_the_same(&original, before) => {
                "it is kept, and what it embeds is something else to others".to_owned()
            }
            None => continue,
        };
        judged.verdicts[*index].1.wrong.push(why);
    }
    judged.assert_none_wrong();
}

/// Base64 as `encoding/base64.StdEncoding` of Go reads it: the unused bits of the last character may be set.
const GOS_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Returns whether the fields of a kubeconfig that hold PEM hold the same as the original's to others. Of a CA only its name and
/// its key count: that is all that a client trusts.
pub(super) fn embeds_the_same(original: &str, mutant: &str) -> bool {
    // Whether it is a CA, and the PEM.
    type Value = (bool, Vec<u8>);
    let values = |text: &str| -> Vec<Value> {
        let values = text.lines().filter_map(|line| line.split_once("-data:"));
        values
            .filter_map(|(field, value)| {
                let is_ca = field.ends_with("certificate-authority");
                Some((is_ca, GOS_BASE64.decode(value.trim()).ok()?))
            })
            .collect()
    };
    let (original, mutant) = (values(original), values(mutant));
    let is_same = |((is_ca, original), (_, mutant)): (&Value, &Value)| {
        let (one, other) = (blocks(original), blocks(mutant));
        let is_key = one
            .as_ref()
            .is_some_and(|one| one[0].0 != SectionKind::Certificate);
        one == other
            || is_key && other.is_some() && described(original) == described(mutant)
            || *is_ca && anchors(original).is_some() && anchors(original) == anchors(mutant)
    };
    original.len() == mutant.len() && original.iter().zip(&mutant).all(is_same)
}

/// Returns the blocks of a PEM file. Go reads them whatever follows the last one.
fn blocks(pem: &[u8]) -> Option<Vec<(SectionKind, Vec<u8>)>> {
    let end = pem.iter().rposition(|byte| *byte == b'-')?;
    sections(&pem[..=end])
}

/// Returns the names and public keys of the certificates in a PEM file; none if one cannot be read. Not webpki's: as Go, and
/// unlike webpki, x509-cert takes a signature that is no whole number of octets, and nobody looks at a root's signature.
fn anchors(pem: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let certificates = CertificateDer::pem_slice_iter(pem);
    certificates
        .map(|der| {
            let certificate = x509_cert::Certificate::from_der(&der.ok()?).ok()?;
            let tbs = certificate.tbs_certificate();
            let key = tbs.subject_public_key_info().to_der().ok()?;
            Some((tbs.subject().to_der().ok()?, key))
        })
        .collect()
}

#[test]
fn mutants_of_the_cluster_ca_are_refused() {
    let row = &catalog::CA;
    check_certificate(MutationCase::new(
        row,
        layout::certificate_file(row).unwrap(),
        &catalog::APISERVER,
    ));
}

#[test]
fn mutants_of_the_etcd_ca_are_refused() {
    let row = &catalog::ETCD_CA;
    check_certificate(MutationCase::new(
        row,
        layout::certificate_file(row).unwrap(),
        &catalog::ETCD_SERVER,
    ));
}

#[test]
fn mutants_of_an_intermediate_ca_with_its_root_are_refused() {
    let mut judged = Judged::all(MutationCase::intermediate());
    // A file that ends where its root begins is that of an intermediate without its root, which is not wrong.
    let original = sections(&judged.case.original).unwrap();
    for (mutant, verdict) in &mut judged.verdicts {
        let bytes = mutant.of(&judged.case.original);
        if judged.case.original.starts_with(&bytes)
            && sections(&bytes).as_deref() == Some(&original[..1])
            && bytes.trim_ascii_end().ends_with(b"-----")
        {
            verdict.wrong.clear();
        }
    }
    judged.assert_none_wrong();
}

#[test]
fn mutants_of_a_leaf_are_never_believed() {
    let row = &catalog::APISERVER;
    check_certificate(MutationCase::new(
        row,
        layout::certificate_file(row).unwrap(),
        &catalog::CA,
    ));
}

#[test]
fn mutants_of_the_kubelets_own_certificate_are_never_believed() {
    check_certificate(MutationCase::rotating());
}

#[test]
fn mutants_of_a_leafs_key_are_refused() {
    check_key(&catalog::APISERVER, &catalog::CA);
}

#[test]
fn mutants_of_a_cas_key_are_refused() {
    check_key(&catalog::CA, &catalog::APISERVER);
}

#[test]
fn mutants_of_the_service_account_key_are_refused() {
    check_key(&catalog::SA, &catalog::SA);
}

#[test]
fn mutants_of_the_service_account_public_key_are_refused() {
    let row = &catalog::SA;
    check_certificate(MutationCase::new(
        row,
        layout::certificate_file(row).unwrap(),
        row,
    ));
}

#[test]
fn mutants_of_the_administrators_kubeconfig_are_never_believed() {
    check_kubeconfig(&catalog::ADMIN_CONF, 1);
}

#[test]
fn mutants_of_the_kubelets_kubeconfig_are_never_believed() {
    // It is laid out as the administrator's, of which there is every one.
    check_kubeconfig(&catalog::KUBELET_CONF, 5);
}

//! Go's own `crypto/x509`: the verdicts of the vectors are Go's, and `pki` accepts no mutant of a certificate that Go refuses.

use std::{fmt::Write, path::PathBuf, process::Command};

use pki::x509::{
    certificate::Certificate,
    chain::Chain,
    usage::Usage,
    verify::{has_supported_signature, verify},
};
use time::OffsetDateTime;

use crate::support::{
    go_vectors::{NOW, Vector, Verdict, vectors},
    peer, run_with_input, say,
};

#[test]
fn the_verdict_of_every_vector_is_gos() {
    let Some(go) = Go::find() else { return };
    let vectors = vectors();
    let verdicts = go.judge(&vectors);
    for (vector, (verdict, error)) in vectors.iter().zip(verdicts) {
        assert_eq!(vector.verdict, verdict, "{}: {error}", vector.name);
    }
}

/// Every octet of a leaf and of its CA is changed.
#[test]
fn no_mutant_that_go_refuses_is_accepted() {
    let Some(go) = Go::find() else { return };
    let mut mutants = Vec::new();
    let change = |index: usize| 1_u8 << (index % 8);
    let originals = [
        "plain",
        "intermediate",
        "SPIFFE URI",
        "CA: constraints permit the name",
    ];
    for original in vectors() {
        if !originals.contains(&original.name) {
            continue;
        }
        for index in 0..original.chain[0].len() {
            let mut chain = original.chain.clone();
            chain[0][index] ^= change(index);
            mutants.push(Vector {
                chain,
                ..copy(&original)
            });
        }
        for index in 0..original.anchor.len() {
            let mut anchor = original.anchor.clone();
            anchor[index] ^= change(index);
            mutants.push(Vector {
                anchor,
                ..copy(&original)
            });
        }
    }
    let mut stricter = 0;
    for (mutant, (verdict, error)) in mutants.iter().zip(go.judge(&mutants)) {
        let ours = ours(mutant);
        assert!(
            ours <= verdict,
            "{}: {ours:?}, and Go says {verdict:?}: {error}\n{}",
            mutant.name,
            line(mutant)
        );
        stricter += usize::from(ours < verdict);
    }
    say(&format!(
        "{} mutants: none accepted that Go refuses, {stricter} refused that Go accepts\n",
        mutants.len()
    ));
}

fn copy(vector: &Vector) -> Vector {
    Vector {
        name: vector.name,
        chain: vector.chain.clone(),
        anchor: vector.anchor.clone(),
        verdict: vector.verdict,
    }
}

fn ours(vector: &Vector) -> Verdict {
    let read = |der: &Vec<u8>| Certificate::from_der(der.clone());
    let chain: Result<Vec<_>, _> = vector.chain.iter().map(read).collect();
    let (Ok(mut chain), Ok(anchor)) = (chain, read(&vector.anchor)) else {
        return Verdict::NotParsed;
    };
    if chain
        .iter()
        .chain([&anchor])
        .any(|read| read.go_error().is_some())
    {
        return Verdict::NotParsed;
    }
    let chain = Chain {
        leaf: chain.remove(0),
        intermediates: chain,
    };
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    // The validity of a trusted CA is the caller's to check, as `check_ca` does.
    let is_valid = anchor.validity().clamp(now) == now && anchor.unknown_critical().is_none();
    match verify(&chain, &[&anchor], Usage::ServerAuth, now) {
        Ok(()) if is_valid && has_supported_signature(&chain.leaf) => Verdict::Accepted,
        _ => Verdict::NotVerified,
    }
}

fn line(vector: &Vector) -> String {
    let hex = |der: &Vec<u8>| {
        der.iter().fold(String::new(), |mut text, octet| {
            write!(text, "{octet:02x}").unwrap();
            text
        })
    };
    let chain: Vec<_> = vector.chain.iter().map(hex).collect();
    format!("{} {}\n", chain.join(","), hex(&vector.anchor))
}

struct Go(PathBuf);

impl Go {
    fn find() -> Option<Go> {
        peer("go").map(Go)
    }

    fn judge(&self, vectors: &[Vector]) -> Vec<(Verdict, String)> {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/verdicts.go");
        let cache = concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/go");
        let mut command = Command::new(&self.0);
        command.args(["run", program, &NOW.to_string()]).envs([
            ("GOCACHE", cache),
            ("GOPATH", cache),
            ("GO111MODULE", "off"),
        ]);
        let input: String = vectors.iter().map(line).collect();
        let output = run_with_input(&mut command, &input).ok();
        let verdict = |line: &str| {
            let (verdict, error) = line.split_once(' ').unwrap_or((line, ""));
            let verdict = match verdict {
                "accepted" => Verdict::Accepted,
                "not-parsed" => Verdict::NotParsed,
                "not-verified" => Verdict::NotVerified,
                other => panic!("unknown verdict {other}"),
            };
            (verdict, error.to_owned())
        };
        let verdicts: Vec<_> = output.stdout.lines().map(verdict).collect();
        assert_eq!(verdicts.len(), vectors.len());
        verdicts
    }
}

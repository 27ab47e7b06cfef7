//! The files of `ca new`: no fault leaves a certificate without its key, and a run that fails leaves neither.

use std::{collections::BTreeSet, fs, path::Path};

use pki::x509::{chain::CaBundle, key::PrivateKey};

use super::{
    scratch,
    tracer::{Fault, FaultAction, Tracer},
};

/// Returns the arguments that make a CA in a directory.
fn arguments(directory: &Path) -> Vec<String> {
    let directory = directory.to_str().unwrap();
    [
        "ca",
        "new",
        "--common-name",
        "a",
        "--key-algorithm",
        "ECDSA-P256",
        "--name",
        "a",
        "--out-dir",
        directory,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Returns the names of the files, after checking that a certificate has its key.
fn judged(directory: &Path, context: &str) -> BTreeSet<String> {
    let read = |name: &str| fs::read(directory.join(name));
    if let Ok(certificate) = read("a.crt") {
        let certificate =
            CaBundle::from_pem(&certificate).unwrap_or_else(|error| panic!("{context}: {error}"));
        let key = PrivateKey::from_pem(&read("a.key").unwrap_or_default())
            .unwrap_or_else(|error| panic!("{context}: {error}"));
        assert!(
            key.public_key() == certificate.signer.public_key(),
            "{context}"
        );
    }
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_fault_at_any_call_leaves_no_certificate_without_its_key() {
    let Some(mut tracer) = Tracer::start() else {
        return;
    };
    let both = BTreeSet::from(["a.crt", "a.key"].map(str::to_owned));
    let clean = scratch();
    let ended = tracer.clean(&arguments(clean.path()), clean.path());
    assert_eq!(judged(clean.path(), "clean"), both);
    assert_eq!(ended.unsynced, [""; 0]);
    let modes = [
        (FaultAction::Kill, "change"),
        (FaultAction::Short, "write"),
        (FaultAction::Fail, "ENOSPC"),
        (FaultAction::Fail, "EIO"),
        (FaultAction::Fail, "EROFS"),
    ];
    let mut kept_keys = 0;
    for (action, class) in modes {
        let calls = ended.calls(class);
        assert!(!calls.is_empty(), "{class}");
        for (at, call) in calls.iter().enumerate() {
            let directory = scratch();
            let fault = Fault {
                action,
                class,
                sticky: false,
            };
            let run = tracer.faulty(&arguments(directory.path()), directory.path(), fault, at);
            let context = format!("{action:?} {class} at {call}: {}", run.stderr);
            let left = judged(directory.path(), &context);
            match (action, run.exit) {
                (FaultAction::Kill, _) => kept_keys += usize::from(left.contains("a.key")),
                // What cannot be removed stays under its temporary name, too.
                (_, Some(0)) if call.starts_with("unlink") => {
                    assert!(left.is_superset(&both), "{context}");
                }
                (_, Some(0)) => assert_eq!(left, both, "{context}"),
                _ => assert_eq!(left, BTreeSet::new(), "{context}"),
            }
        }
    }
    // The sweep passes through the state with a key alone, so the order of the two is what keeps the rule.
    assert!(kept_keys > 0);
}

/// A file that cannot be removed again is named.
#[test]
fn a_file_that_stays_after_a_failure_is_named() {
    let Some(mut tracer) = Tracer::start() else {
        return;
    };
    let clean = scratch();
    let ended = tracer.clean(&arguments(clean.path()), clean.path());
    let mut stayed = 0;
    for class in ["EIO", "EROFS"] {
        for (at, call) in ended.calls(class).iter().enumerate() {
            let directory = scratch();
            let fault = Fault {
                action: FaultAction::Fail,
                class,
                sticky: true,
            };
            let run = tracer.faulty(&arguments(directory.path()), directory.path(), fault, at);
            let context = format!("{class} from {call} on: {}", run.stderr);
            let left = judged(directory.path(), &context);
            for name in ["a.key", "a.crt"] {
                if run.exit != Some(0) && left.contains(name) {
                    stayed += 1;
                    assert!(run.stderr.contains(name), "{context}");
                    assert!(run.stderr.contains("could not be removed"), "{context}");
                    assert!(!run.stderr.contains("no file was changed"), "{context}");
                }
            }
        }
    }
    assert!(stayed > 0);
}

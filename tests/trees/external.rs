//! External CAs: the certificate is here, the key is elsewhere.

use super::sandbox::{Ended, NOW, Sandbox, days};

/// Each CA, the files of one of its leaves, and all rows that it signs.
const FAMILIES: [(&str, &str, &str, &[&str]); 3] = [
    (
        "ca",
        "ca",
        "apiserver",
        &[
            "apiserver",
            "apiserver-kubelet-client",
            "admin.conf",
            "super-admin.conf",
            "kubelet.conf",
            "controller-manager.conf",
            "scheduler.conf",
        ],
    ),
    (
        "front-proxy-ca",
        "front-proxy-ca",
        "front-proxy-client",
        &["front-proxy-client"],
    ),
    (
        "etcd-ca",
        "etcd/ca",
        "etcd/peer",
        &[
            "etcd-server",
            "etcd-peer",
            "etcd-healthcheck-client",
            "apiserver-etcd-client",
        ],
    ),
];

fn names(run: &str, prefix: &str) -> Vec<String> {
    run.lines()
        .filter_map(|line| {
            line.strip_prefix(prefix)?
                .split([' ', ':'])
                .find(|word| !word.is_empty())
        })
        .map(str::to_owned)
        .collect()
}

fn files_of(name: &str) -> Vec<String> {
    let base = match name {
        "etcd-server" | "etcd-peer" | "etcd-healthcheck-client" => name.replacen('-', "/", 1),
        _ => name.to_owned(),
    };
    match name.ends_with(".conf") {
        true => vec![base],
        false => vec![format!("pki/{base}.crt"), format!("pki/{base}.key")],
    }
}

#[test]
fn init_makes_what_it_can_and_says_what_an_external_ca_has_to_make() {
    for (ca, base, _, signed) in FAMILIES {
        let sandbox = Sandbox::empty();
        let whole = Sandbox::made();
        std::fs::create_dir_all(sandbox.path("pki/etcd")).unwrap();
        let file = format!("pki/{base}.crt");
        sandbox.write(&file, whole.read(&file));
        let before = sandbox.snapshot();
        let dry = sandbox.init(&["--dry-run"]).ended_with(5);
        assert_eq!(names(&dry.stdout, "skip "), signed, "{dry}");
        assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);

        let run = sandbox.init(&[]).ended_with(5);
        assert_eq!(names(&run.stdout, "lacking "), signed, "{run}");
        assert_eq!(names(&run.stdout, "kept "), [ca], "{run}");
        assert_eq!(
            names(&run.stdout, "made ").len(),
            16 - 1 - signed.len(),
            "{run}"
        );
        for name in signed {
            let reason = format!(
                "    {name}: it is missing, and its CA `{ca}` is external: have that CA sign a certificate for `CN="
            );
            let end = match name.ends_with(".conf") {
                true => ", and make the kubeconfig with it",
                false => ", and put key and certificate in place",
            };
            let is_said = |line: &str| line.starts_with(&reason) && line.ends_with(end);
            assert!(run.stdout.lines().any(is_said), "{run}");
        }
        assert!(!sandbox.exists(&format!("pki/{base}.key")));
        // Again, and nothing else is made.
        let settled = sandbox.snapshot();
        let again = sandbox.pki(&["init"]).ended_with(5);
        assert!(
            again.stdout.contains(&format!(
                "{} of 16 are there and usable; nothing was written",
                16 - signed.len()
            )),
            "{again}"
        );
        assert_eq!(settled.changes(&sandbox.snapshot()), [""; 0]);
        // What was lacking comes from the CA; then all is well.
        for file in signed.iter().flat_map(|name| files_of(name)) {
            sandbox.write(&file, whole.read(&file));
        }
        sandbox
            .pki(&["init"])
            .ended_with(0)
            .says("all 16 are there and usable");
    }
}

#[test]
fn renew_skips_what_an_external_ca_signs_and_the_check_marks_it() {
    for (ca, base, _, signed) in FAMILIES {
        let sandbox = Sandbox::made();
        sandbox.remove(&[&format!("pki/{base}.key")]);
        let check = sandbox.pki(&["check-expiration"]).ended_with(0);
        let external: Vec<_> = check
            .stdout
            .lines()
            .filter(|line| line.trim_end().ends_with("yes"))
            .map(|line| line.split_whitespace().next().unwrap())
            .collect();
        let mut wanted: Vec<_> = signed.to_vec();
        wanted.sort_unstable();
        wanted.push(ca);
        assert_eq!(external, wanted, "{check}");

        let run = sandbox.pki(&["renew", "all"]).ended_with(0);
        assert_eq!(names(&run.stdout, "not renewed: "), signed, "{run}");
        let before = sandbox.snapshot();
        let run = sandbox.pki(&["renew", signed[0]]).ended_with(3);
        assert!(
            run.stderr.contains(&format!("its CA `{ca}` is external")),
            "{run}"
        );
        assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
    }
}

#[test]
fn what_is_due_and_only_an_external_ca_can_renew_shows_in_the_exit_code() {
    let sandbox = Sandbox::made();
    sandbox.remove(&["pki/front-proxy-ca.key"]);
    for (later, code) in [(340, 4), (370, 5)] {
        let run = sandbox.pki_at(NOW + days(later), &["renew", "all"]);
        assert_eq!(run.code, Some(code), "{later}: {run}");
        assert!(
            run.stderr
                .contains("front-proxy-client; the CA is external"),
            "{run}"
        );
    }
}

/// A broken leaf of an external CA is no reason to send anybody to `renew`, which cannot make it.
#[test]
fn nobody_is_sent_to_renew_for_what_it_cannot_sign() {
    for (ca, base, leaf, _) in FAMILIES {
        for spoil in ["empty", "foreign", "keyless"] {
            let sandbox = Sandbox::made();
            sandbox.remove(&[&format!("pki/{base}.key")]);
            let certificate = format!("pki/{leaf}.crt");
            match spoil {
                "empty" => sandbox.write(&certificate, ""),
                "foreign" => {
                    let other = Sandbox::made();
                    sandbox.write(&certificate, other.read(&certificate));
                    sandbox.write(
                        &format!("pki/{leaf}.key"),
                        other.read(&format!("pki/{leaf}.key")),
                    );
                }
                _ => sandbox.remove(&[&format!("pki/{leaf}.key")]),
            }
            let before = sandbox.snapshot();
            let run = sandbox.pki(&["init"]).ended_with(3);
            assert!(
                run.stderr
                    .contains(&format!("have the external CA `{ca}` sign")),
                "{spoil}: {run}"
            );
            assert!(!run.stderr.contains("pki renew"), "{spoil}: {run}");
            assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
        }
    }
}

#[test]
fn a_key_that_waits_for_its_certificate_is_left_alone() {
    let sandbox = Sandbox::made();
    sandbox.remove(&["pki/ca.key", "pki/apiserver.crt"]);
    let before = sandbox.snapshot();
    sandbox.init(&[]).ended_with(5).says(
        "apiserver: its key is there and its certificate is not, and its CA `ca` is external",
    );
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
}

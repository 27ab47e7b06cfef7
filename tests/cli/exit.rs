//! Every exit code, each by a run that really ends so.

use std::{fs::File, path::Path, process::Stdio, time::Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    inputs::specimen::{Specimen, differences, sane},
    support::{pki, run, until},
};

/// The shared tree's leaves have a year from the day it is made, so this is relative to the day of the test.
fn in_days(days: i64) -> String {
    let time = time::OffsetDateTime::now_utc() + time::Duration::days(days);
    time.format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

fn code(specimen: &Specimen, arguments: &[&str]) -> i32 {
    specimen.pki(arguments).code.unwrap()
}

#[test]
fn the_check_ends_with_the_worst_it_found() {
    let specimen = Specimen::new();
    let check = |options: &[&str]| code(&specimen, &[&["check-expiration"], options].concat());
    assert_eq!(check(&[]), 0);
    assert_eq!(check(&["--now", &in_days(300)]), 0);
    assert_eq!(check(&["--now", &in_days(340)]), 4);
    assert_eq!(check(&["--now", &in_days(340), "--warn", "1d"]), 0);
    assert_eq!(check(&["--now", &in_days(340), "--critical", "30d"]), 5);
    assert_eq!(check(&["--warn", "366d"]), 4);
    assert_eq!(check(&["--warn", "1h", "--critical", "366d"]), 5);
    assert_eq!(check(&["--now", &in_days(366)]), 5);
    specimen.remove("scheduler.conf");
    assert_eq!(check(&[]), 5);
}

/// It is the one file that a healthy node need not have.
#[test]
fn only_super_admin_conf_may_be_missing() {
    for (name, expected) in [
        ("super-admin.conf", 0),
        ("admin.conf", 5),
        ("kubelet.conf", 0),
        ("controller-manager.conf", 5),
        ("pki/apiserver.crt", 5),
        ("pki/etcd/ca.crt", 5),
    ] {
        let specimen = Specimen::new();
        specimen.remove(name);
        assert_eq!(code(&specimen, &["check-expiration"]), expected, "{name}");
    }
}

#[test]
fn an_external_ca_counts_once_what_it_signed_is_due() {
    let specimen = Specimen::new();
    specimen.remove("pki/ca.key");
    let run = specimen.pki(&["renew", "all"]).ok();
    assert!(
        run.stdout
            .contains("not renewed: apiserver: its CA `ca` is external"),
        "{run}"
    );
    assert!(
        run.stdout.contains("\netcd-server "),
        "the others are renewed: {run}"
    );
    assert_eq!(
        code(&specimen, &["renew", "all", "--now", &in_days(340)]),
        4
    );
    assert_eq!(
        code(&specimen, &["renew", "all", "--now", &in_days(366)]),
        5
    );
    let before = specimen.snapshot();
    let run = specimen.pki(&["renew", "apiserver"]);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(
        run.stderr
            .contains("cannot renew `apiserver`: its CA `ca` is external"),
        "{run}"
    );
    specimen.assert_unchanged(&before, &run);
}

/// What can be made is made; that something is lacking is for cron to notice.
#[test]
fn init_ends_with_5_if_only_an_external_ca_can_make_what_is_missing() {
    let specimen = Specimen::new();
    specimen.remove("pki/ca.key");
    for name in ["scheduler.conf", "pki/etcd/peer.crt", "pki/etcd/peer.key"] {
        specimen.remove(name);
    }
    let run = specimen.pki(&["init"]);
    assert_eq!(run.code, Some(5), "{run}");
    assert!(specimen.path("pki/etcd/peer.crt").is_file(), "{run}");
    assert!(!specimen.path("scheduler.conf").exists(), "{run}");
    assert!(
        (run.stdout.clone() + &run.stderr)
            .contains("scheduler.conf: it is missing, and its CA `ca` is external"),
        "{run}"
    );
    // And it says so again as long as that is so, and writes nothing.
    let before = specimen.snapshot();
    let again = specimen.pki(&["init"]);
    assert_eq!(again.code, Some(5), "{again}");
    specimen.assert_unchanged(&before, &again);
    // Where nothing was to be made in the first place, too.
    let dry = specimen.pki(&["init", "--dry-run"]);
    assert!(dry.stdout.contains("scheduler.conf"), "{dry}");
    assert_eq!(differences(&before, &specimen.snapshot()), "", "{dry}");
}

/// A certificate that nothing accepts is no better than an expired one.
#[test]
fn the_check_ends_with_5_for_what_no_component_accepts() {
    let specimen = Specimen::new();
    for extension in ["crt", "key"] {
        specimen.copy(
            &format!("pki/apiserver-kubelet-client.{extension}"),
            &format!("pki/front-proxy-client.{extension}"),
        );
    }
    let run = specimen.pki(&["check-expiration"]);
    assert_eq!(run.code, Some(5), "{run}");
    for format in ["json", "yaml"] {
        let run = specimen.pki(&["check-expiration", "-o", format]);
        assert_eq!(run.code, Some(5), "{run}");
        assert!(run.stdout.contains("it is not signed by its CA"), "{run}");
    }
    let quiet = specimen.pki(&["check-expiration", "--quiet"]);
    assert_eq!(quiet.code, Some(5), "{quiet}");
    assert!(quiet.stdout.contains("front-proxy-client"), "{quiet}");
}

#[test]
fn due_renews_what_is_due_and_nothing_else() {
    let specimen = Specimen::new();
    let before = specimen.snapshot();
    let run = specimen.pki(&["renew", "--due", "30d"]).ok();
    assert!(
        run.stdout.contains("nothing is due; nothing was written"),
        "{run}"
    );
    specimen.assert_unchanged(&before, &run);
    specimen.write("pki/apiserver.crt", "");
    let leaves = specimen.leaves();
    specimen.pki(&["renew", "--due", "30d"]).ok();
    let after = specimen.leaves();
    let changed: Vec<_> = leaves
        .keys()
        .filter(|row| leaves[*row] != after[*row])
        .collect();
    assert_eq!(changed, [&"apiserver"]);
}

#[test]
fn nothing_is_written_by_a_dry_run() {
    let specimen = Specimen::new();
    let before = specimen.snapshot();
    for arguments in [
        &["renew", "all"][..],
        &["renew", "apiserver", "--reuse-key"],
        &["renew", "--due", "366d"],
        &["init"],
    ] {
        let run = specimen.pki(&[arguments, &["--dry-run"]].concat()).ok();
        assert!(
            run.stdout.ends_with("dry run: nothing was written\n"),
            "{run}"
        );
        assert_eq!(differences(&before, &specimen.snapshot()), "", "{run}");
    }
    let specimen = Specimen::empty();
    specimen
        .pki(&["init", "--dry-run", "--node-name", "cp-1"])
        .ok();
    assert!(specimen.snapshot().is_empty());
}

#[test]
fn an_invalid_configuration_is_refused_with_its_line() {
    let specimen = Specimen::empty();
    let config = specimen.folder().join("cluster.yaml");
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  certSANs:\n  - ok.example\n  - api_1.example\n";
    std::fs::write(&config, text).unwrap();
    let before = specimen.snapshot();
    let run = specimen.pki(&["init", "--config", config.to_str().unwrap()]);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(
        run.stderr
            .contains("cluster.yaml:6: apiServer.certSANs[1]: "),
        "{run}"
    );
    specimen.assert_unchanged(&before, &run);
}

/// Holds the lock as another run does.
fn hold(specimen: &Specimen) -> File {
    let lock = File::options()
        .write(true)
        .truncate(true)
        .open(specimen.path(".pki/lock"))
        .unwrap();
    lock.lock().unwrap();
    specimen.write(
        ".pki/lock",
        "`pki renew all`, process 4711, since 2026-11-22T01:45:00Z\n",
    );
    lock
}

#[test]
fn a_second_run_names_the_first_and_leaves_at_once() {
    let specimen = Specimen::new();
    specimen.remove("scheduler.conf");
    let lock = hold(&specimen);
    let before = specimen.snapshot();
    for arguments in [&["renew", "all"][..], &["renew", "apiserver"], &["init"]] {
        let start = Instant::now();
        let run = specimen.pki(arguments);
        assert!(
            start.elapsed().as_millis() < 1000,
            "it waited {:?}: {run}",
            start.elapsed()
        );
        assert_eq!(run.code, Some(6), "{run}");
        assert!(
            run.stderr
                .contains("`pki renew all`, process 4711, since 2026-11-22T01:45:00Z"),
            "{run}"
        );
        assert_eq!(run.stdout, "", "{run}");
        assert_eq!(differences(&before, &specimen.snapshot()), "", "{run}");
    }
    // Who only reads needs no lock.
    assert_eq!(code(&specimen, &["check-expiration"]), 5);
    specimen.pki(&["renew", "all", "--dry-run"]);
    assert_eq!(differences(&before, &specimen.snapshot()), "");

    // A file that is left over blocks nobody.
    drop(lock);
    specimen.pki(&["init"]).ok();
    specimen.pki(&["renew", "all"]).ok();
}

/// Whoever holds it may not have come to write its name yet: better nobody is named than one that has ended.
#[test]
fn a_run_that_has_ended_is_not_named_as_the_holder() {
    let specimen = Specimen::new();
    let lock = File::open(specimen.path(".pki/lock")).unwrap();
    lock.lock().unwrap();
    let run = specimen.pki(&["renew", "all"]);
    assert_eq!(run.code, Some(6), "{run}");
    assert!(
        !run.stderr.contains("`pki init`, process"),
        "that run has ended: {run}"
    );
}

/// Interrupted while it makes keys, which takes seconds.
#[test]
fn a_signal_stops_init_before_anything_is_made() {
    for (signal, name) in [
        (Signal::INT, "INT"),
        (Signal::TERM, "TERM"),
        (Signal::HUP, "HUP"),
    ] {
        let specimen = Specimen::empty();
        let mut command = specimen.command(&[
            "init",
            "--encryption-algorithm",
            "RSA-4096",
            "--node-name",
            "cp-1",
        ]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Signals are minded before the lock is taken.
        let lock = specimen.path(".pki/lock");
        until("the lock", || {
            std::fs::read(&lock).ok().filter(|text| !text.is_empty())
        });
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
        assert!(stderr.contains("no file was changed"), "{name}: {stderr}");
        assert!(output.stdout.is_empty(), "{name}");
        let left: Vec<_> = specimen.snapshot().into_keys().collect();
        let expected = [
            "etc",
            "etc/kubernetes",
            "etc/kubernetes/.pki",
            "etc/kubernetes/.pki/lock",
        ];
        assert_eq!(left, expected.map(Path::new), "{name}");
        // And the next run finds nothing in its way.
        specimen
            .pki(&[
                "init",
                "--encryption-algorithm",
                "ECDSA-P256",
                "--node-name",
                "cp-1",
            ])
            .ok();
    }
}

/// A run was killed after its commit, and the next one that could write has nothing of its own to do.
#[test]
fn a_pending_transaction_is_finished_by_any_command_that_writes() {
    for arguments in [
        &["init"][..],
        &["renew", "--due", "1d"],
        &["renew", "apiserver"],
    ] {
        let specimen = Specimen::new();
        let new = Specimen::new();
        new.pki(&["renew", "scheduler.conf"]).ok();
        // As it is left by a kill between the journal and the one rename.
        std::fs::write(
            specimen.path(".scheduler.conf.pki-new"),
            new.read("scheduler.conf"),
        )
        .unwrap();
        std::fs::hard_link(
            specimen.path("scheduler.conf"),
            specimen.path(".scheduler.conf.pki-old"),
        )
        .unwrap();
        let sum =
            run(std::process::Command::new("sha256sum")
                .arg(specimen.path(".scheduler.conf.pki-new")))
            .ok();
        let sum = sum.stdout.split(' ').next().unwrap();
        let journal = format!(
            r#"{{"version": 1, "command": "renew scheduler.conf", "certificates": "pki", "generation": null,
            "files": [{{"file": {{"root": "kubeconfigs", "path": "scheduler.conf"}}, "existed": true, "sha256": "{sum}"}}]}}"#
        );
        std::fs::write(specimen.path(".pki/journal.commit"), journal).unwrap();
        for name in [".scheduler.conf.pki-new", ".pki/journal.commit"] {
            specimen.chmod(name, 0o600);
        }

        // Half of it may be in place: cron has to hear of that.
        let check = specimen.pki(&["check-expiration"]);
        assert_eq!(check.code, Some(4), "{check}");
        assert!(
            check
                .stderr
                .contains("`pki renew scheduler.conf` was cut off after its commit"),
            "{check}"
        );
        let run = specimen.pki(arguments).ok();
        let finished = specimen.read("scheduler.conf") == new.read("scheduler.conf");
        assert!(finished, "it is as it was before the commit: {run}");
        assert!(
            !specimen.path(".pki/journal.commit").exists(),
            "the promise is still open: {run}"
        );
        assert!(
            run.stderr.contains("cut off after its commit"),
            "and it is not said: {run}"
        );
    }
}

#[test]
fn odd_clocks_make_no_panic_and_no_nonsense() {
    let flags = [
        "--encryption-algorithm",
        "ECDSA-P256",
        "--node-name",
        "cp-1",
    ];
    for now in [
        "0000-01-01T00:00:00Z",
        "0000-01-01T00:00:00+23:59",
        "1949-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:04:59Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
    ] {
        let specimen = Specimen::empty();
        let init = specimen.pki(&[&["init", "--now", now], &flags[..]].concat());
        if init.code == Some(0) {
            specimen.pki(&["renew", "all", "--now", now]);
        } else {
            assert!(
                init.stderr.contains("clock"),
                "{now}: what is wrong is the clock: {init}"
            );
            let left: Vec<_> = specimen
                .snapshot()
                .into_keys()
                .filter(|path| path.extension().is_some())
                .collect();
            assert!(
                left.iter().all(|path| path.ends_with(".pki")),
                "{now}: {left:?}"
            );
        }
        specimen.pki(&["check-expiration", "--now", now]);
        for arguments in [
            &["init"][..],
            &["renew", "all"],
            &["renew", "--due", "1d"],
            &["check-expiration"],
        ] {
            let specimen = Specimen::new();
            let before = specimen.snapshot();
            let run = specimen.pki(&[arguments, &["--now", now]].concat());
            assert_ne!(run.code, Some(0), "{run}");
            specimen.assert_unchanged(&before, &run);
        }
    }
}

#[test]
fn a_binary_argument_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let argument = std::ffi::OsStr::from_bytes(b"bad\xff");
    for flag in ["--rootfs", "--config", "--node-name"] {
        let specimen = Specimen::empty();
        let run = sane(run(pki()
            .current_dir(specimen.folder())
            .args(["init", flag])
            .arg(argument)));
        assert_eq!(run.code, Some(2), "{run}");
        assert!(specimen.snapshot().is_empty());
    }
}

/// A mistyped directory is told from a tree that has lost everything.
#[test]
fn the_check_of_a_directory_that_is_not_there_says_so_and_ends_with_5() {
    let specimen = Specimen::empty();
    let missing = "is that where the tree lies?";
    let run = specimen.pki(&["check-expiration"]);
    assert_eq!(run.code, Some(5), "{run}");
    assert!(run.stderr.contains(missing), "{run}");
    assert!(run.stdout.contains("!MISSING! apiserver"), "{run}");
    std::fs::create_dir_all(specimen.path("pki")).unwrap();
    let run = specimen.pki(&["check-expiration"]);
    assert_eq!(run.code, Some(5), "{run}");
    assert!(!run.stderr.contains(missing), "{run}");
}

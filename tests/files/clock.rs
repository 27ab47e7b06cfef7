//! The dates in certificates for unusual clocks, in the encoding of RFC 5280.

use crate::support::{TestTree, peer};

/// Makes a tree at `now`, checks it, renews it, and returns the times in a certificate as they are encoded.
fn times(now: &str, certificate: &str) -> Option<Vec<String>> {
    peer("openssl")?;
    let tree = TestTree::empty();
    tree.pki(&[
        "init",
        "--now",
        now,
        "--encryption-algorithm",
        "ECDSA-P256",
        "--node-name",
        "cp-1",
    ])
    .ok();
    tree.pki(&["renew", "all", "--now", now]).ok();
    tree.pki(&["check-expiration", "--now", now]).ok();
    tree.pki(&["init", "--now", now]).ok();
    let parsed = tree.openssl(&["asn1parse", "-in", certificate]).stdout;
    let time = |line: &str| {
        line.split_once("TIME").map(|(before, after)| {
            let kind = before.split_whitespace().next_back().unwrap();
            format!("{kind}{}", after.trim())
        })
    };
    Some(parsed.lines().filter_map(time).collect())
}

#[track_caller]
fn check(now: &str, certificate: &str, expected: [&str; 2]) {
    if let Some(times) = times(now, certificate) {
        assert_eq!(times, expected, "{certificate} made at {now}");
    }
}

const LEAF: &str = "pki/apiserver.crt";
const CA: &str = "pki/ca.crt";

#[test]
fn the_last_second_of_2049_and_the_first_of_2050() {
    check(
        "2048-12-31T23:59:59Z",
        LEAF,
        ["UTC:481231235459Z", "UTC:491231235959Z"],
    );
    check(
        "2049-01-01T00:00:00Z",
        LEAF,
        ["UTC:481231235500Z", "GENERALIZED:20500101000000Z"],
    );
    check(
        "2049-12-31T23:59:59Z",
        CA,
        ["UTC:491231235459Z", "GENERALIZED:20591229235959Z"],
    );
    check(
        "2050-01-01T00:04:59Z",
        LEAF,
        ["UTC:491231235959Z", "GENERALIZED:20510101000459Z"],
    );
    check(
        "2050-01-01T00:05:00Z",
        LEAF,
        ["GENERALIZED:20500101000000Z", "GENERALIZED:20510101000500Z"],
    );
}

#[test]
fn the_end_of_32_bits() {
    check(
        "2038-01-19T03:14:07Z",
        LEAF,
        ["UTC:380119030907Z", "UTC:390119031407Z"],
    );
}

#[test]
fn a_leap_day() {
    check(
        "2028-02-29T12:00:00Z",
        LEAF,
        ["UTC:280229115500Z", "UTC:290228120000Z"],
    );
}

#[test]
fn the_end_of_time() {
    check(
        "9990-06-01T00:00:00Z",
        CA,
        ["GENERALIZED:99900531235500Z", "GENERALIZED:99991231235959Z"],
    );
}

#[test]
fn a_fraction_or_an_offset_is_no_part_of_a_certificate() {
    check(
        "2026-06-01T12:00:00.999999999+02:00",
        LEAF,
        ["UTC:260601095500Z", "UTC:270601100000Z"],
    );
}

/// A CA signs in its last second, but not in the next one.
#[test]
fn a_leaf_ends_with_its_ca_to_the_second() {
    let tree = TestTree::empty();
    let init = [
        "init",
        "--now",
        "2026-01-01T00:00:00Z",
        "--ca-certificate-validity-period",
        "48h",
        "--encryption-algorithm",
        "ECDSA-P256",
        "--node-name",
        "cp-1",
    ];
    tree.pki(&init).ok();
    tree.pki(&["renew", "all", "--now", "2026-01-03T00:00:00Z"])
        .exits(5)
        .prints("2026-01-03 00:00");
    tree.pki(&["renew", "all", "--now", "2026-01-03T00:00:01Z"])
        .exits(5)
        .prints("CA `ca`: it expired on 2026-01-03")
        .changed_nothing();
}

#[test]
fn a_ca_that_expires_tomorrow_signs_until_then_with_a_warning() {
    let tree = TestTree::empty();
    let init = [
        "init",
        "--now",
        "2026-01-01T00:00:00Z",
        "--ca-certificate-validity-period",
        "100d",
        "--encryption-algorithm",
        "ECDSA-P256",
        "--node-name",
        "cp-1",
    ];
    tree.pki(&init).ok();
    let run = tree
        .pki(&["renew", "all", "--now", "2026-04-10T00:00:00Z"])
        .exits(4);
    for row in [
        "apiserver",
        "scheduler.conf",
        "etcd-peer",
        "front-proxy-client",
    ] {
        let said = format!("`{row}`: valid only until 2026-04-11, when its CA");
        assert!(run.stderr.contains(&said), "{said:?}: {run}");
    }
    assert!(
        run.stderr
            .contains("`ca`, `front-proxy-ca`, `etcd-ca`: expires on 2026-04-11; replace the CA"),
        "{run}"
    );
}

/// After the clock is set back, certificates are not valid yet, and none is made that never becomes valid.
#[test]
fn a_clock_that_goes_back_is_noticed() {
    let tree = TestTree::empty();
    let init = [
        "init",
        "--now",
        "2026-06-01T00:00:00Z",
        "--encryption-algorithm",
        "ECDSA-P256",
        "--node-name",
        "cp-1",
    ];
    tree.pki(&init).ok();
    // Five minutes are allowed for.
    tree.pki(&["check-expiration", "--now", "2026-05-31T23:56:00Z"])
        .ok();
    tree.pki(&["init", "--now", "2026-05-31T23:56:00Z"]).ok();
    for now in [
        "2026-05-31T23:54:00Z",
        "2025-06-01T00:00:00Z",
        "1971-01-01T00:00:00Z",
    ] {
        for (arguments, code) in [
            (&["check-expiration"][..], 5),
            (&["init"], 3),
            (&["renew", "all"], 5),
            (&["renew", "--due", "1d"], 3),
        ] {
            let run = tree
                .pki(&[arguments, &["--now", now]].concat())
                .changed_nothing();
            // What is not valid yet is not due either.
            let expected = match arguments {
                ["renew", "--due", _] => vec![Some(0), Some(3), Some(5)],
                _ => vec![Some(code)],
            };
            assert!(expected.contains(&run.code), "{now}: {run}");
            if arguments[0] != "renew" || arguments[1] == "all" {
                assert!(
                    run.stderr.contains("is not valid before 2026-05-31"),
                    "{now}: {run}"
                );
            }
        }
    }
}

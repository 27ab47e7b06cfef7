//! A hint is a promise: whoever follows it is not worse off.

use std::fs;

use super::specimen::Specimen;

/// Moving half a pair away is refused again; renewing heals it.
#[test]
fn a_broken_leaf_is_to_be_renewed() {
    for name in ["pki/apiserver.crt", "pki/apiserver.key"] {
        let specimen = Specimen::new();
        specimen.write(name, "");
        let run = specimen.pki(&["init"]).refused("the file is empty");
        assert!(
            run.stderr.contains("pki renew apiserver"),
            "`renew` would heal {name}: {run}"
        );
    }
}

/// Without these there is no way back, and `init` refuses to make other ones beside what they signed.
#[test]
fn nobody_is_told_to_have_a_ca_or_sa_key_made_again() {
    for name in ["pki/ca.crt", "pki/ca.key", "pki/etcd/ca.crt", "pki/sa.key"] {
        let specimen = Specimen::new();
        specimen.write(name, "");
        let run = specimen.pki(&["init"]).refused("the file is empty");
        assert!(!run.stderr.contains("made again"), "{name}: {run}");
    }
}

/// `init` refuses to make what lacks one half only, and a CA whose leaves are there.
#[test]
fn the_check_does_not_send_to_init_what_init_refuses() {
    for names in [
        &["pki/apiserver.crt"][..],
        &["pki/ca.crt"],
        &["pki/ca.crt", "pki/ca.key"],
    ] {
        let specimen = Specimen::new();
        names.iter().for_each(|name| specimen.remove(name));
        let check = specimen.pki(&["check-expiration"]);
        assert_eq!(check.code, Some(5), "{check}");
        assert_eq!(specimen.pki(&["init"]).code, Some(3));
        assert!(
            !check.stderr.contains("`pki init` makes what is missing"),
            "{names:?}: {check}"
        );
    }
}

#[test]
fn what_init_is_said_to_make_it_makes() {
    for names in [
        &["pki/apiserver.crt", "pki/apiserver.key"][..],
        &["scheduler.conf"],
    ] {
        let specimen = Specimen::new();
        names.iter().for_each(|name| specimen.remove(name));
        let check = specimen.pki(&["check-expiration"]);
        assert_eq!(check.code, Some(5), "{check}");
        assert!(
            check.stderr.contains("`pki init` makes what is missing"),
            "{names:?}: {check}"
        );
        specimen.pki(&["init"]).ok();
        specimen.pki(&["check-expiration"]).ok();
    }
}

#[test]
fn a_ca_certificate_in_place_of_a_leaf_is_not_sent_to_a_renewal_that_refuses_it() {
    let specimen = Specimen::new();
    for extension in ["crt", "key"] {
        specimen.copy(
            &format!("pki/ca.{extension}"),
            &format!("pki/apiserver.{extension}"),
        );
    }
    let run = specimen.pki(&["init"]).refused("it is a CA certificate");
    let promised = run.stderr.contains("run `pki renew apiserver`");
    let kept = specimen.pki(&["renew", "apiserver"]).code == Some(0);
    assert_eq!(promised, kept, "{run}");
}

/// One file in the place of the directory, and not eleven broken ones.
#[test]
fn a_file_as_certificates_directory_is_called_that() {
    let specimen = Specimen::empty();
    let file = specimen.folder().join("file");
    fs::write(&file, "").unwrap();
    for command in [&["init"][..], &["renew", "all"]] {
        let arguments = [command, &["--cert-dir", file.to_str().unwrap()]].concat();
        let run = specimen.pki(&arguments);
        assert_eq!(run.code, Some(3), "{run}");
        assert!(!run.stderr.contains("backup"), "nothing is lost: {run}");
        assert!(
            run.stderr
                .lines()
                .filter(|line| line.contains("error: "))
                .count()
                == 1,
            "{run}"
        );
    }
    assert_eq!(fs::read(&file).unwrap(), b"");
}

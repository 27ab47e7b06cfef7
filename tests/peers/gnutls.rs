//! GnuTLS's certtool verifies chains, purposes and names by its own rules.

use std::{path::Path, process::Command};

use super::{Credential, credentials, trees};
use crate::support::{Run, peer, run, shared_tree};

const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";

#[test]
fn gnutls_accepts_every_certificate_for_its_purpose_and_names() {
    let Some(certtool) = peer("certtool") else {
        return;
    };
    for tree in trees() {
        for credential in credentials(tree) {
            if credential.client {
                verify(&certtool, &credential, &credential.ca, CLIENT, None).ok();
            }
            for name in credential.server_names {
                verify(&certtool, &credential, &credential.ca, SERVER, Some(name)).ok();
            }
        }
    }
}

#[test]
fn gnutls_refuses_another_ca_another_purpose_and_other_names() {
    let Some(certtool) = peer("certtool") else {
        return;
    };
    for credential in credentials(shared_tree("ECDSA-P256")) {
        let purpose = if credential.client { CLIENT } else { SERVER };
        verify(&certtool, &credential, &credential.other_ca, purpose, None)
            .refused("issuer is unknown");
        if !credential.client {
            verify(&certtool, &credential, &credential.ca, CLIENT, None)
                .refused("does not match the intended purpose");
        }
        if credential.server_names.is_empty() {
            verify(&certtool, &credential, &credential.ca, SERVER, None)
                .refused("does not match the intended purpose");
        } else {
            verify(
                &certtool,
                &credential,
                &credential.ca,
                SERVER,
                Some("api.example.org"),
            )
            .refused("does not match the expected");
            verify(
                &certtool,
                &credential,
                &credential.ca,
                SERVER,
                Some("192.0.2.12"),
            )
            .refused("does not match the expected");
        }
    }
}

fn verify(
    certtool: &Path,
    credential: &Credential,
    ca: &Path,
    purpose: &str,
    name: Option<&str>,
) -> Run {
    let mut command = Command::new(certtool);
    command.args([
        "--verify",
        "--verify-profile=medium",
        "--verify-purpose",
        purpose,
    ]);
    if let Some(name) = name {
        command.args(["--verify-hostname", name]);
    }
    run(command
        .arg("--load-ca-certificate")
        .arg(ca)
        .arg("--infile")
        .arg(&credential.certificate))
}

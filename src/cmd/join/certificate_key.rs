//! `pki certificate-key`.

use anyhow::{Context, Result};

use crate::cli::CertificateKeyArgs;
use crate::cmd::{Console, Exit};
use crate::execute::check_random;
use crate::report::join::NewCertificateKey;
use crate::x509::certificate_key::CertificateKey;

pub(in crate::cmd) fn run(args: &CertificateKeyArgs, console: &Console) -> Result<Exit> {
    check_random()?;
    let key = CertificateKey::generate().context("making a certificate key")?;
    let report = NewCertificateKey {
        certificate_key: key.to_hex(),
    };
    console.show(&report, args.output)?;
    Ok(Exit::Done)
}

//! `pki discovery-hash`.

use anyhow::{Context, Result};

use crate::catalog::CA;
use crate::cli::DiscoveryHashArgs;
use crate::cmd::cluster_access::check_ca;
use crate::cmd::session::Session;
use crate::cmd::{Console, Exit};
use crate::report::join::DiscoveryHashes;
use crate::tree::inventory::Depth;
use crate::x509::chain::CaBundle;

pub(in crate::cmd) fn run(args: &DiscoveryHashArgs, console: &Console) -> Result<Exit> {
    let session = Session::open(&args.tree, &args.config, &Default::default(), console)?;
    session.warn_of_record();
    let snapshot = session.read(&|_| Depth::Certificates)?;
    check_ca(&snapshot, &args.tree, &args.config, console)?;
    let bundle = snapshot.inventory.ca_bundle(&CA);
    let report = DiscoveryHashes {
        hashes: pins(bundle.context("CA `ca` is gone")?),
    };
    console.show(&report, args.output)?;
    Ok(Exit::Done)
}

/// Returns the pin of each CA; one that matches is enough (kubeadm `util/pubkeypin/pubkeypin.go`).
pub(super) fn pins(bundle: &CaBundle) -> Vec<String> {
    let mut pins = Vec::new();
    for certificate in bundle.certificates() {
        let pin = certificate.public_key().pin();
        if !pins.contains(&pin) {
            pins.push(pin);
        }
    }
    pins
}

//! Whom a kubeconfig trusts, and whether that leads to this tree's API server: the one judgement that `init`, `renew` and the
//! check share.

use std::fmt;

use time::OffsetDateTime;

use crate::catalog::{APISERVER, Row};
use crate::check::leaf::is_same_ca;
use crate::check::names::reaches;
use crate::tree::inventory::{Inventory, KubeconfigCa, KubeconfigFile};
use crate::util::escape::escaped;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::usage::Usage;
use crate::x509::verify::{is_signed_by, verify};

/// Why nothing that a kubeconfig connects to can be this tree's API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It names no CA.
    NoCa,
    /// The CA's file that it names lies in the tree, and is not there; its path.
    Missing(String),
    /// The CA's file that it names is another CA's; the row's name.
    OtherFile(&'static str),
    /// None of the CAs in it is the tree's: it has missed a rotation, or is a stranger.
    OtherCa,
    /// The same, and the API server's certificate is not for the server that it points at; its URL.
    Foreign(String),
}

/// Judges a kubeconfig whose CA is `ca`, at `now`; none if nothing is wrong that can be told from here.
pub fn judge(
    file: &KubeconfigFile,
    ca: &Row,
    inventory: &Inventory,
    now: OffsetDateTime,
) -> Option<Distrust> {
    if file.kubeconfig.skips_tls_verification() {
        return None;
    }
    let embedded = match &file.ca {
        KubeconfigCa::Embedded(certificates) => certificates,
        KubeconfigCa::Missing => return Some(Distrust::NoCa),
        KubeconfigCa::File { row: Some(row), .. } if *row != ca => {
            return Some(Distrust::OtherFile(row.name));
        }
        KubeconfigCa::File {
            path,
            is_missing: true,
            ..
        } => return Some(Distrust::Missing(path.clone())),
        KubeconfigCa::File { .. } => return None,
    };
    // Where the tree's own CA cannot be read there is nothing to compare with, and its row says so.
    let own = inventory.ca_bundle(ca)?;
    // Where the CA itself has expired its row says so.
    let now = own.signer.validity().clamp(now);
    let own = own.certificates();
    // Whoever trusts an expired CA trusts nobody (Go's `crypto/x509`).
    let known: Vec<_> = embedded
        .iter()
        .filter(|known| known.not_after() >= now)
        .collect();
    let accepts =
        |anchors: &[&Certificate], chain: &Chain| verify(chain, anchors, Usage::ServerAuth, now);
    let apiserver = inventory.row(&APISERVER).chain();
    // What counts is the API server's certificate; where there is none that this tree's CA vouches for, the CAs are compared.
    let sound = apiserver.filter(|chain| accepts(&own, chain).is_ok());
    let is_trusting = match sound {
        Some(chain) => accepts(&known, chain).is_ok(),
        None => known.iter().any(|known| {
            own.iter()
                .any(|ca| is_same_ca(known, ca) || is_signed_by(ca, known))
        }),
    };
    if is_trusting {
        return None;
    }
    let server = file.kubeconfig.server().unwrap_or_default();
    Some(match sound.map(|chain| &chain.leaf) {
        Some(leaf) if !reaches(server, &leaf.sans()) => Distrust::Foreign(server.to_owned()),
        _ => Distrust::OtherCa,
    })
}

impl Distrust {
    /// Returns whether a renewal, which brings the CA data up to date, makes it good.
    pub fn is_mended_by_renewal(&self) -> bool {
        *self == Distrust::OtherCa
    }
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distrust::NoCa => {
                f.write_str("it names no CA, so nothing that it connects to can be trusted")
            }
            Distrust::Missing(path) => write!(
                f,
                "its CA should lie in `{}`, and there is no such file",
                escaped(path)
            ),
            Distrust::OtherFile(ca) => write!(f, "it trusts another CA, `{ca}`"),
            Distrust::OtherCa => f.write_str("it trusts another CA than this tree's ca.crt"),
            Distrust::Foreign(server) => write!(
                f,
                "it trusts another CA, and points at `{}`, which the API server's certificate is not for",
                escaped(server)
            ),
        }
    }
}

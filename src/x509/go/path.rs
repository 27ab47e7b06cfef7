//! Paths from a leaf to a trusted CA (`Verify`, `buildChains`, `isValid` in `verify.go`; `CheckSignatureFrom` in `x509.go`).
//!
//! The validity of the trusted CAs is not checked: an expired CA is one finding about the CA, not one about each
//! leaf.

use time::OffsetDateTime;

use super::constraints;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::usage::Usage;
use crate::x509::verify::{VerifyError, is_signed_by};

/// The number of signatures that are verified for one leaf (`maxChainSignatureChecks`).
const MAX_SIGNATURE_CHECKS: usize = 100;

/// Verifies that a chain leads to one of these CAs and may be used for `usage` at `now`.
pub(in crate::x509) fn verify(
    chain: &Chain,
    anchors: &[&Certificate],
    usage: Usage,
    now: OffsetDateTime,
) -> Result<(), VerifyError> {
    let leaf = &chain.leaf;
    if let Some(error) = chain
        .certificates()
        .into_iter()
        .find_map(Certificate::go_error)
    {
        return Err(VerifyError::Go(error.clone()));
    }
    if let Some(oid) = leaf.facts().extensions.unhandled_critical {
        return Err(VerifyError::UnknownCritical(oid.to_string()));
    }
    if leaf.not_before() > now {
        return Err(VerifyError::NotYetValid(leaf.not_before()));
    }
    if leaf.not_after() < now {
        return Err(VerifyError::Expired(leaf.not_after()));
    }
    let mut builder = PathBuilder {
        anchors,
        intermediates: &chain.intermediates,
        usage,
        now,
        signature_checks: 0,
        error: None,
    };
    let is_accepted = match anchors.contains(&leaf) {
        true => builder.accepts(&[leaf]),
        false => builder.extend(&mut vec![leaf]),
    };
    match is_accepted {
        true => Ok(()),
        false => Err(builder.error.unwrap_or(VerifyError::UnknownIssuer)),
    }
}

/// Returns whether a certificate may sign others (`CheckSignatureFrom`): a version 3 certificate must be a CA
/// certificate, and keyUsage, if present, must have keyCertSign. basicConstraints need not be critical.
pub(in crate::x509) fn may_sign(issuer: &Certificate) -> bool {
    const KEY_CERT_SIGN: u16 = 1 << 5;
    let facts = issuer.facts();
    let is_ca = match facts.extensions.basic_constraints {
        Some(constraints) => constraints.is_ca,
        None => facts.version < 3,
    };
    let key_usage = facts.extensions.key_usage;
    is_ca && (key_usage == 0 || key_usage & KEY_CERT_SIGN != 0)
}

struct PathBuilder<'a> {
    anchors: &'a [&'a Certificate],
    intermediates: &'a [Certificate],
    usage: Usage,
    now: OffsetDateTime,
    signature_checks: usize,
    /// The first error that ended a path.
    error: Option<VerifyError>,
}

impl<'a> PathBuilder<'a> {
    /// Tries the issuers of the last certificate in a path, trusted ones first, and returns whether a path is
    /// accepted.
    fn extend(&mut self, path: &mut Vec<&'a Certificate>) -> bool {
        let Some(child) = path.last().copied() else {
            return false;
        };
        let (anchors, intermediates) = (self.anchors, self.intermediates);
        for anchor in candidates(child, anchors.iter().copied()) {
            if self.is_issuer(anchor, path, IssuerRole::Anchor) {
                path.push(anchor);
                let is_accepted = self.accepts(path);
                path.pop();
                if is_accepted {
                    return true;
                }
            }
        }
        for intermediate in candidates(child, intermediates.iter()) {
            if self.is_issuer(intermediate, path, IssuerRole::Intermediate) {
                path.push(intermediate);
                let is_accepted = self.extend(path);
                path.pop();
                if is_accepted {
                    return true;
                }
            }
        }
        false
    }

    /// Returns whether a certificate issued the last one in a path and may be added to the path.
    fn is_issuer(&mut self, issuer: &Certificate, path: &[&Certificate], role: IssuerRole) -> bool {
        let Some(child) = path.last() else {
            return false;
        };
        if self.signature_checks >= MAX_SIGNATURE_CHECKS || is_in_path(issuer, path) {
            return false;
        }
        match self.check_issuer(issuer, child, path.len() - 1, role) {
            Ok(()) => true,
            Err(error) => {
                self.error.get_or_insert(match error {
                    error @ (VerifyError::Go(_)
                    | VerifyError::NotCa
                    | VerifyError::UnknownCritical(_))
                        if role == IssuerRole::Anchor =>
                    {
                        VerifyError::Anchor(Box::new(error))
                    }
                    error => error,
                });
                false
            }
        }
    }

    /// `CheckSignatureFrom` and `isValid`; `between` is the number of intermediates below the issuer.
    fn check_issuer(
        &mut self,
        issuer: &Certificate,
        child: &Certificate,
        between: usize,
        role: IssuerRole,
    ) -> Result<(), VerifyError> {
        if let Some(error) = issuer.go_error() {
            return Err(VerifyError::Go(error.clone()));
        }
        if !may_sign(issuer) {
            return Err(VerifyError::NotCa);
        }
        self.signature_checks += 1;
        if !is_signed_by(child, issuer) {
            return Err(signature_error(child, issuer));
        }
        let extensions = &issuer.facts().extensions;
        if let Some(oid) = extensions.unhandled_critical {
            return Err(VerifyError::UnknownCritical(oid.to_string()));
        }
        if role == IssuerRole::Intermediate {
            if issuer.validity().clamp(self.now) != self.now {
                return Err(VerifyError::Intermediate);
            }
            if !issuer.has_ca_flag() {
                return Err(VerifyError::NotCa);
            }
        }
        let limit = extensions
            .basic_constraints
            .and_then(|constraints| constraints.path_length);
        match limit.is_some_and(|limit| between as u64 > limit) {
            true => Err(VerifyError::PathLength),
            false => Ok(()),
        }
    }

    /// Judges a path that has reached a trusted CA: usages (`checkChainForKeyUsage`) and name constraints.
    fn accepts(&mut self, path: &[&Certificate]) -> bool {
        let error = if let [leaf, ..] = path
            && !leaf.allows(self.usage)
        {
            VerifyError::Usage(self.usage)
        } else if !path.iter().all(|ca| ca.allows(self.usage)) {
            VerifyError::IssuerUsage(self.usage)
        } else if !constraints::allow(path) {
            VerifyError::NameConstraints
        } else {
            return true;
        };
        self.error.get_or_insert(error);
        false
    }
}

#[derive(Clone, Copy, PartialEq)]
enum IssuerRole {
    Anchor,
    Intermediate,
}

/// Returns the certificates whose subject is the issuer of `child`, the most likely ones first
/// (`findPotentialParents`).
fn candidates<'a>(
    child: &Certificate,
    certificates: impl Iterator<Item = &'a Certificate>,
) -> Vec<&'a Certificate> {
    let mut candidates: Vec<_> = certificates
        .filter(|issuer| issuer.facts().subject == child.facts().issuer)
        .collect();
    let named = &child.facts().extensions.authority_key_id;
    candidates.sort_by_key(|issuer| {
        let own = &issuer.facts().extensions.subject_key_id;
        match own == named {
            true => 0,
            false if own.is_none() || named.is_none() => 1,
            false => 2,
        }
    });
    candidates
}

/// `alreadyInChain`: compares subject, key and alternative names, so that cross-signed CAs do not form a loop.
fn is_in_path(candidate: &Certificate, path: &[&Certificate]) -> bool {
    path.iter().any(|certificate| {
        certificate.facts().subject == candidate.facts().subject
            && certificate.public_key() == candidate.public_key()
            && certificate.general_names() == candidate.general_names()
    })
}

fn signature_error(child: &Certificate, issuer: &Certificate) -> VerifyError {
    let kind = |certificate: &Certificate| {
        let info = certificate.public_key().info();
        info.map(|info| info.algorithm.to_vec())
    };
    match child.facts().signature_algorithm {
        None => VerifyError::WeakSignature,
        // Another CA of the same name, with another kind of key.
        Some(algorithm) if kind(issuer).as_deref() != Some(algorithm.key_algorithm()) => {
            VerifyError::UnknownIssuer
        }
        Some(_) => VerifyError::BadSignature,
    }
}

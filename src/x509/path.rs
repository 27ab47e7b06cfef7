//! Paths from a leaf to a trusted CA, as Go's `crypto/x509` builds them (`Verify`, `buildChains`, `isValid` in `verify.go`;
//! `CheckSignatureFrom` in `x509.go`; `checkChainConstraints` in `constraints.go`). The only missing part of `verify.go` is
//! certificate policies.
//!
//! The validity of the trusted CAs is not checked: an expired CA is one finding about the CA, not one about each
//! leaf.

use std::fmt;

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::chain::Chain;
use super::go::{GoError, allow};
use super::usage::Usage;

/// The number of signatures that are verified for one leaf (`maxChainSignatureChecks`).
const MAX_SIGNATURE_CHECKS: usize = 100;

/// The number of comparisons of names with constraints for one chain: a file of one mebibyte could require billions.
/// Go 1.25 had the same limit.
const MAX_COMPARISONS: usize = 250_000;

/// Why a certificate does not verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerifyError {
    /// The certificate's validity has ended.
    Expired(OffsetDateTime),
    /// The certificate's validity has not begun.
    NotYetValid(OffsetDateTime),
    /// An intermediate has expired or is not valid yet.
    Intermediate,
    /// No path leads to the CA.
    UnknownIssuer,
    /// The CA did not make the signature.
    BadSignature,
    /// The extended key usage lacks this usage.
    Usage(Usage),
    /// The CA's extended key usage lacks this usage.
    IssuerUsage(Usage),
    /// The signature algorithm is no longer accepted, such as SHA-1.
    WeakSignature,
    /// The CA's name constraints exclude one of its names.
    NameConstraints,
    /// Go's `crypto/x509` does not read a certificate of the chain.
    Go(GoError),
    /// The trusted CA must not sign any certificate.
    Anchor(Box<VerifyError>),
    /// A CA in its path must not sign certificates.
    NotCa,
    /// A CA in its path allows fewer intermediates.
    PathLength,
    /// A critical extension that Go does not handle; its identifier.
    UnknownCritical(String),
    /// The leaf is a CA certificate.
    LeafIsCa,
    /// Another error; the library's message.
    Other(String),
}

/// Verifies that `chain` leads to one of `anchors` and may be used for `usage` at `now`, as Go's `crypto/x509` does.
///
/// The caller checks the validity of the anchors.
pub fn verify(
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
        if !issuer.facts().may_sign() {
            return Err(VerifyError::NotCa);
        }
        self.signature_checks += 1;
        if !child.is_signed_with(issuer.public_key()) {
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
        } else if !allow_names(path) {
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

/// Returns whether the constraints of the CAs in a path allow all names below them; `path` begins with the leaf.
fn allow_names(path: &[&Certificate]) -> bool {
    let is_constrained = |certificate: &&Certificate| {
        let extensions = &certificate.facts().extensions;
        extensions.name_constraints.is_some()
    };
    if !path.iter().any(is_constrained) {
        return true;
    }
    let mut comparisons = 0;
    for (index, certificate) in path.iter().enumerate() {
        let above: Vec<_> = path
            .iter()
            .skip(index + 1)
            .filter_map(|ca| ca.facts().extensions.name_constraints.as_ref())
            .collect();
        if above.is_empty() {
            break;
        }
        let names = certificate.general_names();
        comparisons += names.len() * above.iter().map(|ca| ca.len()).sum::<usize>();
        if comparisons > MAX_COMPARISONS || !names.iter().all(|name| allow(&above, name)) {
            return false;
        }
    }
    true
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

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::Expired(at) => write!(f, "it expired on {}", at.date()),
            VerifyError::NotYetValid(at) => write!(f, "it is not valid before {}", at.date()),
            VerifyError::Intermediate => {
                f.write_str("an intermediate has expired or is not valid yet")
            }
            VerifyError::UnknownIssuer => f.write_str("it is not signed by its CA"),
            VerifyError::BadSignature => f.write_str(
                "its signature is wrong: it is damaged, or another CA of the same name signed it",
            ),
            VerifyError::Usage(usage) => write!(f, "its extended key usage lacks {}", usage.name()),
            VerifyError::IssuerUsage(usage) => {
                write!(f, "the extended key usage of its CA lacks {}", usage.name())
            }
            VerifyError::WeakSignature => f.write_str(
                "it is signed with an algorithm that is no longer accepted, such as SHA-1",
            ),
            VerifyError::NameConstraints => {
                f.write_str("its CA has name constraints that exclude one of its names")
            }
            VerifyError::Go(error) => error.fmt(f),
            VerifyError::Anchor(error) => error.fmt(f),
            VerifyError::NotCa => f.write_str(
                "a CA in its path must not sign certificates: it lacks the CA flag or keyCertSign",
            ),
            VerifyError::PathLength => {
                f.write_str("a CA in its path allows fewer intermediates (pathlen)")
            }
            VerifyError::UnknownCritical(oid) => {
                write!(
                    f,
                    "it has a critical extension that Go does not handle, {oid}"
                )
            }
            VerifyError::LeafIsCa => f.write_str("it is a CA certificate, want a leaf"),
            VerifyError::Other(reason) => write!(f, "it does not verify: {reason}"),
        }
    }
}

impl std::error::Error for VerifyError {}

//! Plans a CA that belongs to no tree: a root, or an intermediate that another CA signs.

use time::OffsetDateTime;

use super::subject::{DesiredNames, invalid};
use super::{PlanError, Reason};
use crate::check::finding::Remedy;
use crate::check::validity;
use crate::util::escape::escape_line;
use crate::x509::ca::{IntermediateLimit, intermediate_limit};
use crate::x509::certificate::Certificate;
use crate::x509::chain::CaBundle;
use crate::x509::sign::CaTemplate;
use crate::x509::usage::Usage;
use crate::x509::validity::Validity;

/// A CA that is asked for.
#[derive(Clone, Debug)]
pub struct NewCaRequest<'a> {
    /// Its subject.
    pub names: &'a DesiredNames,
    /// How many CAs may be between it and a leaf, with its place in messages; `None` for what its issuer allows.
    pub path_length: Option<(String, u8)>,
    /// How long it is valid.
    pub period: std::time::Duration,
    /// The CA that signs it; `None` if it signs itself.
    pub issuer: Option<&'a CaBundle>,
}

/// What the certificate of a CA will contain.
#[derive(Clone, Debug)]
pub struct CaPlan {
    /// Its contents.
    pub contents: CaTemplate,
    /// Its validity.
    pub validity: Validity,
    /// Whether the end of its issuer made it shorter.
    pub is_shortened: bool,
    /// What its issuer does not allow below it.
    pub warnings: Vec<String>,
}

/// Plans the CA at `now`.
///
/// # Errors
/// Everything that is wrong with its subject, and what its issuer does not allow.
pub fn plan(request: &NewCaRequest<'_>, now: OffsetDateTime) -> Result<CaPlan, PlanError> {
    let mut error = PlanError::default();
    let attributes = request.names.subject(&mut error);
    if attributes.is_empty() {
        // RFC 5280 section 4.1.2.6.
        error.add(invalid(
            "a CA needs a subject, such as a common name".to_owned(),
        ));
    }
    let path_length = match path_length(request) {
        Ok(length) => length,
        Err(reason) => {
            error.add(reason);
            None
        }
    };
    if !error.reasons.is_empty() {
        return Err(error);
    }
    let contents = CaTemplate::new(&attributes, path_length);
    let contents = contents.map_err(|error| PlanError {
        reasons: vec![invalid(error.to_string())],
    })?;
    if let Some(issuer) = request.issuer
        && issuer.signer.subject().is_empty()
    {
        // RFC 5280 section 4.1.2.4: verifiers find an issuer by its name.
        error.add(invalid("the CA that signs has no subject".to_owned()));
        return Err(error);
    }
    if let Some(issuer) = request.issuer
        && contents.has_name_of(&issuer.signer)
    {
        // A verifier would take it for a root.
        let what = format!(
            "the CA that signs has the same subject, {}",
            subject(&contents.subject_text())
        );
        error.add(Reason {
            remedy: Remedy::words("choose another common name"),
            ..invalid(what)
        });
        return Err(error);
    }
    let (validity, is_shortened) = match request.issuer {
        None => (validity::ca(now, request.period), false),
        Some(issuer) => validity::leaf(now, request.period, issuer.signer.validity()),
    };
    Ok(CaPlan {
        contents,
        validity,
        is_shortened,
        warnings: request
            .issuer
            .map_or_else(Vec::new, |issuer| restrictions(&issuer.signer)),
    })
}

/// Describes the extensions of an issuer that restrict every leaf below it.
fn restrictions(issuer: &Certificate) -> Vec<String> {
    let name = subject(&issuer.subject().to_string());
    let mut warnings = Vec::new();
    if issuer.has_name_constraints() {
        warnings.push(format!(
            "CA {name} has name constraints: certificates below the new CA are refused if their names do not match them"
        ));
    }
    let of_cluster = [Usage::ServerAuth, Usage::ClientAuth];
    if of_cluster.into_iter().any(|usage| !issuer.allows(usage)) {
        let usages = issuer.usage_names().join(", ");
        warnings.push(format!(
            "CA {name} has the extended key usage {usages}: certificates below the new CA are refused for other usages"
        ));
    }
    warnings
}

/// Returns the path length: the one that is asked for, else the largest that the issuer allows.
fn path_length(request: &NewCaRequest<'_>) -> Result<Option<u8>, Reason> {
    let asked = request.path_length.as_ref();
    let length = asked.map(|(_, length)| *length);
    let Some(issuer) = request.issuer else {
        return Ok(length);
    };
    let signer = subject(&issuer.signer.subject().to_string());
    match (intermediate_limit(issuer), asked) {
        (IntermediateLimit::Any, _) => Ok(length),
        (IntermediateLimit::Leaves, _) => Err(Reason {
            remedy: Remedy::words("sign with a CA that has a larger path length, or none"),
            ..invalid(format!(
                "CA {signer} may sign leaves only: its path length, or that of a CA above it, allows no further CA"
            ))
        }),
        (IntermediateLimit::PathLength(most), Some((place, length))) if *length > most => {
            Err(invalid(format!(
                "{place}: {length} is too large, CA {signer} allows {most} at most"
            )))
        }
        (IntermediateLimit::PathLength(most), _) => Ok(Some(length.unwrap_or(most))),
    }
}

/// Quotes a subject, whose own escapes are kept.
fn subject(text: &str) -> String {
    format!("`{}`", escape_line(text))
}

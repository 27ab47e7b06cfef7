//! Plans a request for anything: the names and usages that are asked for, by the rules of the signer that will get it.

use crate::catalog::signers::find_signer;
use crate::check::finding::Remedy;
use crate::check::request::{RequestProfile, check};
use crate::plan::subject::{DesiredNames, invalid};
use crate::plan::{PlanError, Reason};
use crate::util::escape::quote;
use crate::x509::algorithm::Algorithm;
use crate::x509::request::CertificateRequest;
use crate::x509::sign::LeafTemplate;
use crate::x509::usage::Purpose;

/// The signer for which the API server refuses new objects of `v1` (Kubernetes `pkg/apis/certificates/validation`).
const LEGACY: &str = "kubernetes.io/legacy-unknown";

/// A request that is asked for.
#[derive(Clone, Debug)]
pub struct NewCsrRequest<'a> {
    /// Its names.
    pub names: &'a DesiredNames,
    /// The usages; `None` for those that the signer requires, else none.
    pub usages: Option<Vec<Purpose>>,
    /// The name of the signer, if it is known.
    pub signer_name: Option<&'a str>,
    /// Whether it goes into a Kubernetes object.
    pub is_object: bool,
    /// The algorithm of the key.
    pub algorithm: Algorithm,
}

/// What a request will ask for.
#[derive(Clone, Debug)]
pub struct CsrPlan {
    /// The contents.
    pub contents: LeafTemplate,
    /// What its signer judges it by.
    profile: RequestProfile,
    /// The usages.
    pub usages: Vec<Purpose>,
    /// Usages that are left out, because the key cannot be used for them.
    pub not_for_key: Vec<Purpose>,
}

/// Plans the request.
///
/// # Errors
/// Every name that cannot be in a certificate, and why the usages are unknown.
pub fn plan(request: &NewCsrRequest<'_>) -> Result<CsrPlan, PlanError> {
    let mut error = PlanError::default();
    let subject = request.names.subject(&mut error);
    let names = request.names.alternative_names(&mut error);
    let mut not_for_key = Vec::new();
    let profile = match profile(request, &mut not_for_key) {
        Ok(profile) => Some(profile),
        Err(reason) => {
            error.add(reason);
            None
        }
    };
    let (Some(profile), true) = (profile, error.reasons.is_empty()) else {
        return Err(error);
    };
    let usages = match &profile {
        RequestProfile::Signer(_, usages) | RequestProfile::Usages(usages) => usages.clone(),
        RequestProfile::Row(..) => Vec::new(),
    };
    let contents = LeafTemplate::requested(&subject, &names, &usages);
    let contents = contents.map_err(|error| PlanError {
        reasons: vec![invalid(error.to_string())],
    })?;
    Ok(CsrPlan {
        contents,
        profile,
        usages,
        not_for_key,
    })
}

/// Judges a request with the contents of a plan, as its signer will.
///
/// # Errors
/// Everything for which it would be refused.
pub fn judge(
    plan: &CsrPlan,
    request: &CertificateRequest,
    allow_masters: bool,
) -> Result<(), PlanError> {
    let verdict = check(request, &plan.profile, allow_masters);
    match verdict.problems.is_empty() {
        true => Ok(()),
        false => Err(PlanError {
            reasons: verdict
                .problems
                .iter()
                .map(|problem| invalid(format!("the request would be refused: {problem}")))
                .collect(),
        }),
    }
}

/// Returns what the request is judged by; its usages are in their order, without repetitions.
fn profile(
    request: &NewCsrRequest<'_>,
    not_for_key: &mut Vec<Purpose>,
) -> Result<RequestProfile, Reason> {
    let given = match &request.usages {
        Some(usages) => Some(given_usages(usages, request.algorithm, not_for_key)?),
        None => None,
    };
    let built_in = request.signer_name.and_then(find_signer);
    if request.is_object && built_in.is_some_and(|signer| signer.name == LEGACY) {
        return Err(Reason {
            remedy: Remedy::words("name another signer with `--signer-name`"),
            ..invalid(format!(
                "the API server refuses new requests for signer `{LEGACY}`"
            ))
        });
    }
    let usages = match (built_in, given) {
        (_, Some(usages)) => usages,
        (Some(signer), None) => signer.usual_usages(request.algorithm.is_rsa()),
        (None, None) => Vec::new(),
    };
    if usages.is_empty() && (request.is_object || request.signer_name.is_some()) {
        let signer = quote(request.signer_name.unwrap_or_default());
        return Err(Reason {
            remedy: Remedy::words("name the usages with `--usages`"),
            ..invalid(format!("signer {signer} has no usages of its own"))
        });
    }
    Ok(match built_in {
        Some(signer) => RequestProfile::Signer(signer, usages),
        None => RequestProfile::Usages(usages),
    })
}

/// Returns the usages that the key can be used for.
fn given_usages(
    usages: &[Purpose],
    algorithm: Algorithm,
    not_for_key: &mut Vec<Purpose>,
) -> Result<Vec<Purpose>, Reason> {
    let mut distinct = Vec::new();
    for usage in usages {
        // Only RSA encrypts keys, so no request for another key has this usage.
        let kept = match *usage == Purpose::KeyEncipherment && !algorithm.is_rsa() {
            true => &mut *not_for_key,
            false => &mut distinct,
        };
        if !kept.contains(usage) {
            kept.push(*usage);
        }
    }
    match distinct.is_empty() && !not_for_key.is_empty() {
        true => Err(invalid(format!(
            "--usages: a key of {algorithm} cannot be used for `key encipherment`"
        ))),
        false => Ok(distinct),
    }
}

//! Plans which requests are signed: finds the profile of each, and judges all of them before any is signed.

use std::time::Duration;

use time::OffsetDateTime;

use crate::catalog::signers::{
    MIN_EXPIRATION_SECONDS, SIGNERS, SignerRule, find_signer, usage_of_word,
};
use crate::catalog::{self, CommonName, Profile, Row};
use crate::check::request::{RequestProfile, check};
use crate::check::{expected, validity};
use crate::config::cluster::DeclaredCluster;
use crate::objects::csr::SigningRequestSpec;
use crate::plan::{PlanError, Reason};
use crate::util::escape::{escape, quote};
use crate::x509::request::CertificateRequest;
use crate::x509::sign::LeafTemplate;
use crate::x509::usage::Purpose;
use crate::x509::validity::Validity;

/// A request with what came with it.
#[derive(Clone, Debug)]
pub struct RequestToSign {
    /// Its name in messages.
    pub name: String,
    /// The name of its file without directories, if it has one.
    pub file_name: Option<String>,
    /// The request.
    pub request: CertificateRequest,
    /// The Kubernetes object that it is in.
    pub object: Option<SigningRequestSpec>,
}

/// What the requests are judged by.
#[derive(Clone, Debug)]
pub enum ProfileChoice {
    /// What each request says itself: its signer name, its subject or its file name.
    FromRequest,
    /// A row of the catalog.
    Row(&'static Row),
    /// A signer of kube-controller-manager.
    Signer(&'static SignerRule),
    /// These usages.
    Usages(Vec<Purpose>),
}

/// How to sign.
#[derive(Clone, Debug)]
pub struct SigningRules<'a> {
    /// The profile.
    pub choice: ProfileChoice,
    /// The CA, if it is named.
    pub ca: Option<&'static Row>,
    /// The configuration that a row's names must be in.
    pub declared: Option<&'a DeclaredCluster>,
    /// How long certificates are valid at most.
    pub period: Duration,
    /// Whether the group `system:masters` is allowed.
    pub allow_masters: bool,
}

/// A request that is accepted.
#[derive(Clone, Debug)]
pub struct AcceptedRequest {
    /// The profile that it is signed by.
    pub profile: RequestProfile,
    /// The CA that signs it, if that belongs to a tree.
    pub ca: &'static Row,
    /// How long the certificate is valid, unless the CA ends before.
    pub period: Duration,
    /// What has to be said about it.
    pub notes: Vec<String>,
}

impl AcceptedRequest {
    /// Returns the validity of the certificate, and whether the end of the CA shortens it.
    pub fn validity(&self, now: OffsetDateTime, issuer: Validity) -> (Validity, bool) {
        match self.profile {
            RequestProfile::Signer(..) => validity::signer_leaf(now, self.period, issuer),
            RequestProfile::Row(..) | RequestProfile::Usages(_) => {
                validity::leaf(now, self.period, issuer)
            }
        }
    }
}

/// Judges requests.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn plan(
    requests: &[RequestToSign],
    rules: &SigningRules<'_>,
) -> Result<Vec<AcceptedRequest>, PlanError> {
    let mut accepted = Vec::new();
    let mut error = PlanError::default();
    for request in requests {
        match judge(request, rules) {
            Ok(request) => accepted.push(request),
            Err(reasons) => reasons.into_iter().for_each(|reason| error.add(reason)),
        }
    }
    match error.reasons.is_empty() {
        true => Ok(accepted),
        false => Err(error),
    }
}

/// What kube-controller-manager makes of a shorter lifetime.
const MIN_LIFETIME: Duration = Duration::from_secs(MIN_EXPIRATION_SECONDS);

fn judge(
    request: &RequestToSign,
    rules: &SigningRules<'_>,
) -> Result<AcceptedRequest, Vec<Reason>> {
    let mut reasons = object_problems(request);
    let profile = match profile(request, rules) {
        Ok(profile) => profile,
        Err(reason) => {
            reasons.push(reason);
            return Err(reasons);
        }
    };
    let verdict = check(&request.request, &profile, rules.allow_masters);
    let problems = verdict.problems.iter();
    reasons.extend(problems.map(|problem| refusal(request, problem, "")));
    let ca = profile.signer();
    if let Some(named) = rules.ca
        && !matches!(profile, RequestProfile::Usages(_))
        && named != ca
    {
        let what = format!(
            "`{}` is signed by the CA `{}`, not by `{}`",
            profile.name(),
            ca.name,
            named.name
        );
        reasons.push(refusal(request, &what, "leave `--ca` out"));
    }
    if matches!(profile, RequestProfile::Signer(..)) && rules.period < MIN_LIFETIME {
        let what = format!(
            "`--validity-period` is {} seconds; signer `{}` needs at least {MIN_EXPIRATION_SECONDS} seconds",
            rules.period.as_secs(),
            profile.name()
        );
        reasons.push(refusal(request, &what, "use a longer `--validity-period`"));
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let asked = request
        .object
        .as_ref()
        .and_then(|object| object.expiration_seconds);
    let asked = asked.map(Duration::from_secs);
    Ok(AcceptedRequest {
        ca: rules.ca.unwrap_or(ca),
        period: asked.map_or(rules.period, |asked| asked.min(rules.period)),
        notes: notes(request, verdict.notes),
        profile,
    })
}

/// Returns why a Kubernetes object must not be signed.
fn object_problems(request: &RequestToSign) -> Vec<Reason> {
    let Some(object) = &request.object else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for condition in ["Denied", "Failed"] {
        if object.conditions.iter().any(|found| found == condition) {
            problems.push(format!(
                "its condition {condition} is set, so it must not be signed"
            ));
        }
    }
    if object.has_certificate {
        problems.push("it has a certificate, which is written once".to_owned());
    }
    if let Some(seconds) = object.expiration_seconds
        && seconds < MIN_EXPIRATION_SECONDS
    {
        problems.push(format!(
            "spec.expirationSeconds is {seconds}, want {MIN_EXPIRATION_SECONDS} or more"
        ));
    }
    let problems = problems.iter();
    problems
        .map(|problem| refusal(request, problem, ""))
        .collect()
}

fn notes(request: &RequestToSign, mut notes: Vec<String>) -> Vec<String> {
    let object = request.object.as_ref();
    if let Some(object) =
        object.filter(|object| !object.conditions.iter().any(|one| one == "Approved"))
    {
        notes.push(format!(
            "it is not approved yet: `kubectl certificate approve {}`",
            escape(&object.name)
        ));
    }
    notes
}

/// Returns the profile that a request is judged by.
fn profile(request: &RequestToSign, rules: &SigningRules<'_>) -> Result<RequestProfile, Reason> {
    match &rules.choice {
        ProfileChoice::Row(row) => of_row(request, row, rules.declared),
        ProfileChoice::Signer(signer) => of_signer(request, signer),
        ProfileChoice::Usages(usages) => Ok(RequestProfile::Usages(usages.clone())),
        ProfileChoice::FromRequest => match &request.object {
            Some(object) => match find_signer(&object.signer_name) {
                Some(signer) => of_signer(request, signer),
                None => {
                    let names: Vec<_> = SIGNERS.iter().map(|signer| signer.name).collect();
                    let what = format!(
                        "its signer {} is not one of kube-controller-manager's: {}",
                        quote(&object.signer_name),
                        names.join(", ")
                    );
                    let words = "name the usages of the certificate with `--usages` if you sign for that signer";
                    Err(refusal(request, &what, words))
                }
            },
            None => match row_of(request) {
                Some(row) => of_row(request, row, rules.declared),
                None => {
                    let what = format!(
                        "nothing says what the certificate of {} is for",
                        quote(&request.request.subject().to_string())
                    );
                    let words = "use `--profile` with a name of `pki help files`, `--signer-name` or `--usages`";
                    Err(refusal(request, &what, words))
                }
            },
        },
    }
}

fn of_row(
    request: &RequestToSign,
    row: &'static Row,
    declared: Option<&DeclaredCluster>,
) -> Result<RequestProfile, Reason> {
    let unknown =
        declared.map_or_else(Vec::new, |declared| expected::unknown_fields(row, declared));
    if !unknown.is_empty() {
        let what = format!(
            "the configuration lacks `{}`, which the certificate of `{}` depends on",
            unknown.join("` and `"),
            row.name
        );
        let words = "add it to the configuration in an InitConfiguration, or leave `--config` out";
        return Err(refusal(request, &what, words));
    }
    let contents = declared
        .and_then(|declared| expected::contents(row, &declared.cluster))
        .transpose();
    let contents = contents.map_err(|error| refusal(request, &error.to_string(), ""))?;
    Ok(RequestProfile::Row(row, contents.map(Box::new)))
}

fn of_signer(
    request: &RequestToSign,
    signer: &'static SignerRule,
) -> Result<RequestProfile, Reason> {
    let Some(object) = &request.object else {
        let is_rsa = request
            .request
            .public_key()
            .algorithm()
            .is_some_and(|key| key.is_rsa());
        let usages = signer.usual_usages(is_rsa);
        if usages.is_empty() {
            let what = format!(
                "signer `{}` says no usages, and a certificate without any is good for all",
                signer.name
            );
            return Err(refusal(
                request,
                &what,
                "use `--usages` instead of `--signer-name`",
            ));
        }
        return Ok(RequestProfile::Signer(signer, usages));
    };
    let mut usages = Vec::new();
    for word in &object.usages {
        match usage_of_word(word) {
            Some(usage) => usages.push(usage),
            None => {
                let what = format!("spec.usages: {} is no usage", quote(word));
                return Err(refusal(request, &what, ""));
            }
        }
    }
    Ok(RequestProfile::Signer(signer, usages))
}

/// Returns the row that a request is for, by its file name or by a subject that only one row has.
fn row_of(request: &RequestToSign) -> Option<&'static Row> {
    let asked = LeafTemplate::of_request(&request.request);
    // The name that `--csr-dir` gives. `server.csr`, as in etcd/, is also that of any web server.
    let has_file_name = |row: &&'static Row| {
        let name = format!("{}.csr", row.name);
        request.file_name.as_ref() == Some(&name)
    };
    let has_subject = |row: &&'static Row| {
        let organization = match row.profile {
            Profile::Client { organization, .. } => organization,
            _ => None,
        };
        matches!(row.common_name(), Some(CommonName::Fixed(name)) if asked.common_names() == [name])
            && asked.organizations() == Vec::from_iter(organization)
    };
    catalog::renewable()
        .find(has_file_name)
        .or_else(|| catalog::renewable().find(has_subject))
}

fn refusal(request: &RequestToSign, what: &str, words: &str) -> Reason {
    Reason::in_file(&request.name, what, words)
}

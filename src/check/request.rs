//! Judges a request before it is signed, and a certificate by what was asked for. Everything else about a certificate is judged
//! as it will be in the tree.

use crate::catalog::signers::{
    MASTERS_GROUP, NODES_GROUP, RequestedNames, SignerRule, word_of_usage,
};
use crate::catalog::{CA, CommonName, NODE_USER_PREFIX, Profile, Row, SanRule};
use crate::util::escape::escape;
use crate::x509::certificate::Certificate;
use crate::x509::request::CertificateRequest;
use crate::x509::sign::LeafTemplate;
use crate::x509::usage::{Purpose, Usage};

/// What a request is judged by, and what its certificate will be good for.
#[derive(Clone, Debug)]
pub enum RequestProfile {
    /// A row of the catalog, with its exact contents where they are known.
    Row(&'static Row, Option<Box<LeafTemplate>>),
    /// A signer of kube-controller-manager, with the usages that the request names.
    Signer(&'static SignerRule, Vec<Purpose>),
    /// These usages.
    Usages(Vec<Purpose>),
}

/// The judgement of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestVerdict {
    /// Why it must not be signed.
    pub problems: Vec<String>,
    /// What the certificate will not have of what was asked for.
    pub notes: Vec<String>,
}

impl RequestProfile {
    /// Returns its name, for messages and the ledger.
    pub fn name(&self) -> String {
        match self {
            RequestProfile::Row(row, _) => row.name.to_owned(),
            RequestProfile::Signer(signer, _) => signer.name.to_owned(),
            RequestProfile::Usages(usages) => words(usages).join(", "),
        }
    }

    /// Returns the contents of the certificate for a request.
    pub fn contents(&self, request: &CertificateRequest) -> LeafTemplate {
        let contents = LeafTemplate::of_request(request);
        match self {
            RequestProfile::Row(row, _) => contents.with_usages_of_row(row.usages()),
            RequestProfile::Signer(_, usages) | RequestProfile::Usages(usages) => {
                contents.with_purposes(usages)
            }
        }
    }

    /// Returns the usages that a chain can be verified for.
    pub fn verified_usages(&self) -> Vec<Usage> {
        self.purposes()
            .into_iter()
            .filter_map(Purpose::usage)
            .collect()
    }

    /// Returns the row of the CA that signs for this profile.
    pub fn signer(&self) -> &'static Row {
        match self {
            RequestProfile::Row(row, _) => row.signer().unwrap_or(&CA),
            RequestProfile::Signer(..) | RequestProfile::Usages(_) => &CA,
        }
    }

    fn purposes(&self) -> Vec<Purpose> {
        match self {
            RequestProfile::Row(row, _) => {
                row.usages().iter().copied().map(Purpose::from).collect()
            }
            RequestProfile::Signer(_, usages) | RequestProfile::Usages(usages) => usages.clone(),
        }
    }
}

/// Judges a request; the group `system:masters` is refused unless it is allowed.
pub fn check(
    request: &CertificateRequest,
    profile: &RequestProfile,
    allow_masters: bool,
) -> RequestVerdict {
    let mut verdict = RequestVerdict::default();
    general(request, profile, allow_masters, &mut verdict);
    match profile {
        RequestProfile::Row(row, contents) => {
            by_row(request, row, contents.as_deref(), &mut verdict.problems);
        }
        RequestProfile::Signer(signer, usages) => {
            by_signer(request, signer, usages, &mut verdict.problems);
        }
        RequestProfile::Usages(_) => {}
    }
    verdict
}

/// Judges what no profile allows.
fn general(
    request: &CertificateRequest,
    profile: &RequestProfile,
    allow_masters: bool,
    verdict: &mut RequestVerdict,
) {
    let contents = LeafTemplate::of_request(request);
    let problems = &mut verdict.problems;
    problems.extend(request.check_proof().err().map(|error| error.to_string()));
    if request.has_ca_flag() {
        problems.push("it asks for a CA certificate (CA:TRUE)".to_owned());
    }
    let asked = request.key_usage_names();
    let signs = [Purpose::CertSign, Purpose::CrlSign];
    if asked
        .iter()
        .any(|usage| ["keyCertSign", "cRLSign"].contains(usage))
        || profile.purposes().iter().any(|usage| signs.contains(usage))
    {
        problems.push(
            "it asks to sign certificates or revocation lists, which only a CA may".to_owned(),
        );
    }
    if !allow_masters
        && contents
            .organizations()
            .iter()
            .any(|group| group == MASTERS_GROUP)
    {
        problems.push(format!(
            "it asks for the group `{MASTERS_GROUP}`, which no RBAC rule limits; `--allow-system-masters` allows it"
        ));
    }
    if !contents.has_valid_subject() {
        problems.push("its subject is not one that Go reads".to_owned());
    }
    problems.extend(
        contents
            .malformed_names()
            .map(|name| format!("its name {name} is malformed")),
    );
    if contents.subject_text().is_empty() && contents.san_texts().is_empty() {
        problems.push("it names nothing: neither subject nor alternative names".to_owned());
    }
    let beyond = beyond(request, profile);
    match profile {
        // kube-controller-manager ignores which usages the request itself asks for.
        RequestProfile::Signer(..) => verdict.notes.extend(beyond.map(|usages| {
            format!("the certificate will not have the usages {usages}, which it asks for")
        })),
        _ => problems.extend(beyond.map(|usages| {
            format!(
                "it asks for more usages than {} has: {usages}",
                quoted(profile)
            )
        })),
    }
    for extension in request.other_extensions() {
        verdict.notes.push(format!(
            "the certificate will not have the extension {extension}, which it asks for"
        ));
    }
    for attribute in request.other_attributes() {
        verdict
            .notes
            .push(format!("its attribute {attribute} is ignored"));
    }
}

/// Returns the extended key usages that a request asks for and its profile does not have.
fn beyond(request: &CertificateRequest, profile: &RequestProfile) -> Option<String> {
    let granted = profile.contents(request).usage_names();
    let asked = request.usage_names();
    let beyond: Vec<_> = asked
        .into_iter()
        .filter(|usage| !granted.contains(usage))
        .collect();
    (!beyond.is_empty()).then(|| beyond.join(", "))
}

fn quoted(profile: &RequestProfile) -> String {
    match profile {
        RequestProfile::Row(row, _) => format!("`{}`", row.name),
        RequestProfile::Signer(signer, _) => format!("signer `{}`", signer.name),
        RequestProfile::Usages(_) => "`--usages`".to_owned(),
    }
}

/// Judges a request for the certificate of a row.
fn by_row(
    request: &CertificateRequest,
    row: &Row,
    known: Option<&LeafTemplate>,
    problems: &mut Vec<String>,
) {
    let asked = LeafTemplate::of_request(request);
    let name = row.name;
    let (common_names, groups) = (asked.common_names(), asked.organizations());
    let wanted = match (known, row.common_name()) {
        (Some(known), _) => known.common_names().join(", "),
        (None, Some(CommonName::Fixed(name))) => name.to_owned(),
        (None, Some(CommonName::NodeUser)) => format!("{NODE_USER_PREFIX}<node name>"),
        (None, Some(CommonName::Node) | None) => "<node name>".to_owned(),
    };
    let is_wanted = |found: &str| match (known, row.common_name()) {
        (Some(_), _) | (None, Some(CommonName::Fixed(_))) => found == wanted,
        (None, Some(CommonName::NodeUser)) => found
            .strip_prefix(NODE_USER_PREFIX)
            .is_some_and(|node| !node.is_empty()),
        (None, Some(CommonName::Node) | None) => !found.is_empty(),
    };
    if !matches!(common_names.as_slice(), [found] if is_wanted(found)) {
        problems.push(format!(
            "`{name}` has CN `{wanted}`, it asks for {}",
            list(&common_names)
        ));
    }
    let group = match row.profile {
        Profile::Client { organization, .. } => organization,
        _ => None,
    };
    if groups != Vec::from_iter(group) {
        let wanted: Vec<_> = group.into_iter().map(str::to_owned).collect();
        problems.push(format!(
            "`{name}` has O {}, it asks for {}",
            list(&wanted),
            list(&groups)
        ));
    }
    let rule = match row.profile {
        Profile::Leaf { sans, .. } if sans != SanRule::Empty => RequestedNames::Server,
        _ => RequestedNames::Empty,
    };
    problems.extend(bad_names(&asked, rule, &format!("`{name}`")));
    let Some(known) = known.filter(|known| !known.san_texts().is_empty()) else {
        return;
    };
    let declared = known.san_texts();
    let beyond: Vec<_> = asked
        .san_texts()
        .into_iter()
        .filter(|name| !declared.contains(name))
        .collect();
    if !beyond.is_empty() {
        problems.push(format!(
            "it asks for names that the configuration does not have: {}",
            beyond.join(", ")
        ));
    }
}

/// Judges a request as kube-controller-manager does.
fn by_signer(
    request: &CertificateRequest,
    signer: &SignerRule,
    usages: &[Purpose],
    problems: &mut Vec<String>,
) {
    let asked = LeafTemplate::of_request(request);
    let by = format!("signer `{}`", signer.name);
    if signer.is_for_nodes {
        let groups = asked.organizations();
        if groups != [NODES_GROUP] {
            problems.push(format!(
                "{by} wants O `{NODES_GROUP}` alone, it asks for {}",
                list(&groups)
            ));
        }
        // Go takes the last common name.
        let common_name = asked.common_names().pop().unwrap_or_default();
        if !common_name.starts_with(NODE_USER_PREFIX) {
            problems.push(format!(
                "{by} wants CN `{NODE_USER_PREFIX}<node name>`, it asks for `{}`",
                escape(&common_name)
            ));
        }
    }
    problems.extend(bad_names(&asked, signer.names, &by));
    let missing: Vec<_> = signer
        .required
        .iter()
        .filter(|usage| !usages.contains(usage))
        .copied()
        .collect();
    if !missing.is_empty() {
        problems.push(format!(
            "{by} wants the usages {}",
            words(&missing).join(", ")
        ));
    }
    let is_beyond = |usage: &&Purpose| {
        signer
            .optional
            .is_some_and(|optional| !optional.contains(usage) && !signer.required.contains(usage))
    };
    let beyond: Vec<_> = usages.iter().filter(is_beyond).copied().collect();
    if !beyond.is_empty() {
        problems.push(format!(
            "{by} does not sign for the usages {}",
            words(&beyond).join(", ")
        ));
    }
}

/// Returns why the alternative names are not those that are accepted.
fn bad_names(asked: &LeafTemplate, rule: RequestedNames, by: &str) -> Option<String> {
    let names = asked.san_texts();
    let others: Vec<_> = names
        .iter()
        .filter(|name| !name.starts_with("DNS:") && !name.starts_with("IP:"))
        .cloned()
        .collect();
    match rule {
        RequestedNames::Any => None,
        RequestedNames::Empty if names.is_empty() => None,
        RequestedNames::Empty => Some(format!(
            "{by} has no alternative names, it asks for {}",
            names.join(", ")
        )),
        RequestedNames::Server if names.is_empty() => Some(format!(
            "{by} wants at least one DNS name or IP address, it asks for none"
        )),
        RequestedNames::Server if others.is_empty() => None,
        RequestedNames::Server => Some(format!(
            "{by} has only DNS names and IP addresses, it asks for {}",
            others.join(", ")
        )),
    }
}

fn words(usages: &[Purpose]) -> Vec<&'static str> {
    usages.iter().copied().map(word_of_usage).collect()
}

/// Returns how the subject of a certificate differs from what was asked for, which names and extended key usages it lacks, and
/// whether it is a CA. A CA may add names and usages.
pub(crate) fn certificate_problems(
    leaf: &Certificate,
    desired: Option<&LeafTemplate>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if leaf.has_ca_flag() {
        problems.push("it is a CA certificate (CA:TRUE), want a leaf".to_owned());
    }
    let Some(desired) = desired else {
        return problems;
    };
    let found = LeafTemplate::of(leaf);
    for (what, found, wanted) in [
        ("CN", found.common_names(), desired.common_names()),
        ("O", found.organizations(), desired.organizations()),
    ] {
        let sorted = |mut values: Vec<String>| {
            values.sort_unstable();
            values
        };
        if sorted(found.clone()) != sorted(wanted.clone()) {
            problems.push(format!(
                "it has {what} {}, want {}",
                list(&found),
                list(&wanted)
            ));
        }
    }
    for (what, found, wanted) in [
        ("names", found.san_texts(), desired.san_texts()),
        (
            "extended key usages",
            found.usage_names(),
            desired.usage_names(),
        ),
    ] {
        let is_missing =
            |wanted: &String| !found.iter().any(|found| found.eq_ignore_ascii_case(wanted));
        let missing: Vec<_> = wanted.into_iter().filter(is_missing).collect();
        if !missing.is_empty() {
            problems.push(format!(
                "it lacks {what} that were asked for: {}",
                missing.join(", ")
            ));
        }
    }
    problems
}

/// Returns values as text.
fn list(values: &[String]) -> String {
    match values.is_empty() {
        true => "none".to_owned(),
        false => format!("`{}`", values.join("`, `")),
    }
}

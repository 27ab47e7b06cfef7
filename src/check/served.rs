//! Compares what an endpoint serves and has loaded with the files of the tree.

mod client_cas;
mod loaded;

use time::{Duration, OffsetDateTime};

use super::expiry::Thresholds;
use super::finding::{Finding, FindingId, Remedy, Severity};
use super::{names, time_text};
use crate::catalog::components::Component;
use crate::catalog::listeners::Listener;
use crate::catalog::{CATALOG, Row};
use crate::net::handshake::{Handshake, HandshakeError, HostPort};
use crate::tree::inventory::Inventory;
use crate::tree::layout::TreePath;
use crate::tree::manifests::NamedFile;
use crate::util::escape::escape;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::usage::Usage;
use crate::x509::verify::verify;

/// An endpoint, and what it has shown.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    /// The listener of a component; `None` for an endpoint of an unknown component.
    pub listener: Option<&'static Listener>,
    /// Where it is.
    pub endpoint: &'a HostPort,
    /// Whether it was named on the command line. Clients may connect to it by this name, and it may be on another host.
    pub is_named: bool,
    /// Whether the configuration that sets its address was read.
    pub is_address_known: bool,
    /// The option of the controller manager whose file holds several certificates, so that it does not start with it.
    pub crowded_signer: Option<&'static str>,
    /// Whether it was asked for a name that has a certificate of its own.
    pub is_sni: bool,
    /// What it has shown.
    pub answer: &'a Result<Handshake, HandshakeError>,
    /// The file that it should serve.
    pub file: ServedFile<'a>,
    /// The CAs whose clients it should accept; `None` if they are not known.
    pub client_cas: Option<&'a [&'static Row]>,
    /// The files that its component reads, as its manifest names them.
    pub named_files: &'a [NamedFile],
    /// The certificate of the API server's connections to itself.
    pub loopback: Option<&'a Certificate>,
    /// When its process started, as the system says, to a second or two.
    pub process_start: Option<OffsetDateTime>,
}

impl Served<'_> {
    fn is_of(&self, component: Component) -> bool {
        self.listener
            .is_some_and(|listener| listener.component == component)
    }
}

/// The file of the certificate that an endpoint should serve.
#[derive(Clone, Copy, Debug)]
pub enum ServedFile<'a> {
    /// A file of the host.
    File(&'a TreePath, &'a Chain),
    /// None: the component makes its certificate when it starts.
    InMemory,
    /// It is missing, or cannot be read.
    Unusable(&'a TreePath),
    /// Unknown.
    Unknown,
}

/// What endpoints are compared with.
pub struct ServedContext<'a> {
    /// The tree.
    pub inventory: &'a Inventory,
    /// The time of the judgement.
    pub now: OffsetDateTime,
    /// When a served certificate needs attention.
    pub thresholds: Thresholds,
    /// Returns when a file changed.
    pub changed_at: &'a dyn Fn(&TreePath) -> Option<OffsetDateTime>,
    /// Returns whether the ledger has a certificate of a row.
    pub is_issued_here: &'a dyn Fn(&Row, &Certificate) -> bool,
}

/// How long a component that watches a file may take to load it (Kubernetes `dynamiccertificates`: a check every minute).
const RELOAD: Duration = Duration::MINUTE;

/// A component takes about a second from its start to the time in its certificate, and clocks tick differently.
const MARGIN: Duration = Duration::seconds(3);

/// Judges one endpoint.
pub fn check(context: &ServedContext<'_>, served: &Served<'_>) -> Vec<Finding> {
    let handshake = match served.answer {
        Ok(handshake) => handshake,
        Err(error) => {
            return vec![unreachable(served, error)];
        }
    };
    let leaf = &handshake.chain.leaf;
    let mut findings = vec![certificate(context, served, &handshake.chain)];
    let is_stale = findings
        .iter()
        .any(|finding| finding.id == FindingId::ServedStale);
    // No client verifies a certificate made in memory, so its dates and names do not matter. A stale one is an error already, so
    // its dates are not reported again.
    if !is_in_memory(served.file, leaf) {
        if !is_stale {
            findings.extend(dates(context, served, leaf));
        }
        findings.extend(name(served, leaf));
    }
    findings.extend(client_cas::check(context, served, handshake));
    if let (Some(listener), false) = (served.listener, served.is_named || served.is_sni) {
        findings.extend(loaded::check(context, served, listener));
    }
    findings.extend(loopback(context, served));
    for finding in &mut findings {
        if let Some(words) = restart_advice(served, finding) {
            finding.remedy = Remedy::words(words);
        }
    }
    findings
}

fn unreachable(served: &Served<'_>, error: &HandshakeError) -> Finding {
    let finding = Finding::new(FindingId::ServedUnreachable, error.to_string());
    if !served.is_of(Component::Kubelet) || served.is_named {
        return finding;
    }
    // Flags and drop-in files can give it another address.
    let finding =
        finding.advice("if the kubelet listens on another address, name it with `--endpoint`");
    match served.is_address_known {
        true => finding,
        false => Finding {
            severity: Severity::Warning,
            ..finding
        },
    }
}

/// Returns the advice about a finding that a restart removes.
fn restart_advice(served: &Served<'_>, finding: &Finding) -> Option<String> {
    let listener = served.listener?;
    let component = restarted_for(finding, listener)?;
    if served.is_named {
        let name = component.name();
        return Some(format!("restart {name} on the host of {}", served.endpoint));
    }
    let command = component.restart()?;
    if let Some(option) = served.crowded_signer {
        return Some(format!(
            "kube-controller-manager does not start while the file of `{option}` holds several certificates: give it one with the signing CA alone, then run `{command}`"
        ));
    }
    Some(match finding.id {
        // The component watches the file, so it probably could not load the new pair.
        FindingId::ServedStale if component != Component::Etcd => {
            format!("run `pki verify` and repair what it finds, then run `{command}`")
        }
        _ => format!("run `{command}`"),
    })
}

/// Returns when a component started, from a certificate that it made in memory. Its common name ends with `@` and the second
/// since 1970 (Kubernetes `apiserver/pkg/server/options/serving.go`).
pub fn started_at(certificate: &Certificate) -> Option<OffsetDateTime> {
    let name = certificate.common_name()?;
    let (_, second) = name.rsplit_once('@')?;
    OffsetDateTime::from_unix_timestamp(second.parse().ok()?).ok()
}

/// Returns when the component of an endpoint started, if it shows that or the system does.
pub fn start_of(served: &Served<'_>) -> Option<OffsetDateTime> {
    let leaf = served.answer.as_ref().ok().map(|answer| &answer.chain.leaf);
    let in_memory = match served.file {
        ServedFile::InMemory => leaf,
        _ => None,
    };
    let shown = served.loopback.or(in_memory).and_then(started_at);
    shown.or(served.process_start)
}

/// Returns the component of this host that has to be restarted to remove a finding, if it would start again.
pub fn to_restart(served: &Served<'_>, finding: &Finding) -> Option<Component> {
    let component = restarted_for(finding, served.listener?)?;
    let may_restart = !served.is_named && served.crowded_signer.is_none();
    may_restart.then_some(component)
}

fn restarted_for(finding: &Finding, listener: &Listener) -> Option<Component> {
    let is_about_cas = matches!(
        finding.id,
        FindingId::ServedCaNotLoaded | FindingId::ServedCaStillLoaded
    );
    // The scheduler follows a ConfigMap, which a restart does not change.
    if is_about_cas && listener.component == Component::Scheduler {
        return None;
    }
    let needs_restart = matches!(
        finding.id,
        FindingId::ServedStale
            | FindingId::ServedChainIncomplete
            | FindingId::ServedCaNotLoaded
            | FindingId::ServedCaStillLoaded
            | FindingId::ServedClientStale
            | FindingId::ServedFileStale
            | FindingId::ServedLoopbackExpiresSoon
    );
    needs_restart.then_some(listener.component)
}

/// Compares the certificate with that of the file.
fn certificate(context: &ServedContext<'_>, served: &Served<'_>, shown: &Chain) -> Finding {
    let subject = shown.leaf.subject();
    let (file, chain) = match served.file {
        ServedFile::File(file, chain) => (file, chain),
        file if is_in_memory(file, &shown.leaf) => {
            let text = "it serves a certificate that it made in memory when it started";
            return Finding::new(FindingId::ServedInMemory, text);
        }
        ServedFile::Unusable(file) => {
            let text =
                format!("it serves {subject}; {file} cannot be read, so it was not compared");
            return Finding {
                severity: Severity::Warning,
                ..Finding::new(FindingId::ServedNotCompared, text).advice("repair the file")
            };
        }
        ServedFile::InMemory | ServedFile::Unknown => return any_row(context, shown),
    };
    if shown.leaf == chain.leaf {
        let is_complete = chain
            .intermediates
            .iter()
            .all(|needed| shown.intermediates.contains(needed));
        return match is_complete {
            true => Finding::new(FindingId::ServedMatch, format!("it serves {file}")),
            false => Finding::new(
                FindingId::ServedChainIncomplete,
                format!("it serves {file} without the intermediates in it"),
            ),
        };
    }
    if served.is_of(Component::Kubelet) {
        let text = format!(
            "it serves {subject}, which is not in {file}; its configuration may name another file"
        );
        return Finding::new(FindingId::ServedNotCompared, text);
    }
    // Another CA may have signed a certificate for a name of its own.
    let is_known = match served.is_sni {
        true => has_same_names(&shown.leaf, &chain.leaf),
        false => {
            is_issued_here(context, served, &shown.leaf)
                || is_signed_by_tree(context, served, shown)
        }
    };
    if !is_known {
        let issuer = shown.leaf.issuer();
        let text = format!("it serves {subject}, issued by {issuer}: no CA of this tree signed it");
        return Finding::new(FindingId::ServedUnknown, text);
    }
    if served.is_named && !is_earlier(context, served, &shown.leaf, &chain.leaf) {
        let text = format!(
            "it serves {subject}, which a CA of this tree signed; the file of another host is not known"
        );
        return Finding::new(FindingId::ServedNotCompared, text);
    }
    let text = format!(
        "it serves a certificate that expires on {}, not the one in {file}",
        time_text(shown.leaf.not_after())
    );
    let id = match is_pending(context, file) {
        true => FindingId::ServedPending,
        false => FindingId::ServedStale,
    };
    Finding::new(id, text)
}

fn is_in_memory(file: ServedFile<'_>, leaf: &Certificate) -> bool {
    matches!(file, ServedFile::InMemory) && started_at(leaf).is_some()
}

/// Looks for a certificate among all that the tree holds.
fn any_row(context: &ServedContext<'_>, shown: &Chain) -> Finding {
    let holds = |row: &&&Row| {
        let held = context.inventory.row(row).certificate();
        held.is_some_and(|held| *held == shown.leaf)
    };
    match CATALOG.iter().find(holds) {
        Some(row) => Finding::new(
            FindingId::ServedMatch,
            format!("it serves the certificate of `{}`", row.name),
        ),
        None => Finding::new(
            FindingId::ServedNotCompared,
            format!(
                "it serves {}, for which no file is known",
                shown.leaf.subject()
            ),
        ),
    }
}

/// Returns whether this tree once held a served certificate: it was issued here, or has the same names.
fn is_earlier(
    context: &ServedContext<'_>,
    served: &Served<'_>,
    shown: &Certificate,
    held: &Certificate,
) -> bool {
    has_same_names(shown, held) || is_issued_here(context, served, shown)
}

fn has_same_names(one: &Certificate, other: &Certificate) -> bool {
    let names = |certificate: &Certificate| {
        let mut names = certificate.san_texts();
        names.sort_unstable();
        (certificate.subject().to_string(), names)
    };
    names(one) == names(other)
}

fn is_issued_here(context: &ServedContext<'_>, served: &Served<'_>, shown: &Certificate) -> bool {
    let row = served.listener.and_then(Listener::row);
    row.is_some_and(|row| (context.is_issued_here)(row, shown))
}

/// Returns whether the CA of the listener's row signed a served certificate, whatever its dates.
fn is_signed_by_tree(context: &ServedContext<'_>, served: &Served<'_>, shown: &Chain) -> bool {
    let row = served.listener.and_then(Listener::row);
    let ca = row.and_then(Row::signer);
    let bundle = ca.and_then(|ca| context.inventory.ca_bundle(ca));
    bundle.is_some_and(|bundle| {
        let at = shown.leaf.validity().clamp(context.now);
        verify(shown, &bundle.certificates(), Usage::ServerAuth, at).is_ok()
    })
}

fn is_pending(context: &ServedContext<'_>, file: &TreePath) -> bool {
    (context.changed_at)(file).is_some_and(|changed| context.now - changed < RELOAD)
}

/// Judges the dates of a certificate, whatever the files say.
fn dates(context: &ServedContext<'_>, served: &Served<'_>, leaf: &Certificate) -> Option<Finding> {
    let finding = judge_dates(context, leaf)?;
    // The kubelet signs its own and never renews it (Kubernetes `cmd/kubelet/app/server.go`).
    match served.is_of(Component::Kubelet) && leaf.is_self_issued() {
        true => Some(finding.advice(
            "remove `kubelet.crt` and `kubelet.key` on its host, then run `systemctl restart kubelet` there",
        )),
        false => Some(finding),
    }
}

fn judge_dates(context: &ServedContext<'_>, leaf: &Certificate) -> Option<Finding> {
    let (not_before, not_after) = (leaf.not_before(), leaf.not_after());
    if not_after < context.now {
        let text = format!(
            "the certificate that it serves expired on {}",
            time_text(not_after)
        );
        return Some(Finding::new(FindingId::ServedExpired, text));
    }
    if not_before > context.now {
        let text = format!(
            "the certificate that it serves is not valid before {}",
            time_text(not_before)
        );
        return Some(Finding::new(FindingId::ServedExpired, text).advice("check the clock"));
    }
    let is_soon = not_after - context.now <= context.thresholds.longest();
    let text = format!(
        "the certificate that it serves expires on {}",
        time_text(not_after)
    );
    is_soon.then(|| Finding::new(FindingId::ServedExpiresSoon, text))
}

/// Judges whether clients that connect to a named endpoint accept the certificate.
fn name(served: &Served<'_>, leaf: &Certificate) -> Option<Finding> {
    let endpoint = served.endpoint.to_string();
    let is_covered = names::reaches(&endpoint, &leaf.sans());
    let text = format!(
        "the certificate that it serves does not have the name in {}",
        escape(&endpoint)
    );
    // The API server does not verify a kubelet by its name, unless it is told to.
    (served.is_named && !is_covered && !served.is_of(Component::Kubelet))
        .then(|| Finding::new(FindingId::ServedNameMismatch, text))
}

/// Judges the certificate of the API server's connections to itself.
fn loopback(context: &ServedContext<'_>, served: &Served<'_>) -> Option<Finding> {
    let not_after = served.loopback?.not_after();
    let is_soon = not_after - context.now <= context.thresholds.longest();
    let finding = |text: String| Finding::new(FindingId::ServedLoopbackExpiresSoon, text);
    match not_after < context.now {
        true => Some(Finding {
            severity: Severity::Error,
            ..finding(format!(
                "the certificate of its connections to itself expired on {}",
                time_text(not_after)
            ))
        }),
        false => is_soon.then(|| {
            finding(format!(
                "the certificate of its connections to itself expires on {}",
                time_text(not_after)
            ))
        }),
    }
}

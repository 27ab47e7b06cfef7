//! Reads one tree and judges it, for the commands that change nothing: `check-expiration` and `verify`.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use time::OffsetDateTime;

use super::Console;
use super::judgement::JudgementContext;
use super::session::{Session, TreeSnapshot};
use super::target::{ConfigSource, Detection, Target};
use crate::catalog::{CERTIFICATE, EXTERNAL_ETCD_CA, EXTERNAL_ETCD_CLIENT, KUBECONFIG};
use crate::check::expiry::{self, Thresholds};
use crate::check::finding::{Finding, FindingId, Findings, Remedy};
use crate::check::{Context, Expected, check, commit, dates, manifests, permissions};
use crate::cli::{ClusterArgs, ConfigArgs, TreeArgs};
use crate::config::cluster::Etcd;
use crate::config::{Cluster, DeclaredCluster};
use crate::fs::file::FileError;
use crate::fs::walk::ParentCache;
use crate::tree::archive::Archive;
use crate::tree::certificate::StandaloneCertificates;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::kubeconfig::StandaloneKubeconfig;
use crate::tree::manifests::{PodManifest, STATIC_PODS};
use crate::tree::overlay::{CommitState, Tree};
use crate::tree::places::Places;
use crate::util::duration::Period;

/// A tree that was read, with the configuration that it is compared with.
pub(super) struct Inspection {
    pub(super) target: Target,
    pub(super) tree: Tree,
    pub(super) inventory: Inventory,
    /// What interrupted runs left.
    commit_state: CommitState,
    /// The open directories; `None` for an archive or a kubeconfig.
    pub(super) places: Option<Rc<Places>>,
    /// Whether it is a tree, which has files of interrupted runs and which `pki` can renew.
    is_tree: bool,
    /// The declared or recorded configuration.
    declared: Option<DeclaredCluster>,
    depth: Depth,
    now: OffsetDateTime,
}

impl Inspection {
    /// Reads the tree in some directories, and its configuration.
    ///
    /// # Errors
    /// If the configuration is invalid, or a directory of the tree cannot be reached.
    pub(super) fn open(
        tree: &TreeArgs,
        config: &ConfigArgs,
        depth: Depth,
        console: &Console,
    ) -> Result<Inspection> {
        let session = Session::open(tree, config, &ClusterArgs::default(), console)?;
        Inspection::of_session(session, depth, console.now)
    }

    /// Reads one of several named trees, and its recorded configuration. Trees in the same directory share its open descriptor.
    ///
    /// # Errors
    /// As [`Inspection::open`].
    pub(super) fn open_named(
        tree: &TreeArgs,
        parents: &Arc<ParentCache>,
        depth: Depth,
        console: &Console,
    ) -> Result<Inspection> {
        let session = Session::open_named(tree, parents, console)?;
        Inspection::of_session(session, depth, console.now)
    }

    fn of_session(session: Session, depth: Depth, now: OffsetDateTime) -> Result<Inspection> {
        let TreeSnapshot {
            tree,
            inventory,
            places,
            commit_state,
        } = session.read(&|_| depth)?;
        let inspection = Inspection {
            target: session.target,
            tree,
            inventory,
            commit_state,
            places: Some(places),
            is_tree: true,
            declared: None,
            depth,
            now,
        };
        inspection.with_configuration()
    }

    /// Reads the tree in an archive, and its recorded configuration.
    ///
    /// # Errors
    /// As [`Inspection::open`].
    pub(super) fn of_archive(
        archive: &mut Archive,
        depth: Depth,
        console: &Console,
    ) -> Result<Inspection> {
        let (target, tree) = Target::in_archive(archive)?;
        let inspection = Inspection {
            inventory: Inventory::read(&tree, |_| depth),
            commit_state: tree.commit_state(),
            target,
            tree,
            places: None,
            is_tree: true,
            declared: None,
            depth,
            now: console.now,
        };
        inspection.with_configuration()
    }

    /// Reads one context of a kubeconfig that belongs to no tree.
    ///
    /// # Errors
    /// If the files that it names cannot be looked up.
    pub(super) fn of_kubeconfig(
        kubeconfig: &StandaloneKubeconfig,
        context: &str,
        depth: Depth,
        console: &Console,
    ) -> Result<Inspection> {
        let (tree, inventory) = kubeconfig.read(context, depth)?;
        Ok(Inspection::standalone(tree, inventory, depth, console))
    }

    /// Reads one certificate of a file that belongs to no tree.
    ///
    /// # Errors
    /// As [`StandaloneCertificates::read`].
    pub(super) fn of_certificate(
        file: &StandaloneCertificates,
        position: usize,
        depth: Depth,
        console: &Console,
    ) -> Result<Inspection> {
        let (tree, inventory) = file.read(position)?;
        Ok(Inspection::standalone(tree, inventory, depth, console))
    }

    fn standalone(tree: Tree, inventory: Inventory, depth: Depth, console: &Console) -> Inspection {
        Inspection {
            target: Target::undeclared(tree.layout.clone()),
            tree,
            inventory,
            commit_state: CommitState::Settled,
            places: None,
            is_tree: false,
            declared: None,
            depth,
            now: console.now,
        }
    }

    /// Adds the certificates of the host that are not in the tree: the one that the kubelet serves, and those of an external etcd
    /// that the configuration names.
    pub(super) fn with_host_files(mut self) -> Inspection {
        let (tree, depth) = (&self.tree, self.depth);
        self.inventory.observe_kubelet(tree, depth);
        let cluster = self.declared.as_ref().map(|declared| &declared.cluster);
        if let Some(Etcd::External(etcd)) = cluster.map(|cluster| &cluster.etcd) {
            let path = |path: &Option<PathBuf>| path.as_ref()?.to_str().map(str::to_owned);
            if let Some(ca) = path(&etcd.ca_file) {
                self.inventory
                    .observe_named(tree, &EXTERNAL_ETCD_CA, &ca, None, depth);
            }
            if let Some(client) = path(&etcd.cert_file) {
                let key = path(&etcd.key_file);
                let row = &EXTERNAL_ETCD_CLIENT;
                self.inventory
                    .observe_named(tree, row, &client, key.as_deref(), depth);
            }
        }
        self
    }

    fn with_configuration(mut self) -> Result<Inspection> {
        let target = &self.target;
        self.declared = match target.source() {
            ConfigSource::File | ConfigSource::Recorded => {
                let settings = target.layers(&self.inventory).settings();
                Some(Cluster::resolve_declared(settings)?)
            }
            ConfigSource::Nothing => None,
        };
        Ok(self)
    }

    /// Returns what is judged.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            inventory: &self.inventory,
            expected: self.expected(),
            now: self.now,
        }
    }

    /// Returns everything that is found, with the commands that remove it. `due` is the period for `renew --due`.
    pub(super) fn findings(&self, thresholds: Thresholds, due: Option<&Period>) -> Findings {
        let inventory = &self.inventory;
        let tree = &self.tree;
        let state = &self.commit_state;
        let mut findings: Findings = commit::check(state).into_iter().collect();
        if self.is_tree && self.depth == Depth::Keys && !tree.is_being_written() {
            findings.extend(commit::leftovers(state, tree.leftovers()));
        }
        findings.extend(self.record_finding());
        findings.extend(check(inventory, self.expected(), self.now));
        findings.extend(expiry::soon(&self.context(), thresholds));
        if !self.is_tree {
            return with_advice(findings);
        }
        // Only errors are removed by `init`.
        let resolved = findings
            .iter()
            .any(Finding::is_error)
            .then(|| self.init_configuration())
            .flatten();
        let knowledge = JudgementContext {
            expected: self.expected(),
            init: resolved.as_ref().map(|cluster| {
                let is_declared = self.target.source() != ConfigSource::Nothing;
                (cluster, is_declared)
            }),
            due,
            now: self.now,
        };
        knowledge.with_remedies(findings, inventory)
    }

    /// Returns the configuration that `init` would use.
    fn init_configuration(&self) -> Option<Cluster> {
        let layers = self.target.layers(&self.inventory);
        let resolved = layers.resolve(Detection::Allowed).ok();
        resolved.map(|resolved| resolved.cluster)
    }

    /// Returns what is found by looking at dates only. No command is advised, because that takes a whole judgement.
    pub(super) fn dates(&self, thresholds: Thresholds) -> Findings {
        let context = self.context();
        let mut findings = dates(&context);
        findings.extend(commit::check(&self.commit_state));
        findings.extend(expiry::soon(&context, thresholds));
        for finding in findings.iter_mut() {
            finding.remedy = Remedy::default();
        }
        findings
    }

    /// Returns a finding for each directory that a writing command would refuse, or warn about.
    pub(super) fn directories(&self) -> Vec<Finding> {
        let Some(places) = &self.places else {
            return Vec::new();
        };
        let refusal = places.judge_tree().err();
        let refusal = refusal.map(|error| error.without_advice());
        permissions::directories(refusal, places.warnings())
    }

    /// Returns what is found about the files that the components of this host read.
    pub(super) fn manifests(&self) -> Vec<Finding> {
        if !self.is_tree {
            return Vec::new();
        }
        let context = self.context();
        let judge = |component| match PodManifest::read(&self.tree, component) {
            Ok(manifest) => {
                manifest.map_or_else(Vec::new, |manifest| manifests::check(&context, &manifest))
            }
            Err(error) => vec![manifests::unreadable(component, &error)],
        };
        STATIC_PODS.into_iter().flat_map(judge).collect()
    }

    /// Returns the finding for a recorded configuration that cannot be used.
    fn record_finding(&self) -> Option<Finding> {
        let error = self.target.record_error.as_ref()?;
        Some(match error.downcast_ref::<FileError>() {
            Some(error) => {
                commit::unreadable_record(&error.without_advice(), error.is_permission_denied())
            }
            None => commit::unreadable_record(&format!("{error:#}"), false),
        })
    }

    fn expected(&self) -> Option<Expected<'_>> {
        self.declared.as_ref().map(Expected::from)
    }
}

/// Adds what to do about a kubeconfig or certificate that belongs to no tree.
fn with_advice(mut findings: Findings) -> Findings {
    for finding in findings.iter_mut() {
        let is_urgent = finding.is_error() || finding.id == FindingId::CertificateExpiresSoon;
        let is_about_certificate = finding.id.name().starts_with("certificate.");
        let advice = match finding.row {
            Some(row) if *row == KUBECONFIG => "replace the file with a renewed kubeconfig",
            Some(row) if *row == CERTIFICATE => "replace the file with a renewed certificate",
            _ => continue,
        };
        if is_urgent && is_about_certificate {
            finding.remedy = Remedy::words(advice);
        }
    }
    findings
}

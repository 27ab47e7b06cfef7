//! Reads one tree and judges it, for the commands that change nothing: `check-expiration` and `verify`.

use anyhow::Result;
use time::OffsetDateTime;

use super::Console;
use super::judgement::JudgementContext;
use super::session::{Session, TreeSnapshot};
use super::target::{ConfigSource, Detection, Target};
use crate::check::expiry::{self, Thresholds};
use crate::check::finding::{Finding, Findings};
use crate::check::{Context, Expected, check, commit, manifests, permissions};
use crate::cli::{ClusterArgs, ConfigArgs, TreeArgs};
use crate::config::{Cluster, Host, Origin, Setting, Settings};
use crate::fs::file::FileError;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::manifests::{Manifest, STATIC_PODS};
use crate::util::duration::Period;

/// A tree that was read, with the configuration that it is compared with.
pub(super) struct Inspection<'a> {
    pub(super) session: Session<'a>,
    pub(super) snapshot: TreeSnapshot,
    /// The declared or recorded configuration, and whether the node in it is known.
    declared: Option<(Cluster, bool)>,
    /// The configuration that `init` would use.
    resolved: Option<Cluster>,
    depth: Depth,
    now: OffsetDateTime,
}

impl<'a> Inspection<'a> {
    /// Reads a tree and its configuration.
    ///
    /// # Errors
    /// If the configuration is invalid, or a directory of the tree cannot be reached.
    pub(super) fn open(
        tree: &TreeArgs,
        config: &ConfigArgs,
        depth: Depth,
        console: &'a Console,
    ) -> Result<Inspection<'a>> {
        let session = Session::open(tree, config, &ClusterArgs::default(), console)?;
        let snapshot = session.read(&|_| depth)?;
        let target = &session.target;
        let declared = match target.source() {
            ConfigSource::File | ConfigSource::Recorded => {
                Some(declared(target, &snapshot.inventory)?)
            }
            ConfigSource::Nothing => None,
        };
        let layers = target.layers(&snapshot.inventory);
        let resolved = layers.resolve(Detection::Allowed).ok();
        Ok(Inspection {
            resolved: resolved.map(|resolved| resolved.cluster),
            now: console.now,
            depth,
            session,
            snapshot,
            declared,
        })
    }

    /// Returns what is judged.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            inventory: &self.snapshot.inventory,
            expected: self.expected(),
            now: self.now,
        }
    }

    /// Returns everything that is found, with the commands that remove it. `due` is the period for `renew --due`.
    pub(super) fn findings(&self, thresholds: Thresholds, due: Option<&Period>) -> Findings {
        let knowledge = JudgementContext {
            expected: self.expected(),
            init: self.resolved.as_ref().map(|cluster| {
                let is_declared = self.session.target.source() != ConfigSource::Nothing;
                (cluster, is_declared)
            }),
            due,
            now: self.now,
        };
        let inventory = &self.snapshot.inventory;
        let tree = &self.snapshot.tree;
        let state = &self.snapshot.commit_state;
        let mut findings: Findings = commit::check(state).into_iter().collect();
        if self.depth == Depth::Keys && !tree.is_being_written() {
            findings.extend(commit::leftovers(state, tree.leftovers()));
        }
        findings.extend(self.record_finding());
        findings.extend(check(inventory, self.expected(), self.now));
        findings.extend(expiry::soon(&self.context(), thresholds));
        knowledge.with_remedies(findings, inventory)
    }

    /// Returns a finding for each directory that a writing command would refuse, or warn about.
    pub(super) fn directories(&self) -> Vec<Finding> {
        let places = &self.snapshot.places;
        let refusal = places.judge_tree().err();
        let refusal = refusal.map(|error| error.without_advice());
        permissions::directories(refusal, places.warnings())
    }

    /// Returns what is found about the files that the components of this host read.
    pub(super) fn manifests(&self) -> Vec<Finding> {
        let context = self.context();
        let judge = |component| match Manifest::read(&self.snapshot.tree, component) {
            Ok(manifest) => {
                manifest.map_or_else(Vec::new, |manifest| manifests::check(&context, &manifest))
            }
            Err(error) => vec![manifests::unreadable(component, &error)],
        };
        STATIC_PODS.into_iter().flat_map(judge).collect()
    }

    /// Returns the finding for a recorded configuration that cannot be used.
    fn record_finding(&self) -> Option<Finding> {
        let error = self.session.target.record_error.as_ref()?;
        Some(match error.downcast_ref::<FileError>() {
            Some(error) => {
                commit::unreadable_record(&error.without_advice(), error.is_permission_denied())
            }
            None => commit::unreadable_record(&format!("{error:#}"), false),
        })
    }

    fn expected(&self) -> Option<Expected<'_>> {
        let (cluster, is_node_known) = self.declared.as_ref()?;
        Some(Expected {
            cluster,
            is_node_known: *is_node_known,
        })
    }
}

/// Resolves the configuration, and returns whether the name and address of the node in it are known.
fn declared(target: &Target, inventory: &Inventory) -> Result<(Cluster, bool)> {
    let placeholder = |what: &'static str, value: &str| {
        Some(Setting {
            value: value.to_owned(),
            origin: Origin::Host(what),
        })
    };
    let settings = target.layers(inventory).settings();
    let is_ipv6 = |subnets: &Setting<String>| {
        subnets
            .value
            .split(',')
            .next()
            .is_some_and(|first| first.contains(':'))
    };
    let is_node_known = !settings.needs_host();
    let placeholders = Settings {
        node_name: placeholder("node name", "localhost"),
        advertise_address: placeholder(
            "advertise address",
            match settings.service_subnet.as_ref().is_some_and(is_ipv6) {
                true => "::1",
                false => "127.0.0.1",
            },
        ),
        ..Settings::default()
    };
    let resolved = Cluster::resolve(settings.or(placeholders), &Host::default())?;
    Ok((resolved.cluster, is_node_known))
}

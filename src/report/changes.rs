//! The report of a command that writes. A dry run and the run itself have the same report.

use serde::Serialize;

use super::findings::{TreeArguments, with_remedy};
use super::time::Time;
use crate::catalog::components::{Component, has_copies, to_restart};
use crate::catalog::{ADMIN_CONF, Row, SUPER_ADMIN_CONF, Sharing};
use crate::check::finding::{Finding, Findings};
use crate::check::{Change, ChangedField};
use crate::plan::{Action, KeyPlace, Make, Plan, Step};
use crate::store::outcome::{Committed, Restricted};
use crate::tree::layout::{self, Layout, TreePath};
use crate::util::escape::shell_path;

/// The changes of a command.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// `init`, `renew`, `csr generate`, `csr import`, `rollback` or `download-certs`.
    pub command: &'static str,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The directory of the certificates.
    pub cert_dir: String,
    /// The directory of the kubeconfigs.
    pub kubeconfig_dir: String,
    /// The rows that the command considered.
    pub rows: Vec<RowChange>,
    /// The number of rows by action.
    pub summary: Summary,
    /// Replaced files that fewer users can read or write than before.
    pub permissions: Vec<PermissionChange>,
    /// Whether the configuration is recorded.
    pub records_configuration: bool,
    /// The command that renews what the old CAs signed. Run it before the restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_command: Option<String>,
    /// The components to restart, one at a time and in this order.
    pub restart: Vec<ComponentRestart>,
    /// The kubeconfigs whose copies must be replaced.
    pub replace_copies: Vec<&'static str>,
    /// The command that installs what a CA has signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import_command: Option<String>,
    /// The generation whose files were restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored_generation: Option<String>,
    /// The generation that keeps the old files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_generation: Option<String>,
    /// Old generations that were removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dropped_generations: Vec<String>,
    /// Commands for the next step. For a new tree: to run when the API server is up. After a rollback: to step further back or
    /// forward.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
}

/// The change of one row.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowChange {
    /// Its name.
    pub name: &'static str,
    /// The action.
    pub action: RowAction,
    /// The reason why it is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the old certificate expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_expiration_date: Option<Time>,
    /// When the new certificate expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_date: Option<Time>,
    /// The algorithm of a new key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_key: Option<String>,
    /// The certification request that is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The serial number of a restored certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The other fields that change.
    pub changes: Vec<FieldChange>,
    /// The contents of a new row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<NewContents>,
    /// Whether all control-plane nodes share it.
    #[serde(skip)]
    pub is_shared: bool,
}

/// The action for a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowAction {
    /// It did not exist and is made.
    Create,
    /// It is replaced by a new one.
    Renew,
    /// A certification request is made for it.
    Request,
    /// It is replaced by that of another node.
    Replace,
    /// An old one is restored.
    Restore,
    /// It is not changed.
    #[default]
    Keep,
    /// It was requested, but cannot be made.
    Skip,
}

/// A field that changes, other than dates and key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The field.
    pub field: &'static str,
    /// The old value.
    pub from: String,
    /// The new value.
    pub to: String,
    /// Whether the reason is a difference between the old certificate and the configuration.
    pub drift: bool,
}

/// The contents of a new row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NewContents {
    /// Its files, with the mode of each.
    pub files: Vec<NewFile>,
    /// The subject of its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Whether the subject names the node.
    #[serde(skip)]
    pub is_of_node: bool,
    /// The CA that signs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<&'static str>,
    /// Its extended key usages.
    pub usages: Vec<String>,
    /// Its subject alternative names.
    pub sans: Vec<String>,
    /// The server URL of a kubeconfig.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// A file of a new row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewFile {
    /// Its path.
    pub path: String,
    /// Its mode, in octal.
    pub mode: String,
}

/// A replaced file whose mode changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PermissionChange {
    /// The file, relative to its directory.
    pub file: String,
    /// Its old mode, in octal.
    pub from: String,
    /// Its new mode, in octal.
    pub to: String,
}

/// A component to restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentRestart {
    /// Its name.
    pub component: &'static str,
    /// The command that restarts it.
    pub command: String,
    /// Why it would not start again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

/// The number of rows by action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Rows that are made.
    pub created: usize,
    /// Rows that are renewed.
    pub renewed: usize,
    /// Rows for which a request is made.
    pub requested: usize,
    /// Rows that are replaced by those of another node.
    pub replaced: usize,
    /// Rows that are restored.
    pub restored: usize,
    /// Rows that do not change.
    pub kept: usize,
    /// Rows that are skipped.
    pub skipped: usize,
}

impl Changes {
    /// Returns what `plan` would change, for a dry run.
    pub fn planned(
        command: &'static str,
        plan: &Plan,
        permissions: &[Restricted],
        layout: &Layout,
        arguments: &TreeArguments,
    ) -> Changes {
        Changes {
            dry_run: true,
            permissions: permissions.iter().map(PermissionChange::new).collect(),
            ..Changes::of(command, plan, layout, arguments)
        }
    }

    /// Returns the report of a plan that changes nothing.
    pub fn nothing(
        command: &'static str,
        plan: &Plan,
        dry_run: bool,
        layout: &Layout,
        arguments: &TreeArguments,
    ) -> Changes {
        Changes {
            dry_run,
            ..Changes::of(command, plan, layout, arguments)
        }
    }

    /// Returns what was changed.
    pub fn done(
        command: &'static str,
        plan: &Plan,
        committed: &Committed,
        layout: &Layout,
        arguments: &TreeArguments,
    ) -> Changes {
        Changes {
            permissions: committed
                .restricted
                .iter()
                .map(PermissionChange::new)
                .collect(),
            kept_generation: committed.generation.clone(),
            dropped_generations: committed.dropped.clone(),
            ..Changes::of(command, plan, layout, arguments)
        }
    }

    /// Adds the restored generation, and the commands for the next step.
    pub fn restoring(self, generation: &str, next: Vec<String>) -> Changes {
        Changes {
            restored_generation: Some(generation.to_owned()),
            next,
            ..self
        }
    }

    /// Marks the components that would not start again; the reasons are those of these findings.
    pub fn with_obstacles(mut self, findings: &Findings) -> Changes {
        for restart in &mut self.restart {
            let manifest = format!("{}.yaml", restart.component);
            let is_about = |finding: &&Finding| {
                let file = finding.file.as_ref();
                file.is_some_and(|file| file.relative.ends_with(&manifest))
            };
            restart.obstacle = findings
                .iter()
                .find(is_about)
                .map(|finding| finding.found.clone());
        }
        self
    }

    /// Adds the command that renews these rows before any component restarts, and the restarts that they need.
    pub fn renewing_first(self, rows: &[&'static Row], command: String) -> Changes {
        let replaced = self
            .rows
            .iter()
            .filter(|row| row.action == RowAction::Replace);
        let replaced = replaced.filter_map(|row| crate::catalog::find(row.name));
        let all: Vec<_> = replaced.chain(rows.iter().copied()).collect();
        Changes {
            restart: restarts(&all),
            replace_copies: copied(&all),
            renew_command: Some(command),
            ..self
        }
    }

    /// Returns whether nothing is written, except perhaps the configuration.
    pub fn makes_nothing(&self) -> bool {
        self.changed().next().is_none()
    }

    /// Returns whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        self.makes_nothing() && !self.records_configuration && self.summary.skipped == 0
    }

    /// Returns the rows that are made, renewed or restored.
    pub fn changed(&self) -> impl Iterator<Item = &RowChange> {
        self.rows.iter().filter(|row| row.is_change())
    }

    fn of(
        command: &'static str,
        plan: &Plan,
        layout: &Layout,
        arguments: &TreeArguments,
    ) -> Changes {
        let rows: Vec<_> = plan
            .steps
            .iter()
            .map(|step| RowChange::new(step, layout, arguments))
            .collect();
        let changed: Vec<&'static Row> = plan
            .steps
            .iter()
            .zip(&rows)
            .filter(|(_, row)| row.is_change())
            .map(|(step, _)| step.row)
            .collect();
        // New files are not in use yet.
        let replaced: Vec<_> = plan
            .steps
            .iter()
            .zip(&rows)
            .filter(|(_, row)| {
                matches!(
                    row.action,
                    RowAction::Renew | RowAction::Replace | RowAction::Restore
                )
            })
            .map(|(step, _)| step.row)
            .collect();
        Changes {
            command,
            dry_run: false,
            cert_dir: layout.certificates.display().to_string(),
            kubeconfig_dir: layout.kubeconfigs.display().to_string(),
            summary: Summary::of(&rows),
            permissions: Vec::new(),
            records_configuration: plan.records_configuration(),
            renew_command: None,
            restart: restarts(&replaced),
            replace_copies: copied(&replaced),
            import_command: rows
                .iter()
                .any(|row| row.request.is_some())
                .then(|| arguments.with("pki csr import FILE")),
            restored_generation: None,
            kept_generation: None,
            dropped_generations: Vec::new(),
            next: next(&rows, &changed, layout),
            rows,
        }
    }
}

/// Returns the command that grants rights to the users of a new cluster; other clusters already have them.
fn next(rows: &[RowChange], changed: &[&'static Row], layout: &Layout) -> Vec<String> {
    let is_new = changed.contains(&&ADMIN_CONF)
        && changed.contains(&&SUPER_ADMIN_CONF)
        && rows
            .iter()
            .all(|row| row.action == RowAction::Create || row.is_shared);
    let admin = layout.kubeconfigs.join("super-admin.conf");
    let command = format!(
        "pki template rbac | kubectl --kubeconfig {} apply -f -",
        shell_path(&admin)
    );
    is_new.then_some(command).into_iter().collect()
}

/// Returns the kubeconfigs among these rows that users usually copy.
fn copied(rows: &[&'static Row]) -> Vec<&'static str> {
    let copied = rows.iter().filter(|row| has_copies(row));
    copied.map(|row| row.name).collect()
}

fn restarts(rows: &[&'static Row]) -> Vec<ComponentRestart> {
    to_restart(rows.iter().copied())
        .into_iter()
        .filter_map(|component: Component| {
            Some(ComponentRestart {
                component: component.name(),
                command: component.restart()?,
                obstacle: None,
            })
        })
        .collect()
}

impl RowChange {
    /// Returns whether the row is a CA.
    pub(super) fn is_ca(&self) -> bool {
        crate::catalog::find(self.name).is_some_and(Row::is_ca)
    }

    /// Returns whether the row is made, renewed or restored.
    pub fn is_change(&self) -> bool {
        !matches!(self.action, RowAction::Keep | RowAction::Skip)
    }

    fn new(step: &Step, layout: &Layout, arguments: &TreeArguments) -> RowChange {
        let mut row = RowChange {
            name: step.row.name,
            is_shared: step.row.sharing == Sharing::Cluster,
            ..RowChange::default()
        };
        match &step.action {
            Action::Keep => {}
            Action::Skip { reason, remedy, .. } => {
                row.action = RowAction::Skip;
                row.reason = Some(with_remedy(reason, remedy, arguments));
            }
            Action::Make { make, changes } => {
                row.make(step.row, make, changes, layout);
            }
        }
        row
    }

    fn make(&mut self, row: &Row, make: &Make, changes: &[Change], layout: &Layout) {
        let find = |field| {
            changes
                .iter()
                .find(|change: &&Change| change.field == field)
        };
        self.action = match make {
            Make::Restore { .. } => RowAction::Restore,
            Make::Request(_) => RowAction::Request,
            _ if changes.is_empty() => RowAction::Create,
            Make::Install { .. } => RowAction::Replace,
            _ => RowAction::Renew,
        };
        let dates = find(ChangedField::NotAfter);
        self.old_expiration_date = dates.and_then(|change| Time::parse(&change.from));
        self.expiration_date = make
            .validity()
            .map(|validity| Time::from(validity.not_after))
            .or_else(|| dates.and_then(|change| Time::parse(&change.to)));
        let key = match make {
            Make::Import(import) if import.place == KeyPlace::Waiting => {
                import.chain.leaf.public_key().algorithm()
            }
            make => make.new_key(),
        };
        self.new_key = key.map(|algorithm| algorithm.to_string());
        self.request = matches!(make, Make::Request(_))
            .then(|| layout::request_file(row))
            .flatten()
            .map(|file| layout_path(layout, &file));
        self.serial = find(ChangedField::Serial).map(|change| change.to.clone());
        let own = [
            ChangedField::Key,
            ChangedField::NotBefore,
            ChangedField::NotAfter,
            ChangedField::Serial,
        ];
        self.changes = changes
            .iter()
            .filter(|change| !own.contains(&change.field))
            .map(FieldChange::new)
            .collect();
        let is_new = matches!(self.action, RowAction::Create | RowAction::Request);
        self.contents = is_new.then(|| NewContents::new(row, make, layout));
    }
}

impl FieldChange {
    fn new(change: &Change) -> FieldChange {
        FieldChange {
            field: change.field.name(),
            from: change.from.clone(),
            to: change.to.clone(),
            drift: change.drift,
        }
    }
}

impl NewContents {
    fn new(row: &Row, make: &Make, layout: &Layout) -> NewContents {
        let files = make.files(row);
        let files = files.into_iter().map(|(file, access)| NewFile {
            path: layout_path(layout, &file),
            mode: octal(access.mode()),
        });
        let mut contents = NewContents {
            files: files.collect(),
            ..NewContents::default()
        };
        if let Make::Ca { common_name, .. } = make {
            contents.subject = Some(format!("CN={common_name}"));
        }
        if let Some(leaf) = make.leaf_contents() {
            contents.is_of_node = row.names_node();
            contents.subject = Some(leaf.subject_text());
            contents.ca = row.signer().map(|ca| ca.name);
            contents.usages = leaf.usage_names();
            contents.sans = leaf.san_texts();
        }
        match make {
            Make::NewKubeconfig { server, .. } => contents.server = Some(server.clone()),
            Make::Request(request) => {
                let kubeconfig = request.kubeconfig.as_ref();
                contents.server = kubeconfig.map(|new| new.server.clone());
            }
            Make::Import(import) => {
                let leaf = &import.chain.leaf;
                contents.subject = Some(leaf.subject().to_string());
                contents.ca = row.signer().map(|ca| ca.name);
                contents.usages = leaf.usage_names();
                contents.sans = leaf.san_texts();
            }
            _ => {}
        }
        contents
    }
}

impl PermissionChange {
    fn new(restricted: &Restricted) -> PermissionChange {
        PermissionChange {
            file: restricted.file.to_string(),
            from: octal(restricted.from),
            to: octal(restricted.to),
        }
    }
}

fn layout_path(layout: &Layout, file: &TreePath) -> String {
    layout.path(file).display().to_string()
}

fn octal(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}

impl Summary {
    pub(super) fn of(rows: &[RowChange]) -> Summary {
        let count = |action| rows.iter().filter(|row| row.action == action).count();
        Summary {
            created: count(RowAction::Create),
            renewed: count(RowAction::Renew),
            requested: count(RowAction::Request),
            replaced: count(RowAction::Replace),
            restored: count(RowAction::Restore),
            kept: count(RowAction::Keep),
            skipped: count(RowAction::Skip),
        }
    }
}

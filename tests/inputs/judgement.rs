//! The judgement of a tree, in this process, as lines of text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pki::{
    catalog::CATALOG,
    check::{
        Context, Expected, check,
        expiry::{self, Thresholds},
        finding::{Finding, Severity},
        host,
    },
    config::{self, Cluster, Host},
    plan::{
        Action, Plan, init,
        renew::{self, RenewRequest, Selection},
    },
    tree::{
        inventory::{Depth, Inventory},
        layout::Layout,
        overlay::Tree,
    },
};

use time::Duration;

use super::remedies;
use crate::support::{
    NOW, TestTree,
    rows::{OF_CA, OF_ETCD_CA},
};

/// Makes a test of each row: a change to a tree => all findings.
macro_rules! judged {
    ($($(#[$attribute:meta])* $name:ident: $damage:expr => [$($line:expr),* $(,)?];)*) => {
        $($(#[$attribute])* #[test] fn $name() {
            if $crate::support::peer("openssl").is_none() {
                return;
            }
            let tree = $crate::support::TestTree::new();
            let damage: fn(&$crate::support::TestTree) = $damage;
            damage(&tree);
            let wanted: &[&str] = &[$($line),*];
            assert_eq!($crate::inputs::judgement::judge(&tree), wanted);
        })*
    };
}
pub(super) use judged;

/// Judges a tree: returns its findings as `ROW: FINDING`, and the results of `init` and `renew all`.
///
/// Leaves out the results if `init` keeps everything and `renew all` renews everything, and leaves out findings of severity info.
pub(super) fn judge(tree: &TestTree) -> Vec<String> {
    let layout = layout(tree);
    let opened = Tree::open(&layout).unwrap();
    let inventory = Inventory::read(&opened, |_| Depth::Keys);
    let cluster = recorded(tree);
    for declared in [cluster.as_ref(), None] {
        remedies::assert_commands_help(&layout, declared);
    }
    let context = Context {
        inventory: &inventory,
        expected: cluster.as_ref().map(Expected::from),
        now: NOW,
    };
    let findings = check(&inventory, context.expected, NOW);
    let directory = tree.path("").display().to_string();
    let root = tree.root().display().to_string();
    let mut lines: Vec<_> = findings
        .iter()
        .filter_map(line)
        .map(|line| line.replace(&directory, "").replace(&root, "ROOT"))
        .collect();
    lines.extend(cluster.iter().flat_map(|cluster| {
        let plan = init::plan(&cluster.into(), &inventory, &findings, NOW);
        outcome("init", plan, "makes", |action| {
            matches!(action, Action::Make { .. })
        })
    }));
    let request = RenewRequest {
        selection: Selection::All,
        declared: cluster.as_ref(),
        reuse_key: false,
    };
    let plan = renew::plan(&request, &inventory, &findings, NOW);
    lines.extend(outcome("renew all", plan, "keeps", |action| {
        matches!(action, Action::Keep)
    }));
    let rows = host::rows(&context);
    let unlisted = CATALOG
        .iter()
        .filter(|row| !rows.contains(row) && row.name != "sa");
    let unlisted = grouped(unlisted.map(|row| row.name).collect());
    if !unlisted.is_empty() {
        lines.push(format!("not expected here: {unlisted}"));
    }
    lines
}

fn layout(tree: &TestTree) -> Layout {
    Layout {
        certificates: tree.path("pki"),
        kubeconfigs: tree.path(""),
        kubelet: tree.root().join("var/lib/kubelet/pki"),
        rootfs: Some(tree.root().to_owned()),
    }
}

/// Returns the names of all findings, also of what expires within 30 days.
pub(super) fn names(tree: &TestTree) -> BTreeSet<&'static str> {
    let opened = Tree::open(&layout(tree)).unwrap();
    let inventory = Inventory::read(&opened, |_| Depth::Keys);
    let cluster = recorded(tree);
    let context = Context {
        inventory: &inventory,
        expected: cluster.as_ref().map(Expected::from),
        now: NOW,
    };
    let thresholds = Thresholds {
        warn: Duration::days(30),
        critical: Duration::ZERO,
    };
    let findings = check(&inventory, context.expected, NOW);
    findings
        .into_iter()
        .chain(expiry::soon(&context, thresholds))
        .map(|finding| finding.id.name())
        .collect()
}

/// Returns the recorded configuration.
fn recorded(tree: &TestTree) -> Option<Cluster> {
    let record = ".pki/cluster.yaml";
    let settings = tree
        .exists(record)
        .then(|| config::read(record, &tree.read(record)).unwrap().settings)?;
    Some(
        Cluster::resolve(settings, &Host::default())
            .unwrap()
            .cluster,
    )
}

/// Returns a finding as a line, with its text if the kind does not say everything; nothing for severity info.
fn line(finding: &Finding) -> Option<String> {
    let mut line = finding.row.map_or("tree", |row| row.name).to_owned();
    write!(line, ": {}", finding.id.name()).unwrap();
    if line.ends_with(": file.invalid") || line.ends_with(": file.unreadable") {
        write!(line, ": {}", finding.found).unwrap();
    }
    (finding.severity != Severity::Info).then_some(line)
}

/// Returns the result of a command: a refusal, or the rows that it treats in a special way.
fn outcome<E>(
    command: &str,
    plan: Result<Plan, E>,
    verb: &str,
    is_special: impl Fn(&Action) -> bool,
) -> Vec<String> {
    let Ok(plan) = plan else {
        return vec![format!("{command} refuses")];
    };
    let names = |is: &dyn Fn(&Action) -> bool| -> String {
        let steps = plan.steps.iter().filter(|step| is(&step.action));
        grouped(steps.map(|step| step.row.name).collect())
    };
    let failed = |action: &Action| matches!(action, Action::Skip { failed: true, .. });
    let skipped = |action: &Action| matches!(action, Action::Skip { failed: false, .. });
    [
        (verb, names(&is_special)),
        ("fails for", names(&failed)),
        ("skips", names(&skipped)),
    ]
    .into_iter()
    .filter(|(_, names)| !names.is_empty())
    .map(|(verb, names)| format!("{command} {verb} {names}"))
    .collect()
}

/// Returns names as a list, with `all of CA` for everything that a CA signs.
fn grouped(mut names: Vec<&'static str>) -> String {
    let families: [(&'static str, &[&str]); 2] =
        [("all of ca", &OF_CA), ("all of etcd-ca", &OF_ETCD_CA)];
    for (title, family) in families {
        if family.iter().all(|name| names.contains(name)) {
            let place = names.iter().position(|name| *name == family[0]).unwrap();
            names.insert(place, title);
            names.retain(|name| !family.contains(name));
        }
    }
    names.join(", ")
}

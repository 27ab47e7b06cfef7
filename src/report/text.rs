//! Reports for people, as text.

use std::fmt::Write as _;
use std::io::Write as _;

use tabwriter::TabWriter;
use time::OffsetDateTime;
use time::macros::format_description;

use super::residual::human;
use crate::catalog::{Reload, Row};
use crate::check::drift::field;
use crate::check::expiry::{Expiry, Item, Renewer, State, Thresholds, Urgency};
use crate::check::{Change, time_text};
use crate::execute::Issued;
use crate::plan::{Action, Make, Plan};
use crate::store::outcome::{Committed, Restricted};
use crate::tree::layout::{Access, Layout};
use crate::util::escape::tame;

/// Returns kubeadm's two tables: certificates, then CAs.
pub fn expiration(expiry: &Expiry) -> String {
    let mut certificates = vec![HEADER.map(str::to_owned).to_vec()];
    certificates.extend(expiry.certificates.iter().map(row));
    let mut authorities = vec![AUTHORITY_HEADER.map(str::to_owned).to_vec()];
    authorities.extend(expiry.authorities.iter().map(authority_row));
    format!("{}\n{}", table(&certificates), table(&authorities))
}

/// Returns one table of what needs attention, the most urgent last.
pub fn attention(expiry: &Expiry, thresholds: Thresholds) -> String {
    let mut items: Vec<_> = expiry
        .items()
        .filter(|item| item.urgency(thresholds) > Urgency::Healthy)
        .collect();
    items.sort_by_key(|item| (item.urgency(thresholds), std::cmp::Reverse(item.residual())));
    let mut rows = vec![HEADER.map(str::to_owned).to_vec()];
    rows.extend(items.into_iter().map(row));
    table(&rows)
}

/// Returns what needs attention in words: what is wrong with which, and what to do.
pub fn verdicts(expiry: &Expiry, thresholds: Thresholds) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&str>, &str)> = Vec::new();
    let mut lines = Vec::new();
    for item in expiry
        .items()
        .filter(|item| item.urgency(thresholds) > Urgency::Healthy)
    {
        match verdict(item) {
            Verdict::Alone(line) => lines.push(line),
            Verdict::Shared(what, remedy) => match groups
                .iter_mut()
                .find(|(group, _, known)| *group == what && *known == remedy)
            {
                Some((_, names, _)) => names.push(item.name),
                None => groups.push((what, vec![item.name], remedy)),
            },
        }
    }
    let grouped = groups.into_iter().map(|(what, names, remedy)| {
        format!(
            "{what}: {}; {}",
            names.join(", "),
            remedy.replace("WARN", &in_days(thresholds.warn.max(thresholds.critical)))
        )
    });
    grouped.chain(lines).collect()
}

/// Returns what a plan would do, field by field.
pub fn dry_run(plan: &Plan, restricted: &[Restricted], layout: &Layout) -> String {
    let mut text = place(layout);
    for step in &plan.steps {
        let name = step.row.name;
        match &step.action {
            Action::Keep => _ = writeln!(text, "keep {name}"),
            Action::Skip { reason, .. } => _ = writeln!(text, "skip {name}: {reason}"),
            Action::Make { make, changes } if changes.is_empty() => {
                _ = writeln!(text, "make {name}");
                text.push_str(&contents(step.row, make, layout));
            }
            Action::Make { make, changes } => {
                let verb = if matches!(**make, Make::Restore { .. }) {
                    "put back"
                } else {
                    "renew"
                };
                _ = writeln!(text, "{verb} {name}");
                for change in changes {
                    _ = writeln!(text, "    {}", change_text(change));
                }
            }
        }
    }
    text.push_str(&self::restricted(restricted));
    if plan.record.is_some() {
        text.push_str("record the configuration\n");
    }
    text.push_str("dry run: nothing was written\n");
    text
}

/// Returns the report of an `init` that had nothing to make; at most it recorded another configuration.
pub fn nothing_to_make(plan: &Plan, layout: &Layout, recorded: bool) -> String {
    let written = if recorded {
        "only the configuration was recorded"
    } else {
        "nothing was written"
    };
    let kept = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Keep))
        .count();
    let mut text = place(layout);
    let what = match kept == plan.steps.len() {
        true => format!("all {kept} are there and usable"),
        false => format!("{kept} of {} are there and usable", plan.steps.len()),
    };
    _ = writeln!(text, "{what}; {written}");
    lacking(plan, &mut text);
    text
}

/// Returns the report of an `init` that made something.
pub fn init(plan: &Plan, issued: &Issued, layout: &Layout) -> String {
    let mut text = place(layout);
    let mut rows = vec![["", "NAME", "KEY", "EXPIRES"].map(str::to_owned).to_vec()];
    for step in &plan.steps {
        let (what, key, expires) = match &step.action {
            Action::Make { make, .. } => (
                "made",
                make.new_key()
                    .map_or_else(String::new, |algorithm| algorithm.to_string()),
                certificate(issued, step.row)
                    .map_or_else(String::new, |certificate| date(certificate.not_after())),
            ),
            Action::Keep => ("kept", String::new(), String::new()),
            Action::Skip { .. } => ("lacking", String::new(), String::new()),
        };
        rows.push(vec![
            what.to_owned(),
            step.row.name.to_owned(),
            key,
            expires,
        ]);
    }
    text.push_str(&table(&rows));
    lacking(plan, &mut text);
    text.push_str(
        "\nnext: once the API server is up, give the identities in this tree their rights:\n    \
         pki template rbac | kubectl --kubeconfig ",
    );
    _ = writeln!(
        text,
        "{} apply -f -",
        layout.kubeconfigs.join("super-admin.conf").display()
    );
    text
}

/// Names what an `init` could not make.
fn lacking(plan: &Plan, text: &mut String) {
    let lacking: Vec<_> = plan
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Skip { reason, .. } => Some(format!("    {}: {reason}", step.row.name)),
            Action::Keep | Action::Make { .. } => None,
        })
        .collect();
    if !lacking.is_empty() {
        _ = writeln!(text, "\nlacking:\n{}", lacking.join("\n"));
    }
}

/// Returns the report of a `renew` that had nothing to do.
pub fn nothing_renewed(plan: &Plan, layout: &Layout) -> String {
    let mut text = place(layout);
    skipped(plan, &mut text);
    let nothing = if plan.steps.is_empty() {
        "nothing is due"
    } else {
        "nothing can be renewed"
    };
    _ = writeln!(text, "{nothing}; nothing was written");
    text
}

/// Returns the report of a `renew`: what changed, what differs from before, what has to be restarted.
pub fn renew(plan: &Plan, issued: &Issued, committed: &Committed, layout: &Layout) -> String {
    let mut text = place(layout);
    let mut rows = vec![
        ["RENEWED", "OLD EXPIRY", "NEW EXPIRY", "KEY"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (row, _, changes) in plan.made() {
        let find = |field: &str| changes.iter().find(|change| change.field == field);
        let old = find("not after").map_or_else(String::new, |change| change.from.clone());
        let new = certificate(issued, row).map_or_else(String::new, |certificate| {
            time_text(certificate.not_after())
        });
        let key = find("key").map_or_else(|| "kept".to_owned(), |change| change.to.clone());
        rows.push(vec![row.name.to_owned(), old.clone(), new, key]);
    }
    text.push_str(&table(&rows));
    skipped(plan, &mut text);
    drifted(plan, &mut text);
    text.push_str(&restricted(&committed.restricted));
    restarts(plan, layout, &mut text);
    if let Some(generation) = &committed.generation {
        _ = writeln!(text, "\nthe old files are kept as generation {generation}");
    }
    text
}

/// Returns which replaced files let in fewer users than before.
pub fn restricted(restricted: &[Restricted]) -> String {
    let line = |Restricted { file, from, to }: &Restricted| {
        format!("{file}: mode {from:04o} -> {to:04o}\n")
    };
    restricted.iter().map(line).collect()
}

/// Returns the report of a rollback to what is there already.
pub fn nothing_to_put_back(generation: &str, layout: &Layout) -> String {
    format!(
        "{}the files of generation {generation} are in place already; nothing was written\n",
        place(layout)
    )
}

/// Returns the report of a rollback.
pub fn rollback(generation: &str, plan: &Plan, committed: &Committed, layout: &Layout) -> String {
    let mut text = place(layout);
    _ = writeln!(text, "as before generation {generation}:");
    let mut rows = vec![
        ["PUT BACK", "SERIAL", "EXPIRES"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (row, _, changes) in plan.made() {
        let find = |field: &str| {
            changes
                .iter()
                .find(|change| change.field == field)
                .map(|change| change.to.clone())
        };
        rows.push(vec![
            row.name.to_owned(),
            find("serial").unwrap_or_default(),
            find("not after").unwrap_or_default(),
        ]);
    }
    text.push_str(&table(&rows));
    if plan.record.is_some() {
        text.push_str("\nthe recorded configuration is the old one again\n");
    }
    restarts(plan, layout, &mut text);
    if let Some(generation) = &committed.generation {
        _ = writeln!(text, "\nwhat was there is kept as generation {generation}");
    }
    text
}

const HEADER: [&str; 5] = [
    "CERTIFICATE",
    "EXPIRES",
    "RESIDUAL TIME",
    "CERTIFICATE AUTHORITY",
    "EXTERNALLY MANAGED",
];
const AUTHORITY_HEADER: [&str; 4] = [
    "CERTIFICATE AUTHORITY",
    "EXPIRES",
    "RESIDUAL TIME",
    "EXTERNALLY MANAGED",
];

fn row(item: &Item) -> Vec<String> {
    let mut cells = authority_row(item);
    cells.insert(3.min(cells.len()), item.ca.unwrap_or_default().to_owned());
    cells
}

fn authority_row(item: &Item) -> Vec<String> {
    match &item.state {
        // kubeadm pads the last word to eight characters, and leaves it out where there is nothing.
        State::Dated {
            not_after,
            residual,
            ..
        } => {
            let external = if item.external { "yes" } else { "no" };
            let mark = if item.problem.is_some() {
                "!BROKEN! "
            } else {
                ""
            };
            vec![
                format!("{mark}{}", item.name),
                kubeadm_date(*not_after),
                human(*residual),
                format!("{external:<8}"),
            ]
        }
        State::Missing => vec![
            format!("!MISSING! {}", item.name),
            String::new(),
            String::new(),
            String::new(),
        ],
        State::Broken(_) => vec![
            format!("!BROKEN! {}", item.name),
            String::new(),
            String::new(),
            String::new(),
        ],
    }
}

/// What is said of an item: together with others of its kind, or alone.
enum Verdict {
    /// What is wrong, and the remedy, in which `WARN` stands for the warning time.
    Shared(String, &'static str),
    Alone(String),
}

fn verdict(item: &Item) -> Verdict {
    let remedy = match item.renewer {
        Renewer::Kubelet => {
            "the kubelet renews its certificate by itself: does it run, and reach the API server?"
        }
        Renewer::Nobody => "a CA has to be replaced, and everything it signed with it",
        Renewer::Owner => {
            "it lies in a file of its own, which has to be renewed where it came from"
        }
        Renewer::ExternalCa => "the CA is external: have it sign them again",
        Renewer::Pki => "`pki renew --due WARN` renews what is due",
        Renewer::Init => "move it away, and `pki init` makes it anew",
        Renewer::Hand => "replace the CAs in it by those of ca.crt, and restart what uses it",
    };
    if let Some(problem) = &item.problem {
        let name = item.name;
        let remedy = match item.renewer {
            Renewer::Nobody => {
                "put it back from a backup, or replace it and everything it signed".to_owned()
            }
            Renewer::Pki => format!("`pki renew {name}` makes key and certificate anew"),
            Renewer::Kubelet
            | Renewer::Owner
            | Renewer::ExternalCa
            | Renewer::Init
            | Renewer::Hand => remedy.to_owned(),
        };
        return Verdict::Alone(format!("`{name}`: {problem}; {remedy}"));
    }
    match &item.state {
        State::Dated { residual, .. } if residual.is_negative() => {
            Verdict::Shared("expired".to_owned(), remedy)
        }
        State::Dated {
            residual,
            not_after,
            not_before,
        } if *not_before > *not_after - *residual => Verdict::Alone(format!(
            "`{}` is not valid before {} (is the clock right?)",
            item.name,
            date(*not_before)
        )),
        State::Dated { not_after, .. } => {
            Verdict::Shared(format!("expires on {}", date(*not_after)), remedy)
        }
        State::Missing if item.renewer == Renewer::Kubelet => {
            Verdict::Shared("missing".to_owned(), remedy)
        }
        State::Missing if item.is_ca => Verdict::Shared(
            "missing".to_owned(),
            "put it back from a backup; `pki init` makes one only where nothing is signed yet",
        ),
        State::Missing if item.renewer == Renewer::ExternalCa => Verdict::Shared(
            "missing".to_owned(),
            "the CA is external: `pki init --dry-run` says what to have it sign",
        ),
        State::Missing => Verdict::Shared("missing".to_owned(), "`pki init` makes what is missing"),
        State::Broken(message) => Verdict::Alone(format!("`{}`: {message}", item.name)),
    }
}

/// Returns what a row that is made from nothing consists of.
fn contents(row: &Row, make: &Make, layout: &Layout) -> String {
    let mut text = String::new();
    for (file, access) in crate::tree::layout::files(row) {
        if matches!(make, Make::ServiceAccountPublic) && file.file_name().ends_with(".key") {
            continue;
        }
        let mode = match access {
            Access::Private => "0600",
            Access::Public => "0644",
        };
        _ = writeln!(text, "    file: {} ({mode})", layout.path(&file).display());
    }
    let mut line = |field: &str, value: String| {
        if !value.is_empty() {
            _ = writeln!(text, "    {field}: {}", tame(&value));
        }
    };
    if let Some(algorithm) = make.new_key() {
        line("key", format!("new {algorithm}"));
    }
    if let Make::Ca { common_name, .. } = make {
        line("subject", format!("CN={common_name}"));
    }
    if let Some(leaf) = make.leaf() {
        line("subject", leaf.contents.subject_text());
        line("CA", leaf.signer.name.to_owned());
        line("usages", leaf.contents.usage_names().join(", "));
        line("SANs", leaf.contents.san_texts().join(", "));
    }
    if let Make::NewKubeconfig { server, .. } = make {
        line("server", server.clone());
    }
    if let Some(validity) = make.validity() {
        line("not after", time_text(validity.not_after));
    }
    text
}

fn change_text(change: &Change) -> String {
    let note = if change.drift {
        " (as configured now)"
    } else {
        ""
    };
    format!("{}{note}", difference(change))
}

fn difference(change: &Change) -> String {
    let (field, from, to) = (change.field, tame(&change.from), tame(&change.to));
    match (field, from.is_empty(), to.is_empty()) {
        (field::SANS_REMOVED, ..) => format!("{field}: {from}"),
        (field::SANS_ADDED, ..) => format!("{field}: {to}"),
        (_, true, _) => format!("{field}: none -> {to}"),
        (_, _, true) => format!("{field}: {from} -> none"),
        _ => format!("{field}: {from} -> {to}"),
    }
}

fn skipped(plan: &Plan, text: &mut String) {
    for step in &plan.steps {
        if let Action::Skip { reason, .. } = &step.action {
            _ = writeln!(text, "not renewed: {}: {reason}", step.row.name);
        }
    }
}

/// Says in what the old certificates differed from the configuration; what several have in common, once.
fn drifted(plan: &Plan, text: &mut String) {
    let mut groups: Vec<(&Change, Vec<&str>)> = Vec::new();
    for (row, _, changes) in plan.made() {
        for change in changes.iter().filter(|change| change.drift) {
            match groups.iter_mut().find(|(known, _)| *known == change) {
                Some((_, names)) => names.push(row.name),
                None => groups.push((change, vec![row.name])),
            }
        }
    }
    if groups.is_empty() {
        return;
    }
    text.push_str("\nthe old certificates differed from the configuration, which now applies:\n");
    for (change, names) in &groups {
        _ = writeln!(
            text,
            "    {}\n        {}",
            names.join(", "),
            difference(change)
        );
    }
    let lost_group =
        |(change, _): &(&Change, _)| change.field == field::ORGANIZATION && !change.from.is_empty();
    if groups.iter().any(lost_group) {
        text.push_str("\na group changed: the rights that it had must come from RBAC, see `pki template rbac`\n");
    }
}

/// Names what does not read its files again by itself.
fn restarts(plan: &Plan, layout: &Layout, text: &mut String) {
    let mut lines = Vec::new();
    for (row, ..) in plan.made() {
        let line = match row.reload {
            Reload::Automatic => continue,
            Reload::Copies => {
                format!(
                    "{}: distribute it again to wherever copies are kept",
                    row.name
                )
            }
            Reload::StaticPod(component) => {
                let manifest = layout
                    .kubeconfigs
                    .join("manifests")
                    .join(format!("{component}.yaml"));
                format!(
                    "{component}: move `{}` away, wait until its container is gone (about 20 s), and move it back",
                    manifest.display()
                )
            }
            Reload::Kubelet => "kubelet: systemctl restart kubelet".to_owned(),
        };
        lines.push(line);
    }
    if lines.is_empty() {
        text.push_str(
            "\nnothing has to be restarted: the components read these files again by themselves\n",
        );
        return;
    }
    text.push_str("\nto be done, the rest is read again without a restart:\n");
    for line in lines {
        _ = writeln!(text, "    {line}");
    }
}

fn certificate<'a>(
    issued: &'a Issued,
    row: &Row,
) -> Option<&'a crate::x509::certificate::Certificate> {
    issued
        .rows
        .iter()
        .find(|issued| issued.row == row)?
        .certificate
        .as_ref()
}

/// Returns a time as `--warn` and `--due` take it.
fn in_days(time: time::Duration) -> String {
    match time.whole_hours() {
        hours if hours % 24 == 0 => format!("{}d", hours / 24),
        hours => format!("{hours}h"),
    }
}

fn place(layout: &Layout) -> String {
    format!(
        "certificates in {}, kubeconfigs in {}\n",
        layout.certificates.display(),
        layout.kubeconfigs.display()
    )
}

fn date(time: OffsetDateTime) -> String {
    time.date().to_string()
}

fn kubeadm_date(time: OffsetDateTime) -> String {
    let format = format_description!("[month repr:short] [day], [year] [hour]:[minute] UTC");
    // Every component is one that a UTC time has.
    time.to_offset(time::UtcOffset::UTC)
        .format(format)
        .unwrap_or_else(|_| time.to_string())
}

/// Aligns cells as kubeadm's tabwriter does: at least ten columns wide, three apart, the last cell left alone.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let mut writer = TabWriter::new(Vec::new()).minwidth(10).padding(3);
    for row in rows {
        // Writing to memory cannot fail.
        _ = writeln!(writer, "{}", row.join("\t"));
    }
    _ = writer.flush();
    writer
        .into_inner()
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default()
}

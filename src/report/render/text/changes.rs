//! The changes of a command: a table with one line per row, then everything else, then a line with counts.

use std::fmt::Write as _;

use super::cells;
use crate::report::changes::{Changes, FieldChange, RowAction, RowChange, Summary};
use crate::report::render::{Report, TextTarget};
use crate::report::time::Time;
use crate::util::escape::escape_line;
use crate::util::table::{Cell, Spacing, table};

impl Report for Changes {
    fn text(&self, _text_target: TextTarget) -> String {
        let mut text = format!(
            "certificates in {}, kubeconfigs in {}\n",
            self.cert_dir, self.kubeconfig_dir
        );
        if !self.makes_nothing() {
            text.push_str(&self.table());
        }
        self.skipped(&mut text);
        if self.dry_run {
            self.new_contents(&mut text);
        }
        self.differences(&mut text);
        self.permissions(&mut text);
        if !self.dry_run {
            self.afterwards(&mut text);
        }
        _ = writeln!(text, "{}", self.last_line());
        text
    }
}

/// A column of the table with its header.
type ColumnOf = (&'static str, fn(&RowChange) -> String);

const OLD_EXPIRY: ColumnOf = ("OLD EXPIRY (UTC)", |row| short(row.old_expiration_date));
const EXPIRES: ColumnOf = ("EXPIRES (UTC)", |row| short(row.expiration_date));
const KEY: ColumnOf = ("KEY", |row| match (row.action, &row.new_key) {
    (_, Some(algorithm)) => format!("new {algorithm}"),
    (RowAction::Renew | RowAction::Request, None) => "kept".to_owned(),
    _ => String::new(),
});
const SERIAL: ColumnOf = ("SERIAL", |row| {
    super::history::serial_text(row.serial.as_deref().unwrap_or_default(), false)
});

impl Changes {
    fn table(&self) -> String {
        let mut columns = vec![OLD_EXPIRY, EXPIRES, KEY, SERIAL];
        // Columns that would be the same for all rows are left out.
        let common_key = self.common_key();
        columns.retain(|(header, value)| {
            let is_common = *header == KEY.0 && common_key.is_some();
            !is_common && self.changed().any(|row| !value(row).is_empty())
        });
        let mut rows = vec![header(&columns)];
        rows.extend(self.rows.iter().map(|row| {
            let mut line = cells([&format!("{} {}", mark(row.action), row.name)]);
            line.extend(columns.iter().map(|(_, value)| Cell::from(value(row))));
            line
        }));
        let mut text = table(&rows, Spacing::Narrow);
        if let Some(key) = common_key {
            _ = writeln!(text, "key of each: {key}");
        }
        text
    }

    /// Returns the text of the key column, if it is the same for all rows.
    fn common_key(&self) -> Option<String> {
        let mut keys = self.changed().map(KEY.1);
        let first = keys.next().filter(|key| !key.is_empty())?;
        let others: Vec<_> = keys.collect();
        (!others.is_empty() && others.iter().all(|key| *key == first)).then_some(first)
    }

    fn skipped(&self, text: &mut String) {
        let reasons = self
            .rows
            .iter()
            .filter_map(|row| Some((row.reason.as_deref()?, row.name)));
        let groups = grouped(reasons);
        if groups.is_empty() {
            return;
        }
        text.push_str("\nskipped:\n");
        for (reason, names) in groups {
            _ = writeln!(text, "    {}: {}", names.join(", "), escape_line(reason));
        }
    }

    /// Lists the names in new certificates and the servers in new kubeconfigs.
    fn new_contents(&self, text: &mut String) {
        let facts = self.rows.iter().flat_map(|row| {
            let contents = row.contents.as_ref();
            let sans = contents.map(|contents| contents.sans.join(", "));
            let sans = sans.filter(|sans| !sans.is_empty() && !row.is_ca());
            let subject = contents
                .filter(|contents| contents.is_of_node)
                .and_then(|contents| contents.subject.as_deref());
            let server = contents.and_then(|contents| contents.server.as_deref());
            [
                subject.map(|subject| (format!("subject: {}", escape_line(subject)), row.name)),
                sans.map(|sans| (format!("SANs: {}", escape_line(&sans)), row.name)),
                server.map(|server| (format!("server: {}", escape_line(server)), row.name)),
            ]
        });
        write_groups("\ncontents of the new files:\n", facts.flatten(), text);
    }

    /// Lists changes other than dates and keys. A change that several rows have in common is listed once.
    fn differences(&self, text: &mut String) {
        for (drift, title) in [
            (true, "\nchanges that follow from the configuration:\n"),
            (false, "\nother changes:\n"),
        ] {
            let changes = self.rows.iter().flat_map(|row| {
                let own = row
                    .changes
                    .iter()
                    .filter(move |change| change.drift == drift);
                own.map(|change| (difference(change), row.name))
            });
            write_groups(title, changes, text);
        }
        let loses_group = |change: &FieldChange| change.field == "O" && !change.from.is_empty();
        if self
            .changed()
            .any(|row| row.changes.iter().any(loses_group))
        {
            text.push_str(
                "\nA group changes: its rights must come from RBAC, see `pki template rbac`.\n",
            );
        }
    }

    fn permissions(&self, text: &mut String) {
        if !self.permissions.is_empty() {
            text.push('\n');
        }
        for change in &self.permissions {
            _ = writeln!(
                text,
                "{}: mode {} -> {}",
                change.file, change.from, change.to
            );
        }
    }

    /// Lists what the operator has to do next.
    fn afterwards(&self, text: &mut String) {
        let Summary {
            renewed,
            replaced,
            restored,
            ..
        } = self.summary;
        if renewed + replaced + restored > 0 {
            self.restarts(text);
        }
        self.requests(text);
        if !self.replace_copies.is_empty() {
            _ = writeln!(
                text,
                "\nReplace the copies of {}, such as ~/.kube/config.",
                self.replace_copies.join(" and ")
            );
        }
        if !self.next.is_empty() {
            text.push_str(match self.restored_generation.is_some() {
                true => "\nTo step further back, or forward again:\n",
                false => "\nOnce the API server is up, give the users of this tree their rights:\n",
            });
        }
        for command in &self.next {
            _ = writeln!(text, "    {command}");
        }
    }

    /// Lists each request with what the certificate must contain.
    fn requests(&self, text: &mut String) {
        let Some(command) = &self.import_command else {
            return;
        };
        _ = writeln!(
            text,
            "\nHave each CA sign its requests, then install every certificate with `{command}`:"
        );
        for row in &self.rows {
            if let (Some(request), Some(contents)) = (&row.request, &row.contents) {
                let wanted = [
                    format!("CA `{}`", contents.ca.unwrap_or_default()),
                    escape_line(contents.subject.as_deref().unwrap_or_default()),
                    contents.usages.join(", "),
                    escape_line(&contents.sans.join(", ")),
                ];
                let wanted: Vec<_> = wanted.into_iter().filter(|text| !text.is_empty()).collect();
                _ = writeln!(text, "    {request}: {}", wanted.join(", "));
            }
        }
    }

    fn restarts(&self, text: &mut String) {
        if let Some(command) = &self.renew_command {
            _ = writeln!(
                text,
                "\nRenew these first, with the new CAs, or components cannot connect to each other:\n    {command}"
            );
        }
        if self.restart.is_empty() {
            text.push_str("\nNo restart is needed: all components reload these files.\n");
            return;
        }
        text.push_str(
            "\nRestart these, one at a time (all other components reload their files):\n",
        );
        for restart in &self.restart {
            if let Some(obstacle) = &restart.obstacle {
                _ = writeln!(text, "    # correct this first: {}", escape_line(obstacle));
            }
            _ = writeln!(text, "    {}", restart.command);
        }
    }

    fn last_line(&self) -> String {
        let summary = &self.summary;
        let (renew, request, replace, restore) = match self.dry_run {
            true => ("to renew", "to request", "to replace", "to restore"),
            false => ("renewed", "requested", "replaced", "restored"),
        };
        let counts: Vec<_> = [
            (summary.created, "new"),
            (summary.renewed, renew),
            (summary.requested, request),
            (summary.replaced, replace),
            (summary.restored, restore),
            (summary.kept, "kept"),
            (summary.skipped, "skipped"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
        let counts = match (counts.is_empty(), self.command, &self.restored_generation) {
            (false, ..) => counts.join(", "),
            (true, _, Some(generation)) => {
                format!("the files of generation {generation} are already in place")
            }
            (true, "renew", None) => "nothing to renew".to_owned(),
            (true, ..) => "nothing to do".to_owned(),
        };
        let written = match (
            self.dry_run,
            self.makes_nothing(),
            self.records_configuration,
        ) {
            (true, _, true) => "; the configuration would be recorded; nothing was written",
            (true, _, false) => "; nothing was written",
            (false, true, true) => "; the configuration is recorded, no other file was written",
            (false, true, false) => "; nothing was written",
            (false, false, _) => "",
        };
        let kept = match &self.kept_generation {
            Some(generation) => format!("; the old files are kept as generation {generation}"),
            None => String::new(),
        };
        let prefix = if self.dry_run { "dry run: " } else { "" };
        format!("\n{prefix}{counts}{written}{kept}")
    }
}

fn header(columns: &[ColumnOf]) -> Vec<Cell> {
    let mut header = cells(["  NAME"]);
    header.extend(columns.iter().map(|(header, _)| Cell::from(*header)));
    header
}

fn mark(action: RowAction) -> char {
    match action {
        RowAction::Create => '+',
        RowAction::Renew | RowAction::Replace | RowAction::Restore => '~',
        RowAction::Request => '>',
        RowAction::Keep => '=',
        RowAction::Skip => '!',
    }
}

fn short(time: Option<Time>) -> String {
    time.map_or_else(String::new, Time::short)
}

fn difference(change: &FieldChange) -> String {
    let (field, from, to) = (
        change.field,
        escape_line(&change.from),
        escape_line(&change.to),
    );
    match (from.is_empty(), to.is_empty()) {
        _ if field == "SANs removed" => format!("{field}: {from}"),
        _ if field == "SANs added" => format!("{field}: {to}"),
        (true, _) => format!("{field}: none -> {to}"),
        (_, true) => format!("{field}: {from} -> none"),
        _ => format!("{field}: {from} -> {to}"),
    }
}

/// Groups the names that have the same fact, in order of first appearance.
fn grouped<'a, T: PartialEq>(facts: impl Iterator<Item = (T, &'a str)>) -> Vec<(T, Vec<&'a str>)> {
    let mut groups: Vec<(T, Vec<&str>)> = Vec::new();
    for (fact, name) in facts {
        match groups.iter_mut().find(|(known, _)| *known == fact) {
            Some((_, names)) => names.push(name),
            None => groups.push((fact, vec![name])),
        }
    }
    groups
}

/// Writes facts below their names.
fn write_groups<'a>(
    title: &str,
    facts: impl Iterator<Item = (String, &'a str)>,
    text: &mut String,
) {
    let mut last = Vec::new();
    for (index, (fact, names)) in grouped(facts).into_iter().enumerate() {
        if index == 0 {
            text.push_str(title);
        }
        if names != last {
            _ = writeln!(text, "    {}", names.join(", "));
        }
        _ = writeln!(text, "        {fact}");
        last = names;
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::changes::{ComponentRestart, NewContents, PermissionChange};

    fn row(name: &'static str, action: RowAction) -> RowChange {
        RowChange {
            name,
            action,
            ..RowChange::default()
        }
    }

    fn renewed(name: &'static str, changes: &[(&'static str, &str, &str)]) -> RowChange {
        RowChange {
            old_expiration_date: Time::parse("2027-01-01T00:00:00Z"),
            expiration_date: Time::parse("2027-12-15T00:00:00Z"),
            new_key: Some("ECDSA-P256".to_owned()),
            changes: changes
                .iter()
                .map(|(field, from, to)| FieldChange {
                    field,
                    from: (*from).to_owned(),
                    to: (*to).to_owned(),
                    drift: true,
                })
                .collect(),
            ..row(name, RowAction::Renew)
        }
    }

    fn skipped(name: &'static str) -> RowChange {
        RowChange {
            reason: Some("its CA `ca` is external".to_owned()),
            ..row(name, RowAction::Skip)
        }
    }

    fn report(command: &'static str, rows: Vec<RowChange>) -> Changes {
        Changes {
            command,
            cert_dir: "/etc/kubernetes/pki".to_owned(),
            kubeconfig_dir: "/etc/kubernetes".to_owned(),
            summary: Summary::of(&rows),
            rows,
            ..Changes::default()
        }
    }

    /// A renewal with every kind of fact.
    fn renewal() -> Changes {
        let san = ("SANs added", "", "DNS:api.example");
        Changes {
            permissions: vec![PermissionChange {
                file: "etcd/peer.key".to_owned(),
                from: "0644".to_owned(),
                to: "0600".to_owned(),
            }],
            restart: vec![ComponentRestart {
                component: "kubelet",
                command: "systemctl restart kubelet".to_owned(),
                obstacle: None,
            }],
            replace_copies: vec!["admin.conf", "super-admin.conf"],
            kept_generation: Some("20261215T000000Z-renew".to_owned()),
            ..report(
                "renew",
                vec![
                    renewed("etcd-server", &[san]),
                    renewed("etcd-peer", &[san, ("O", "system:masters", "")]),
                    skipped("apiserver"),
                    skipped("admin.conf"),
                ],
            )
        }
    }

    #[test]
    fn a_renewal_has_one_line_per_row_and_each_fact_once() {
        assert_snapshot!(renewal().text(TextTarget::PIPE), @r"
        certificates in /etc/kubernetes/pki, kubeconfigs in /etc/kubernetes
          NAME         OLD EXPIRY (UTC)  EXPIRES (UTC)
        ~ etcd-server  2027-01-01 00:00  2027-12-15 00:00
        ~ etcd-peer    2027-01-01 00:00  2027-12-15 00:00
        ! apiserver
        ! admin.conf
        key of each: new ECDSA-P256

        skipped:
            apiserver, admin.conf: its CA `ca` is external

        changes that follow from the configuration:
            etcd-server, etcd-peer
                SANs added: DNS:api.example
            etcd-peer
                O: system:masters -> none

        A group changes: its rights must come from RBAC, see `pki template rbac`.

        etcd/peer.key: mode 0644 -> 0600

        Restart these, one at a time (all other components reload their files):
            systemctl restart kubelet

        Replace the copies of admin.conf and super-admin.conf, such as ~/.kube/config.

        2 renewed, 2 skipped; the old files are kept as generation 20261215T000000Z-renew
        ");
    }

    #[test]
    fn a_dry_run_of_a_renewal_asks_for_no_restart() {
        let dry = Changes {
            dry_run: true,
            kept_generation: None,
            ..renewal()
        };
        assert_snapshot!(dry.text(TextTarget::PIPE), @r"
        certificates in /etc/kubernetes/pki, kubeconfigs in /etc/kubernetes
          NAME         OLD EXPIRY (UTC)  EXPIRES (UTC)
        ~ etcd-server  2027-01-01 00:00  2027-12-15 00:00
        ~ etcd-peer    2027-01-01 00:00  2027-12-15 00:00
        ! apiserver
        ! admin.conf
        key of each: new ECDSA-P256

        skipped:
            apiserver, admin.conf: its CA `ca` is external

        changes that follow from the configuration:
            etcd-server, etcd-peer
                SANs added: DNS:api.example
            etcd-peer
                O: system:masters -> none

        A group changes: its rights must come from RBAC, see `pki template rbac`.

        etcd/peer.key: mode 0644 -> 0600

        dry run: 2 to renew, 2 skipped; nothing was written
        ");
    }

    #[test]
    fn a_dry_run_of_init_lists_names_and_servers() {
        let server = |name| RowChange {
            contents: Some(NewContents {
                server: Some("https://192.0.2.11:6443".to_owned()),
                ..NewContents::default()
            }),
            ..row(name, RowAction::Create)
        };
        let mut rows = vec![row("ca", RowAction::Keep)];
        rows.extend([server("admin.conf"), server("super-admin.conf")]);
        let changes = Changes {
            dry_run: true,
            records_configuration: true,
            ..report("init", rows)
        };
        assert_snapshot!(changes.text(TextTarget::PIPE), @r"
        certificates in /etc/kubernetes/pki, kubeconfigs in /etc/kubernetes
          NAME
        = ca
        + admin.conf
        + super-admin.conf

        contents of the new files:
            admin.conf, super-admin.conf
                server: https://192.0.2.11:6443

        dry run: 2 new, 1 kept; the configuration would be recorded; nothing was written
        ");
    }

    #[test]
    fn the_last_line_says_that_nothing_was_written() {
        let last = |changes: Changes| {
            let text = changes.text(TextTarget::PIPE);
            text.lines().last().map(str::to_owned).unwrap_or_default()
        };
        assert_eq!(
            last(report("renew", Vec::new())),
            "nothing to renew; nothing was written"
        );
        assert_eq!(
            last(report("renew", vec![skipped("apiserver")])),
            "1 skipped; nothing was written"
        );
        assert_eq!(
            last(report("init", vec![row("ca", RowAction::Keep)])),
            "1 kept; nothing was written"
        );
        let recorded = Changes {
            records_configuration: true,
            ..report("init", vec![row("ca", RowAction::Keep)])
        };
        assert_eq!(
            last(recorded),
            "1 kept; the configuration is recorded, no other file was written"
        );
    }
}

//! `pki template`.

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::session::Session;
use super::target::tree_arguments;
use super::{Console, Exit};
use crate::cli::{ConfigArgs, OutputFormat, Template, TemplateArgs};
use crate::report::templates::{ListedTemplate, TemplateList};
use crate::util::escape::shell_word;

pub(super) fn run(args: &TemplateArgs, console: &Console) -> Result<Exit> {
    match args.template {
        Some(template) => console.print(&filled_in(template, args, console)?)?,
        None => console.show(&list(), OutputFormat::Text)?,
    }
    Ok(Exit::Done)
}

/// Returns the names of the templates, as the command line spells them.
fn list() -> TemplateList {
    let templates = Template::value_variants().iter();
    let listed = templates.filter_map(Template::to_possible_value);
    TemplateList {
        templates: listed
            .map(|value| ListedTemplate {
                name: value.get_name().to_owned(),
                purpose: value
                    .get_help()
                    .map_or_else(String::new, ToString::to_string),
            })
            .collect(),
    }
}

/// How a file writes what would have a meaning in it.
#[derive(Clone, Copy)]
enum Escaping {
    /// Nothing is filled in.
    Constant,
    /// systemd: `%` begins a specifier (systemd.unit(5)).
    Systemd,
    /// cron: `%` is a new line (crontab(5)).
    Cron,
    /// YAML: only the path of the binary is filled in.
    Yaml,
}

fn source(template: Template) -> (&'static str, Escaping) {
    match template {
        Template::Rbac => (
            include_str!("../../templates/kubernetes/rbac.yaml"),
            Escaping::Constant,
        ),
        Template::CheckService => (
            include_str!("../../templates/systemd/pki-check.service"),
            Escaping::Systemd,
        ),
        Template::CheckTimer => (
            include_str!("../../templates/systemd/pki-check.timer"),
            Escaping::Constant,
        ),
        Template::RenewService => (
            include_str!("../../templates/systemd/pki-renew.service"),
            Escaping::Systemd,
        ),
        Template::RenewTimer => (
            include_str!("../../templates/systemd/pki-renew.timer"),
            Escaping::Constant,
        ),
        Template::Cron => (
            include_str!("../../templates/systemd/pki.cron"),
            Escaping::Cron,
        ),
        Template::Alerts => (
            include_str!("../../templates/prometheus/pki-alerts.yaml"),
            Escaping::Constant,
        ),
        Template::Dashboard => (
            include_str!("../../templates/prometheus/pki-dashboard.json"),
            Escaping::Constant,
        ),
        Template::DaemonSet => (
            include_str!("../../templates/kubernetes/pki-check.yaml"),
            Escaping::Yaml,
        ),
    }
}

/// Fills the paths of this binary and this tree in.
fn filled_in(template: Template, args: &TemplateArgs, console: &Console) -> Result<String> {
    let (text, escaping) = source(template);
    let escape = |word: String| match escaping {
        Escaping::Systemd => word.replace('%', "%%"),
        Escaping::Cron => word.replace('%', "\\%"),
        Escaping::Constant | Escaping::Yaml => word,
    };
    if matches!(escaping, Escaping::Constant) {
        return Ok(text.to_owned());
    }
    let binary = std::env::current_exe().context("looking up the path of this program")?;
    let layout = Session::open_tree(&args.tree, console)?.target.layout;
    let path = |path: &std::path::Path| escape(shell_word(&path.display().to_string()));
    let arguments = tree_arguments(&args.tree, &ConfigArgs::default()).flags();
    let arguments: String = arguments.map(|word| format!(" {}", escape(word))).collect();
    Ok(text
        .replace("{{pki}}", &path(&binary))
        .replace("{{arguments}}", &arguments)
        .replace("{{certificates}}", &path(&layout.certificates))
        .replace("{{kubeconfigs}}", &path(&layout.kubeconfigs)))
}

//! `pki template`.

use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::failure::Invalid;
use super::session::Session;
use super::{Console, Exit};
use crate::cli::{OutputFormat, Template, TemplateArgs, TreeArgs};
use crate::report::templates::{ListedTemplate, TemplateList};
use crate::util::escape::{shell_path, shell_word};

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

/// How a file writes a word that is filled in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escaping {
    /// Nothing is filled in.
    Constant,
    /// systemd: in double quotes, with `%` and `$` doubled (systemd.syntax(7), systemd.service(5)).
    Systemd,
    /// cron: as a shell takes it, and `%` would be a new line (crontab(5)).
    Cron,
    /// YAML: only the version is filled in.
    Yaml,
}

impl Escaping {
    fn word(self, word: &str) -> String {
        match self {
            Escaping::Systemd if is_plain(word) => word.to_owned(),
            Escaping::Systemd => {
                let escaped = word.replace('\\', r"\\").replace('"', "\\\"");
                format!("\"{}\"", escaped.replace('%', "%%").replace('$', "$$"))
            }
            Escaping::Cron => shell_word(word).replace('%', "\\%"),
            Escaping::Constant | Escaping::Yaml => word.to_owned(),
        }
    }
}

/// Returns whether a word means itself in every file.
fn is_plain(word: &str) -> bool {
    word.chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c))
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
    if matches!(escaping, Escaping::Constant | Escaping::Yaml) && has_flags(&args.tree) {
        let message = "this template is the same for every tree: leave the directories out";
        return Err(Invalid::new(message).into());
    }
    if matches!(escaping, Escaping::Constant | Escaping::Yaml) {
        return Ok(text.replace("{{version}}", env!("CARGO_PKG_VERSION")));
    }
    let binary = std::env::current_exe().context("looking up the path of this program")?;
    let binary = binary.display().to_string();
    // systemd takes no quotes there.
    if !is_plain(&binary) {
        let message = format!("the path of this program has special characters: `{binary}`");
        return Err(Invalid::new(message)
            .with_hint("install it in a directory such as /usr/local/bin")
            .into());
    }
    let tree = absolute_arguments(&args.tree)?;
    let layout = Session::open_tree(&tree, console)?.target.layout;
    let path = |path: &Path| Ok::<_, Invalid>(escaping.word(text_of(path)?));
    let mut arguments = String::new();
    for (flag, path) in flags(&tree) {
        if let Some(path) = path {
            arguments.push_str(&format!(" {flag} {}", escaping.word(text_of(path)?)));
        }
    }
    if arguments.chars().any(char::is_control) {
        return Err(Invalid::new("the path of the tree has control characters").into());
    }
    Ok(text
        .replace("{{pki}}", &binary)
        .replace("{{arguments}}", &arguments)
        .replace("{{certificates}}", &path(&layout.certificates)?)
        .replace("{{kubeconfigs}}", &path(&layout.kubeconfigs)?))
}

/// Returns the text of a path. With characters replaced, it would name another directory.
fn text_of(path: &Path) -> Result<&str, Invalid> {
    path.to_str().ok_or_else(|| {
        let path = shell_path(path);
        Invalid::new(format!(
            "the path {path} is not UTF-8, as a template must be"
        ))
    })
}

/// Returns the flags that find a tree, with their values.
fn flags(tree: &TreeArgs) -> [(&'static str, &Option<PathBuf>); 4] {
    [
        ("--rootfs", &tree.rootfs),
        ("--cert-dir", &tree.cert_dir),
        ("--kubeconfig-dir", &tree.kubeconfig_dir),
        ("--kubelet-cert-dir", &tree.kubelet_cert_dir),
    ]
}

fn has_flags(tree: &TreeArgs) -> bool {
    flags(tree).iter().any(|(_, path)| path.is_some())
}

/// Makes the paths absolute: a unit or a cron job starts in another directory.
fn absolute_arguments(tree: &TreeArgs) -> Result<TreeArgs> {
    let absolute = |path: &Option<PathBuf>| path.as_ref().map(absolute).transpose();
    Ok(TreeArgs {
        rootfs: absolute(&tree.rootfs)?,
        cert_dir: absolute(&tree.cert_dir)?,
        kubeconfig_dir: absolute(&tree.kubeconfig_dir)?,
        kubelet_cert_dir: absolute(&tree.kubelet_cert_dir)?,
    })
}

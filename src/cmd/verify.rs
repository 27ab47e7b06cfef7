//! `pki verify`.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;
use time::OffsetDateTime;

use super::failure::Invalid;
use super::inspection::Inspection;
use super::target::{ConfigSource, tree_arguments};
use super::{Console, Exit};
use crate::catalog;
use crate::check::expiry::Thresholds;
use crate::check::finding::{Finding, FindingId, Outcome, Severity};
use crate::cli::{ConfigArgs, ListFormat, OutputFormat, TreeArgs, VerifyArgs};
use crate::fleet;
use crate::report::render::{self, Report};
use crate::report::verification::{FindingList, TreeVerification, Verification};
use crate::tree::inventory::Depth;

pub(super) fn run(args: &VerifyArgs, console: &Console) -> Result<Exit> {
    if args.list {
        show(&FindingList::all(), args.output, console)?;
        return Ok(Exit::Done);
    }
    if args.trees.is_empty() {
        let verified = verify(args, &args.tree, None, console)?;
        let outcome = verified.outcome;
        show_trees(vec![verified], args.output, console)?;
        return Ok(outcome.into());
    }
    verify_all(args, console)
}

/// Verifies the trees that were named, each as if it were the only one.
fn verify_all(args: &VerifyArgs, console: &Console) -> Result<Exit> {
    let now = console.now;
    let work = |path: &PathBuf| {
        let messages = Messages::default();
        let console = messages.console(now);
        let verified = CopiedTree::at(path)
            .and_then(|copy| {
                let named = Some((path.as_path(), copy.has_kubelet));
                verify(args, &copy.arguments, named, &console)
            })
            .unwrap_or_else(|error| {
                TreeVerification::failed(path.display().to_string(), format!("{error:#}"))
            });
        (verified, messages.lines())
    };
    let mut outcome = Outcome::Healthy;
    let mut collected = Vec::new();
    fleet::for_each(&args.trees, work, |(verified, messages)| -> Result<()> {
        for message in messages {
            console.pass_on(&verified.tree, &message);
        }
        outcome = outcome.max(verified.outcome);
        match args.output {
            // These have one document for all trees.
            ListFormat::Json | ListFormat::Yaml => collected.push(verified),
            ListFormat::Text | ListFormat::Jsonl => {
                show_trees(vec![verified], args.output, console)?;
            }
        }
        Ok(())
    })?;
    if !collected.is_empty() {
        show_trees(collected, args.output, console)?;
    }
    Ok(outcome.into())
}

/// Verifies one tree. `copy` has the path that was named, and whether the kubelet's directory is known.
fn verify(
    args: &VerifyArgs,
    tree: &TreeArgs,
    copy: Option<(&Path, bool)>,
    console: &Console,
) -> Result<TreeVerification> {
    let config = match copy {
        Some(_) => &ConfigArgs::default(),
        None => &args.config,
    };
    let inspection = Inspection::open(tree, config, Depth::Keys, console)?;
    let target = &inspection.session.target;
    for warning in &target.warnings {
        console.warn(&warning.to_string());
    }
    if target.source() == ConfigSource::Nothing && copy.is_none() {
        console.note("no configuration is recorded or given: names and usages are compared with the rules of kubeadm only");
    }
    let thresholds = Thresholds {
        warn: args.warn.span(),
        critical: time::Duration::ZERO,
    };
    let findings = inspection.findings(thresholds, Some(&args.warn));
    let severity = Severity::from(args.severity);
    let is_reported = |finding: &Finding| {
        let is_ignored = args.ignore.contains(&finding.id);
        let is_elsewhere = copy.is_some_and(|(_, has_kubelet)| !has_kubelet)
            && is_about_the_kubelets_file(finding);
        finding.severity >= severity && !is_ignored && !is_elsewhere
    };
    let layout = &target.layout;
    let name = match copy {
        Some((path, _)) => path.display().to_string(),
        None => layout.kubeconfigs.display().to_string(),
    };
    Ok(TreeVerification::new(
        name,
        layout,
        &findings.filter(is_reported),
        &tree_arguments(tree, config),
    ))
}

fn show_trees(trees: Vec<TreeVerification>, format: ListFormat, console: &Console) -> Result<()> {
    match format {
        ListFormat::Jsonl => {
            for tree in &trees {
                console.print(&render::json_line(tree)?)?;
            }
            Ok(())
        }
        _ => show(&Verification { trees }, format, console),
    }
}

fn show(report: &impl Report, format: ListFormat, console: &Console) -> Result<()> {
    match format {
        ListFormat::Text => console.show(report, OutputFormat::Text),
        ListFormat::Json => console.show(report, OutputFormat::Json),
        ListFormat::Yaml => console.show(report, OutputFormat::Yaml),
        ListFormat::Jsonl => console.print(&render::json_line(report)?),
    }
}

/// The messages of a run over one of several trees.
#[derive(Clone, Default)]
struct Messages(Rc<RefCell<Vec<u8>>>);

impl Messages {
    fn console(&self, now: OffsetDateTime) -> Console {
        Console::to(now, Box::new(io::sink()), Box::new(self.clone()))
    }

    fn lines(&self) -> Vec<String> {
        let text = self.0.borrow();
        let text = String::from_utf8_lossy(&text);
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns whether a finding is about the certificate that the kubelet rotates, which a copy of /etc/kubernetes does not hold.
fn is_about_the_kubelets_file(finding: &Finding) -> bool {
    let is_kubelet = finding.row == Some(&catalog::KUBELET_CONF);
    let is_file = matches!(
        finding.id,
        FindingId::KubeletCertificateMissing
            | FindingId::KubeconfigClientCertificateMissing
            | FindingId::KubeconfigClientCertificateNotRead
    );
    is_kubelet && is_file
}

/// A tree that was named as one directory.
struct CopiedTree {
    arguments: TreeArgs,
    /// Whether the directory of the kubelet belongs to it.
    has_kubelet: bool,
}

impl CopiedTree {
    /// Takes a root directory, `etc/kubernetes` below one, another copy of it, or a certificate directory.
    fn at(path: &Path) -> Result<CopiedTree> {
        if let Some(rootfs) = path
            .ancestors()
            .nth(2)
            .filter(|_| path.ends_with(KUBERNETES))
        {
            return Ok(CopiedTree::below(rootfs));
        }
        if path.join(KUBERNETES).is_dir() {
            return Ok(CopiedTree::below(path));
        }
        let pki = path.join("pki");
        let certificates = match (pki.is_dir(), path.join("ca.crt").exists()) {
            (true, _) => pki,
            (false, true) => path.to_path_buf(),
            (false, false) => {
                let what = match path.exists() {
                    true => "holds no directory `pki`",
                    false => "does not exist",
                };
                let message = format!("`{}` {what}", path.display());
                return Err(Invalid::new(message).into());
            }
        };
        Ok(CopiedTree {
            arguments: TreeArgs {
                // Nothing of the machine that this runs on belongs to a copy.
                kubelet_cert_dir: Some(certificates.join("kubelet")),
                cert_dir: Some(certificates),
                ..TreeArgs::default()
            },
            has_kubelet: false,
        })
    }

    fn below(rootfs: &Path) -> CopiedTree {
        let rootfs = match rootfs.as_os_str().is_empty() {
            true => Path::new("."),
            false => rootfs,
        };
        CopiedTree {
            arguments: TreeArgs {
                rootfs: (rootfs != Path::new("/")).then(|| rootfs.to_path_buf()),
                ..TreeArgs::default()
            },
            has_kubelet: true,
        }
    }
}

const KUBERNETES: &str = "etc/kubernetes";

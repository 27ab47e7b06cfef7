//! `pki check-expiration`.

mod named;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use self::tree::{check, name_of};
use super::console::Buffer;
use super::failure::Invalid;
use super::{Console, Exit};
use crate::check::finding::Outcome;
use crate::cli::{CheckExpirationArgs, ExpirationFormat, OutputFormat};
use crate::fs::file::FileError;
use crate::fs::output;
use crate::report::expiration::TreeExpiration;
use crate::report::metrics::{Metrics, TreeMetrics};
use crate::report::page::Page;
use crate::report::render::{self, Report};

/// The mode of an output file: node_exporter runs as another user.
const OUTPUT_MODE: u32 = 0o644;

pub(super) fn run(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
    let Some(file) = args
        .output_file
        .as_ref()
        .filter(|file| *file != Path::new("-"))
    else {
        return print(args, &mut Vec::new(), console);
    };
    // A file that cannot be replaced is refused before anything is read.
    let failed = |error: FileError| anyhow!("{error}");
    let file = output::target(file).map_err(failed)?;
    let buffer = Buffer::default();
    let mut paths = Vec::new();
    let exit = print(args, &mut paths, &console.printing_into(&buffer));
    // Metrics say that a check failed, so that the old ones do not look like new ones.
    if exit.is_ok() || args.output == ExpirationFormat::Prometheus {
        // A typing error would replace a key.
        if paths.iter().any(|path| output::is_in(&file, path)) {
            let message = format!("`{}` belongs to a tree that is checked", file.display());
            return Err(Invalid::new(message)
                .with_hint("write the report to another directory")
                .into());
        }
        let config = args.config.config.as_deref();
        if config.is_some_and(|config| output::is_in(&file, config)) {
            let message = format!("`{}` is the file of `--config`", file.display());
            return Err(Invalid::new(message)
                .with_hint("write the report to another file")
                .into());
        }
        output::replace(&file, buffer.text().as_bytes(), OUTPUT_MODE).map_err(failed)?;
    }
    exit
}

/// Checks what is asked for, prints the report, and adds the directories of each tree, or its file.
fn print(args: &CheckExpirationArgs, paths: &mut Vec<PathBuf>, console: &Console) -> Result<Exit> {
    if args.only.is_some() && args.output == ExpirationFormat::Prometheus {
        let message = "`-o prometheus` exports every certificate, so it takes no `--only`";
        return Err(Invalid::new(message).into());
    }
    let exports_findings = matches!(
        args.output,
        ExpirationFormat::Prometheus | ExpirationFormat::Html
    );
    if args.dates_only && exports_findings {
        let message =
            "`-o prometheus` and `-o html` show every finding, so they take no `--dates-only`";
        return Err(Invalid::new(message).into());
    }
    if args.dates_only && !args.quiet {
        console.note("only dates are checked: no signature is verified");
    }
    if !args.named.is_empty() {
        return named::print(args, paths, console);
    }
    let checked = match check(args, None, console) {
        Err(error) if args.output == ExpirationFormat::Prometheus => {
            print_metrics(vec![TreeMetrics::failed(name_of(&args.tree))], console)?;
            return Err(error);
        }
        checked => checked?,
    };
    paths.extend(checked.paths);
    match args.output {
        ExpirationFormat::Prometheus => {
            print_metrics(checked.metrics.into_iter().collect(), console)?;
        }
        ExpirationFormat::Html => {
            let tree = TreeExpiration {
                tree: checked.name,
                error: None,
                info: Some(checked.report),
            };
            print_page(&[tree], 1, console)?;
        }
        _ if args.quiet && checked.outcome == Outcome::Healthy => {}
        ExpirationFormat::Text if args.only.is_some() && checked.report.is_empty() => {}
        format => show(&checked.report, format, console)?,
    }
    for warning in &checked.warnings {
        console.warn(warning);
    }
    Ok(checked.outcome.into())
}

fn print_page(trees: &[TreeExpiration], checked: usize, console: &Console) -> Result<()> {
    console.print(&render::html(&Page::new(
        trees,
        checked,
        console.now.into(),
    )))
}

fn print_metrics(trees: Vec<TreeMetrics>, console: &Console) -> Result<()> {
    let metrics = Metrics {
        time: console.now.into(),
        trees,
    };
    console.print(&render::prometheus(&metrics))
}

fn show(report: &impl Report, format: ExpirationFormat, console: &Console) -> Result<()> {
    match format {
        ExpirationFormat::Text | ExpirationFormat::Prometheus | ExpirationFormat::Html => {
            console.show(report, OutputFormat::Text)
        }
        ExpirationFormat::Json => console.show(report, OutputFormat::Json),
        ExpirationFormat::Yaml => console.show(report, OutputFormat::Yaml),
        ExpirationFormat::Jsonl => console.print(&render::json_line(report)?),
    }
}

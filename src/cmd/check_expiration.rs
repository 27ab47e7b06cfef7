//! `pki check-expiration`.

mod named;
mod tree;

use std::path::Path;

use anyhow::{Context, Result, anyhow};

use self::tree::{check, name_of};
use super::console::SpooledOutput;
use super::failure::Invalid;
use super::{Console, Exit};
use crate::check::finding::Outcome;
use crate::cli::{CheckExpirationArgs, ExpirationFormat};
use crate::fs::file::FileError;
use crate::fs::output;
use crate::report::expiration::TreeExpiration;
use crate::report::metrics::TreeMetrics;
use crate::report::page::Page;
use crate::report::render::{self, Exposition, Report, TextTarget};

/// The mode of an output file: node_exporter runs as another user.
const OUTPUT_MODE: u32 = 0o644;

pub(super) fn run(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
    let Some(file) = args
        .output_file
        .as_ref()
        .filter(|file| *file != Path::new("-"))
    else {
        return print(args, None, console).map(|printed| printed.exit);
    };
    // A file that cannot be replaced is refused before anything is read.
    let failed = |error: FileError| anyhow!("{error}");
    let file = output::target(file).map_err(failed)?;
    let spooled = SpooledOutput::default();
    let printed = print(args, Some(&file), &console.printing_into(&spooled));
    // Metrics say that a check failed, so that the old ones do not look like new ones.
    if printed.is_ok() || args.output == ExpirationFormat::Prometheus {
        // A typing error would replace a key.
        if printed.as_ref().is_ok_and(|printed| printed.holds_output) {
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
        let report = spooled.into_reader().context("reading the report")?;
        output::replace(&file, report, OUTPUT_MODE).map_err(failed)?;
    }
    printed.map(|printed| printed.exit)
}

/// The result of a report.
struct Printed {
    exit: Exit,
    /// Whether the output file is in a tree that was checked.
    holds_output: bool,
}

/// Checks what is asked for, and prints the report, which will replace `output`.
fn print(args: &CheckExpirationArgs, output: Option<&Path>, console: &Console) -> Result<Printed> {
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
        return named::print(args, output, console);
    }
    let checked = match check(args, None, output, console) {
        Err(error) if args.output == ExpirationFormat::Prometheus => {
            let mut metrics = Exposition::new(console.now.into())?;
            metrics.add(&TreeMetrics::failed(name_of(&args.tree)))?;
            console.print_with(|output| metrics.write(output))?;
            return Err(error);
        }
        checked => checked?,
    };
    match args.output {
        ExpirationFormat::Prometheus => {
            let mut metrics = Exposition::new(console.now.into())?;
            checked
                .metrics
                .iter()
                .try_for_each(|tree| metrics.add(tree))?;
            console.print_with(|output| metrics.write(output))?;
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
        format => {
            let report = render(&checked.report, format, console.text_target())?;
            console.print(&report)?;
        }
    }
    for warning in &checked.warnings {
        console.warn(warning);
    }
    Ok(Printed {
        exit: checked.outcome.into(),
        holds_output: checked.holds_output,
    })
}

fn print_page(trees: &[TreeExpiration], checked: usize, console: &Console) -> Result<()> {
    console.print(&render::html(&Page::new(
        trees,
        checked,
        console.now.into(),
    )))
}

fn render(report: &impl Report, format: ExpirationFormat, target: TextTarget) -> Result<String> {
    Ok(match format {
        ExpirationFormat::Text | ExpirationFormat::Prometheus | ExpirationFormat::Html => {
            report.text(target)
        }
        ExpirationFormat::Json => render::json(report)?,
        ExpirationFormat::Yaml => render::yaml(report)?,
        ExpirationFormat::Jsonl => render::json_line(report)?,
    })
}

//! `pki check-expiration`.

mod named;
mod repeat;
mod tree;

use std::path::Path;

use anyhow::{Context, Result, anyhow};

use self::repeat::repeat;
use self::tree::{check, name_of, usual_layout};
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
    match &args.every {
        Some(period) => repeat(period.length(), console, |console| run_once(args, console)),
        None => run_once(args, console),
    }
}

fn run_once(args: &CheckExpirationArgs, console: &Console) -> Result<Exit> {
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
    refuse_input(args, &file)?;
    let spooled = SpooledOutput::default();
    let printed = print(args, Some(&file), &console.printing_into(&spooled));
    // Metrics say that a check failed, so that the old ones do not look like new ones.
    let says_that_it_failed = args.output == ExpirationFormat::Prometheus && !spooled.is_empty();
    if printed.is_ok() || says_that_it_failed {
        if printed.as_ref().is_ok_and(|printed| printed.holds_output) {
            return Err(of_a_tree(&file).into());
        }
        let report = spooled.into_reader().context("reading the report")?;
        output::replace(&file, report, OUTPUT_MODE).map_err(failed)?;
    }
    printed.map(|printed| printed.exit)
}

/// Refuses an output file that is an input, or is in a tree that is named: a typing error would replace a key.
fn refuse_input(args: &CheckExpirationArgs, file: &Path) -> Result<(), Invalid> {
    for (input, flag) in [
        (&args.config.config, "--config"),
        (&args.named.trees_from, "--trees-from"),
    ] {
        if input
            .as_deref()
            .is_some_and(|input| output::is_in(file, input))
        {
            let message = format!("`{}` is the file of `{flag}`", file.display());
            return Err(Invalid::new(message).with_hint("write the report to another file"));
        }
    }
    let directories = match args.named.is_empty() {
        true => usual_layout(&args.tree).map_or_else(|_| Vec::new(), |layout| layout.directories()),
        false => args.named.trees.clone(),
    };
    if output::is_in_any(file, &directories) {
        return Err(of_a_tree(file));
    }
    if output::holds_pem(file) {
        let message = format!("`{}` holds a key or a certificate", file.display());
        return Err(Invalid::new(message).with_hint("write the report to another file"));
    }
    Ok(())
}

fn of_a_tree(file: &Path) -> Invalid {
    Invalid::new(format!(
        "`{}` belongs to a tree that is checked",
        file.display()
    ))
    .with_hint("write the report to another directory")
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

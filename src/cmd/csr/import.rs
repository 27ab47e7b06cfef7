//! `pki csr import`.

use std::path::Path;

use anyhow::Result;

use super::files::{is_der, objects_text, read_all};
use crate::catalog::Row;
use crate::check::Expected;
use crate::check::finding::Findings;
use crate::cli::{ClusterArgs, ImportArgs};
use crate::cmd::failure::{Invalid, PlanFailure};
use crate::cmd::input::read_input;
use crate::cmd::judgement::JudgementContext;
use crate::cmd::session::{CommitOutcome, Session, WriteRun};
use crate::cmd::target::{ConfigSource, tree_arguments};
use crate::cmd::{Console, Exit, judge_changed, read_again, report_changes};
use crate::config::{Cluster, DeclaredCluster};
use crate::execute;
use crate::objects::csr::SigningRequestDocuments;
use crate::plan::Plan;
use crate::plan::csr::import::{self, GivenCertificates, ImportContext};
use crate::report::changes::Changes;
use crate::report::findings::TreeArguments;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::overlay::Tree;
use crate::util::escape::escape_line;
use crate::x509::certificate::Certificate;
use crate::x509::object::is_signed;
use crate::x509::request::CertificateRequest;

pub(super) fn run(args: &ImportArgs, console: &Console) -> Result<Exit> {
    let given = read_all(&args.files, read)?;
    let session = Session::open(&args.tree, &args.config, &ClusterArgs::default(), console)?;
    let mut run = session.begin("csr import", &args.write, &args.keep, &|_| Depth::Keys)?;
    run.target.require_record(console)?;
    for warning in &run.target.warnings {
        console.warn(&warning.to_string());
    }
    let declared = declared(&run)?;
    let arguments = tree_arguments(&args.tree, &args.config);
    let failure = |error| PlanFailure {
        error,
        arguments: arguments.clone(),
    };
    let inventory = &run.snapshot.inventory;
    let context = ImportContext {
        declared: declared.as_ref(),
        inventory,
    };
    let plan = import::plan(&given, &context).map_err(failure)?;
    let knowledge = JudgementContext {
        expected: declared.as_ref().map(Expected::from),
        ..JudgementContext::nothing(console.now)
    };
    let before = knowledge.judge(inventory);
    let after = judge_rehearsed(&run, &plan, &knowledge, console)?;
    let plan = import::judge(plan, &before, &after, &context).map_err(failure)?;
    let rows: Vec<_> = plan.steps.iter().map(|step| step.row).collect();
    finish(run, plan, &rows, &knowledge, &arguments, args, console)
}

/// Reads the certificates of a file: PEM, one in DER, or those of Kubernetes objects.
fn read(file: &Path) -> Result<Vec<GivenCertificates>, Vec<Invalid>> {
    let input = read_input(file, "a certificate", "pki csr import -");
    let input = input.map_err(|error| vec![Invalid::new(format!("{error:#}"))])?;
    let invalid = |what: String| Invalid::new(format!("`{}`: {what}", input.name));
    let Some(text) = objects_text(&input) else {
        let certificates = match is_der(&input.bytes) {
            true if CertificateRequest::parse(&input.bytes).is_ok() => {
                let what = "it is a certification request, not a certificate";
                return Err(vec![invalid(what.to_owned())]);
            }
            true if !is_signed(&input.bytes) => {
                return Err(vec![invalid("it is no certificate in DER".to_owned())]);
            }
            true => Certificate::from_der(input.bytes.to_vec()).map(|one| vec![one]),
            false => Certificate::list_from_pem(&input.bytes),
        };
        let certificates = certificates.map_err(|error| vec![invalid(error.to_string())])?;
        return Ok(vec![GivenCertificates {
            name: input.name,
            certificates,
        }]);
    };
    let objects =
        SigningRequestDocuments::parse(text).map_err(|error| vec![invalid(error.to_string())])?;
    let mut given: Vec<GivenCertificates> = Vec::new();
    let mut problems = Vec::new();
    for issued in objects.certificates() {
        let certificates = issued
            .map_err(|error| error.to_string())
            .and_then(
                |issued| match Certificate::list_from_pem(&issued.certificate) {
                    Ok(certificates) => Ok((issued.name, certificates)),
                    Err(error) => Err(format!(
                        "CertificateSigningRequest `{}`: status.certificate: {error}",
                        escape_line(&issued.name)
                    )),
                },
            );
        match certificates {
            Ok((name, certificates)) => {
                let name = format!("{}: {name}", input.name);
                // A list may have an object twice.
                let is_same = |other: &GivenCertificates| {
                    other.name == name && other.certificates == certificates
                };
                if !given.iter().any(is_same) {
                    given.push(GivenCertificates { name, certificates });
                }
            }
            Err(what) => problems.push(invalid(what)),
        }
    }
    match problems.is_empty() {
        true => Ok(given),
        false => Err(problems),
    }
}

/// Returns the configuration that is given or recorded.
fn declared(run: &WriteRun<'_>) -> Result<Option<DeclaredCluster>> {
    if run.target.source() == ConfigSource::Nothing {
        return Ok(None);
    }
    let layers = run.target.layers(&run.snapshot.inventory);
    Ok(Some(Cluster::resolve_declared(layers.settings())?))
}

/// Judges the tree as it would be with the certificates.
fn judge_rehearsed(
    run: &WriteRun<'_>,
    plan: &Plan,
    knowledge: &JudgementContext<'_>,
    console: &Console,
) -> Result<Findings> {
    let issued = execute::rehearse(plan, &run.snapshot.inventory, console.now)?;
    let files = issued.rows.iter().flat_map(|row| &row.files);
    let files: Vec<_> = files
        .map(|file| (file.file.clone(), file.bytes.as_slice()))
        .collect();
    let tree = Tree::over(&run.snapshot.places)?.with_files(&files);
    Ok(knowledge.judge(&Inventory::read(&tree, |_| Depth::Keys)))
}

fn finish(
    run: WriteRun<'_>,
    plan: Plan,
    rows: &[&'static Row],
    knowledge: &JudgementContext<'_>,
    arguments: &TreeArguments,
    args: &ImportArgs,
    console: &Console,
) -> Result<Exit> {
    let layout = run.target.layout.clone();
    let verdict = |after: &Inventory, plan: &Plan| {
        knowledge.closing_check(after, plan, Some(rows), arguments, console)
    };
    match run.commit(plan)? {
        CommitOutcome::Nothing(plan) => {
            let dry_run = args.write.dry_run;
            let changes = Changes::nothing("csr import", &plan, dry_run, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
            Ok(verdict(&read_again(&layout)?, &plan))
        }
        CommitOutcome::DryRun(dry) => {
            let changes =
                Changes::planned("csr import", &dry.plan, &dry.restricted, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
            Ok(verdict(&dry.after, &dry.plan))
        }
        CommitOutcome::Done(done) => {
            let committed = &done.committed;
            let changes = Changes::done("csr import", &done.plan, committed, &layout, arguments);
            report_changes(&changes, &args.write, console)?;
            judge_changed(&layout, console, |after| verdict(after, &done.plan))
        }
    }
}

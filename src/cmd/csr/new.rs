//! `pki csr new`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use zeroize::Zeroizing;

use crate::catalog::signers::word_of_usage;
use crate::cli::{CsrFormat, ManifestFormat, NewCsrArgs, OutputFormat};
use crate::cmd::failure::{Invalid, PlanFailure};
use crate::cmd::standalone::{
    KEY_MODE, PUBLIC_MODE, check_directory, names_of_flags, new_file, new_key, read_cfssl,
    read_key, write,
};
use crate::cmd::{Console, Exit, usage_error};
use crate::execute::standalone::{request, trial_request};
use crate::fs::output::OutputFile;
use crate::objects::cfssl::generated_key;
use crate::objects::csr::NewSigningRequest;
use crate::plan::csr::new::{self as planner, CsrPlan, NewCsrRequest};
use crate::plan::subject::DesiredNames;
use crate::report::standalone::NewCsr;
use crate::store::outcome::TreeState;
use crate::x509::algorithm::Algorithm;
use crate::x509::key::PrivateKey;

/// The files that are written.
struct CsrFiles {
    /// None for a given key, and for cfssl's format.
    key: Option<PathBuf>,
    request: Option<PathBuf>,
}

pub(super) fn run(args: &NewCsrArgs, console: &Console) -> Result<Exit> {
    refuse_useless_flags(args);
    let (names, algorithm) = asked(args, console)?;
    let given = args.key.as_deref().map(read_key).transpose()?;
    let algorithm = given.as_ref().map_or(algorithm, PrivateKey::algorithm);
    let wanted = NewCsrRequest {
        names: &names,
        usages: args.usages.clone(),
        signer_name: args.signer_name.as_deref(),
        is_object: args.format == CsrFormat::Kubernetes,
        algorithm,
    };
    let plan = planner::plan(&wanted).map_err(PlanFailure::without_tree)?;
    for usage in plan.not_for_key.iter().copied().map(word_of_usage) {
        console.warn(&format!(
            "the usage `{usage}` is left out: a key of {algorithm} cannot be used for it"
        ));
    }
    // Before a key is made, which takes seconds for a large one.
    let trial = trial_request(&plan.contents, given.as_ref())?;
    planner::judge(&plan, &trial, args.allow_system_masters).map_err(PlanFailure::without_tree)?;
    let files = files(args, given.is_some(), console)?;
    let report = report(args, &plan, algorithm, &files);
    if args.write.dry_run {
        console.show(&report, args.write.output)?;
        return Ok(Exit::Done);
    }
    let new = match &given {
        Some(_) => None,
        None => Some(new_key(algorithm)?),
    };
    let key = new.as_ref().or(given.as_ref());
    let made = request(&plan.contents, key.context("there is no key")?)?.to_pem();
    let new_pem = new.as_ref().map(PrivateKey::to_pem).transpose()?;
    write_files(&files, new_pem.as_ref(), &made)?;
    let given_out = give_out(args, &plan, report, &made, new_pem.as_ref(), console);
    match &files.key {
        // The report of PEM files says so itself.
        Some(key) if args.format != CsrFormat::Pem => {
            given_out.with_context(|| format!("the key is in `{}`", key.display()))?;
        }
        _ => given_out?,
    }
    Ok(Exit::Done)
}

/// Ends the run with wrong usage if a flag is missing, or has no effect on the format.
fn refuse_useless_flags(args: &NewCsrArgs) {
    let refuse = |kind, message: &str| usage_error(&["csr", "new"], kind, message);
    let missing = |message| refuse(ErrorKind::MissingRequiredArgument, message);
    let useless = |message| refuse(ErrorKind::ArgumentConflict, message);
    let is_object = args.format == CsrFormat::Kubernetes;
    if args.format == CsrFormat::Cfssl {
        if args.name.is_some() || args.files.out_dir.is_some() {
            useless(
                "`--format cfssl` writes no file, so it takes neither `--name` nor `--out-dir`",
            );
        }
    } else if args.name.is_none() {
        missing("`--name NAME` is missing: the files are NAME.key and NAME.csr");
    }
    if is_object && args.signer_name.is_none() {
        missing("`--format kubernetes` needs the `--signer-name` that the object is for");
    }
    if !is_object && args.expiration_seconds.is_some() {
        useless("`--expiration-seconds` is a field of the object of `--format kubernetes`");
    }
}

/// Returns the names and the algorithm that flags or cfssl's request ask for.
fn asked(args: &NewCsrArgs, console: &Console) -> Result<(DesiredNames, Algorithm)> {
    let Some(path) = &args.request else {
        let names = names_of_flags(args.common_name.as_deref(), &args.org, &args.san);
        return Ok((names, args.key_algorithm.unwrap_or(Algorithm::Rsa2048)));
    };
    let (request, file) = read_cfssl(path, "pki csr new -", console)?;
    if request.ca.is_some() {
        return Err(Invalid::new(format!(
            "{file}: `ca`: only a request for a CA has this section"
        ))
        .with_hint("make a CA with `pki ca new`")
        .into());
    }
    let names = DesiredNames {
        subject: request.subject,
        alternative: request.hosts,
    };
    Ok((names, request.algorithm))
}

fn files(args: &NewCsrArgs, has_key: bool, console: &Console) -> Result<CsrFiles> {
    let directory = args.files.directory();
    let file = |extension: &str, is_written: bool| match &args.name {
        Some(name) if is_written => new_file(directory, name, extension).map(Some),
        _ => Ok(None),
    };
    if args.name.is_some() {
        check_directory(directory, console)?;
    }
    Ok(CsrFiles {
        key: file("key", !has_key)?,
        request: file("csr", args.format == CsrFormat::Pem)?,
    })
}

fn report(args: &NewCsrArgs, plan: &CsrPlan, algorithm: Algorithm, files: &CsrFiles) -> NewCsr {
    let key = args.key.as_ref().or(files.key.as_ref());
    let shown = |path: &PathBuf| path.display().to_string();
    let is_object = args.format == CsrFormat::Kubernetes;
    NewCsr {
        dry_run: args.write.dry_run,
        subject: plan.contents.subject_text(),
        sans: plan.contents.san_texts(),
        usages: plan.usages.iter().copied().map(word_of_usage).collect(),
        object_name: args.name.clone().filter(|_| is_object),
        signer_name: args.signer_name.clone(),
        expiration_seconds: args.expiration_seconds,
        key_algorithm: algorithm.to_string(),
        key_file: key.map(shown),
        request_file: files.request.as_ref().map(shown),
        request: None,
    }
}

fn write_files(files: &CsrFiles, key: Option<&Zeroizing<String>>, request: &str) -> Result<()> {
    let key = files.key.as_ref().zip(key).map(|(path, key)| OutputFile {
        path,
        contents: key.as_bytes(),
        mode: KEY_MODE,
    });
    let request = files.request.as_ref().map(|path| OutputFile {
        path,
        contents: request.as_bytes(),
        mode: PUBLIC_MODE,
    });
    let files: Vec<_> = key.into_iter().chain(request).collect();
    write(&files)
}

/// Prints what the format has on standard output: an object, cfssl's JSON, or the report.
fn give_out(
    args: &NewCsrArgs,
    plan: &CsrPlan,
    report: NewCsr,
    request: &str,
    key: Option<&Zeroizing<String>>,
    console: &Console,
) -> Result<()> {
    match args.format {
        CsrFormat::Cfssl => {
            let key = key.map(|key| key.as_str());
            let text = generated_key(request, key)?;
            console.print_with(|output| output.write_all(&text))
        }
        CsrFormat::Kubernetes => {
            let usages: Vec<_> = plan.usages.iter().copied().map(word_of_usage).collect();
            let object = NewSigningRequest {
                name: args.name.as_deref().unwrap_or_default(),
                request,
                signer_name: args.signer_name.as_deref().unwrap_or_default(),
                usages: &usages,
                expiration_seconds: args.expiration_seconds,
            };
            if let (Some(file), Some(_)) = (&report.key_file, key) {
                console.note_unless(args.write.quiet, &format!("the key is in `{file}`"));
            }
            let format = match args.write.output {
                OutputFormat::Json => ManifestFormat::Json,
                OutputFormat::Text | OutputFormat::Yaml => ManifestFormat::Yaml,
            };
            console.show_manifests(&[object.to_object()], format)
        }
        CsrFormat::Pem => {
            if args.write.output == OutputFormat::Text && args.write.quiet {
                return Ok(());
            }
            let report = NewCsr {
                request: Some(request.to_owned()),
                ..report
            };
            console.show_done(&report, args.write.output, TreeState::Changed)
        }
    }
}

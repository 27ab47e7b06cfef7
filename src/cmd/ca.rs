//! `pki ca new`.

use std::path::Path;

use anyhow::Result;

use super::ca_passphrase::CaPassphrase;
use super::failure::PlanFailure;
use super::join::refuse_two_readers;
use super::standalone::{
    KEY_MODE, PUBLIC_MODE, check_directory, issuer, names_of_flags, new_file, new_key, read_ca,
    read_cfssl, write,
};
use super::{Console, Exit};
use crate::cli::{CaArgs, CaCommand, NewCaArgs, OutputFormat};
use crate::config::fields::DEFAULT_CA_CERTIFICATE_VALIDITY;
use crate::execute::standalone::{certificate_authority, encrypted};
use crate::fs::output::OutputFile;
use crate::plan::ca::{self, NewCaRequest};
use crate::plan::subject::DesiredNames;
use crate::report::signatures::IssuedCertificate;
use crate::report::standalone::CreatedCa;
use crate::report::time::Time;
use crate::store::outcome::TreeState;
use crate::util::duration::Period;
use crate::x509::algorithm::Algorithm;
use crate::x509::encrypted_key::Passphrase;
use crate::x509::sign::Issuer;

/// What flags or cfssl's request say about the new CA.
struct CaParameters {
    names: DesiredNames,
    algorithm: Algorithm,
    path_length: Option<(String, u8)>,
    period: Option<Period>,
}

pub(super) fn run(args: &CaArgs, console: &Console) -> Result<Exit> {
    match &args.command {
        CaCommand::New(args) => new(args, console),
    }
}

fn new(args: &NewCaArgs, console: &Console) -> Result<Exit> {
    refuse_two_readers(
        "the request, `--ca-passphrase-file` and `--key-passphrase-file`",
        args.reads_stdin(),
    );
    let parameters = parameters(args, console)?;
    let mut passphrase = CaPassphrase::read(&args.ca_passphrase(), console)?;
    let new_passphrase = new_passphrase(args, console)?;
    let parent = match (&args.ca_cert, &args.ca_key) {
        (Some(certificate), Some(key)) => {
            Some((certificate, read_ca(certificate, key, &mut passphrase)?))
        }
        _ => None,
    };
    let issuer: Option<Issuer<'_>> = parent
        .as_ref()
        .map(|(file, (bundle, key))| issuer(bundle, key, &file.display().to_string(), console.now))
        .transpose()?;
    let request = NewCaRequest {
        names: &parameters.names,
        path_length: parameters.path_length,
        period: parameters
            .period
            .as_ref()
            .map_or(DEFAULT_CA_CERTIFICATE_VALIDITY, Period::length),
        issuer: parent.as_ref().map(|(_, (bundle, _))| bundle),
    };
    let plan = ca::plan(&request, console.now).map_err(PlanFailure::without_tree)?;
    let directory = args.files.directory();
    check_directory(directory, console)?;
    let key_file = new_file(directory, &args.name, "key")?;
    let certificate_file = new_file(directory, &args.name, "crt")?;
    for warning in &plan.warnings {
        console.warn(warning);
    }
    // The default is as long as the CA allows.
    if plan.is_shortened && parameters.period.is_some() {
        let end = plan.validity.not_after.date();
        console.warn(&format!(
            "valid only until {end}, when the CA that signs it expires"
        ));
    }
    let subject = plan.contents.subject_text();
    let mut report = CreatedCa {
        dry_run: args.write.dry_run,
        issuer: issuer.map_or_else(
            || subject.clone(),
            |issuer| issuer.certificate().subject().to_string(),
        ),
        subject,
        is_root: parent.is_none(),
        path_length: plan.contents.path_length(),
        expiration_date: Time::from(plan.validity.not_after),
        key_algorithm: parameters.algorithm.to_string(),
        key_file: key_file.display().to_string(),
        certificate_file: certificate_file.display().to_string(),
        issued: None,
    };
    if !args.write.dry_run {
        let key = new_key(parameters.algorithm)?;
        let certificate = certificate_authority(&plan, &key, issuer, console.now)?;
        let pem = match &new_passphrase {
            Some(passphrase) => encrypted(&key, passphrase)?,
            None => key.to_pem()?,
        };
        write_pair(
            (&key_file, &pem),
            (&certificate_file, &certificate.to_pem()),
        )?;
        report.issued = Some(IssuedCertificate::from(&certificate));
    }
    let format = args.write.output;
    if args.write.dry_run {
        console.show(&report, format)?;
    } else if format != OutputFormat::Text || !args.write.quiet {
        console.show_done(&report, format, TreeState::Changed)?;
    }
    Ok(Exit::Done)
}

fn write_pair(key: (&Path, &str), certificate: (&Path, &str)) -> Result<()> {
    let files = [(key, KEY_MODE), (certificate, PUBLIC_MODE)];
    write(&files.map(|((path, text), mode)| OutputFile {
        path,
        contents: text.as_bytes(),
        mode,
    }))
}

/// Returns the passphrase that the new key is encrypted with, if it is to be. A dry run does not ask for it.
fn new_passphrase(args: &NewCaArgs, console: &Console) -> Result<Option<Passphrase>> {
    let is_asked_for = args.encrypt_key && !args.write.dry_run;
    if args.key_passphrase_file.is_none() && !is_asked_for {
        return Ok(None);
    }
    CaPassphrase::of_new_key(args.key_passphrase_file.as_deref(), console).map(Some)
}

/// Returns what flags or cfssl's request ask for; flags about path length and validity win.
fn parameters(args: &NewCaArgs, console: &Console) -> Result<CaParameters> {
    let path_length = args
        .path_len
        .map(|length| ("--path-len".to_owned(), length));
    let period = args.validity_period.clone();
    let Some(path) = &args.request else {
        return Ok(CaParameters {
            names: names_of_flags(args.common_name.as_deref(), &args.org, &[]),
            algorithm: args.key_algorithm.unwrap_or(Algorithm::Rsa2048),
            path_length,
            period,
        });
    };
    let (request, file) = read_cfssl(path, "pki ca new -", console)?;
    if !request.hosts.is_empty() {
        console.warn("`hosts` is ignored: a CA needs no alternative names");
    }
    let section = request.ca.unwrap_or_default();
    let place = format!("{file}: ca.pathlen");
    let length = section.path_length.map(|length| (place, length));
    Ok(CaParameters {
        names: DesiredNames {
            subject: request.subject,
            alternative: Vec::new(),
        },
        algorithm: request.algorithm,
        path_length: path_length.or(length),
        period: period.or(section.period),
    })
}

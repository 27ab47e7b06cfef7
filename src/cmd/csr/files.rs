//! The files of `pki csr sign`: requests in PEM, DER and Kubernetes objects, and where each certificate goes.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::cli::SignArgs;
use crate::cmd::failure::{Invalid, Invalids};
use crate::cmd::input::{Input, read_input};
use crate::fs::file::{self, Contents, FileError};
use crate::fs::output;
use crate::objects::csr::SigningRequestDocuments;
use crate::plan::csr::sign::RequestToSign;
use crate::tree::layout::Layout;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::request::CertificateRequest;

/// A file of requests.
pub(super) struct RequestFile {
    pub(super) path: PathBuf,
    /// The documents, if it holds Kubernetes objects.
    pub(super) objects: Option<SigningRequestDocuments>,
    pub(super) requests: Vec<RequestToSign>,
}

/// Reads the requests of every file.
pub(super) fn read_all(args: &SignArgs) -> Result<Vec<RequestFile>> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for path in &args.files {
        match read(path) {
            Ok(file) => files.push(file),
            Err(found) => problems.extend(found),
        }
    }
    match problems.is_empty() {
        true => Ok(files),
        false => Err(Invalids(problems).into()),
    }
}

fn read(path: &Path) -> Result<RequestFile, Vec<Invalid>> {
    let input = read_input(path, "a request", "pki csr sign -");
    let input = input.map_err(|error| vec![Invalid::new(format!("{error:#}"))])?;
    let invalid = |what: String| Invalid::new(format!("`{}`: {what}", input.name));
    let Some(text) = objects_text(&input) else {
        let request = CertificateRequest::parse(&input.bytes);
        let request = request.map_err(|error| vec![invalid(error.to_string())])?;
        let file_name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        return Ok(RequestFile {
            path: path.to_path_buf(),
            objects: None,
            requests: vec![RequestToSign {
                name: input.name.clone(),
                file_name,
                request,
                object: None,
            }],
        });
    };
    let objects =
        SigningRequestDocuments::parse(text).map_err(|error| vec![invalid(error.to_string())])?;
    let mut requests = Vec::new();
    let mut problems = Vec::new();
    for spec in objects.specs() {
        let request =
            spec.map_err(|error| error.to_string()).and_then(
                |spec| match CertificateRequest::parse(&spec.request) {
                    Ok(request) => Ok((spec, request)),
                    Err(error) => Err(format!(
                        "CertificateSigningRequest `{}`: spec.request: {error}",
                        spec.name
                    )),
                },
            );
        match request {
            Ok((object, request)) => requests.push(RequestToSign {
                name: format!("{}: {}", input.name, object.name),
                file_name: None,
                request,
                object: Some(object),
            }),
            Err(what) => problems.push(invalid(what)),
        }
    }
    match problems.is_empty() {
        true => Ok(RequestFile {
            path: path.to_path_buf(),
            objects: Some(objects),
            requests,
        }),
        false => Err(problems),
    }
}

/// Returns the text of a file that is neither PEM nor DER.
fn objects_text(input: &Input) -> Option<&str> {
    let text = std::str::from_utf8(&input.bytes).ok()?;
    let is_pem = text.lines().any(|line| line.starts_with("-----BEGIN "));
    (!is_pem && !text.trim().is_empty()).then_some(text)
}

/// Returns where the certificate of each file goes; `None` for standard output.
///
/// # Errors
/// If a certificate would be written into the tree or over another file that is no certificate, or cannot be written.
pub(super) fn targets(
    files: &[RequestFile],
    args: &SignArgs,
    layout: &Layout,
) -> Result<Vec<Option<PathBuf>>> {
    let is_only = files.len() == 1 && args.out_dir.is_none();
    let mut targets: Vec<Option<PathBuf>> = Vec::new();
    for file in files {
        if is_only || file.objects.is_some() || file.path == Path::new("-") {
            targets.push(None);
            continue;
        }
        let target = target(&file.path, args.out_dir.as_deref())?;
        let mut directories = layout.directories().into_iter();
        if directories.any(|directory| output::is_in(&target, &directory)) {
            let what = format!("`{}` is in the tree", target.display());
            let hint =
                "name another directory with `--out-dir`; `pki csr import` installs certificates";
            return Err(Invalid::new(what).with_hint(hint).into());
        }
        if targets.iter().flatten().any(|other| *other == target) {
            let what = format!(
                "two certificates would be written to `{}`",
                target.display()
            );
            return Err(Invalid::new(what)
                .with_hint("sign one after the other")
                .into());
        }
        targets.push(Some(target));
    }
    let on_stdout = targets
        .iter()
        .zip(files)
        .filter(|(target, file)| target.is_none() && file.objects.is_none());
    if on_stdout.count() > 1
        || (!is_only
            && files
                .iter()
                .any(|file| file.path == Path::new("-") && file.objects.is_none()))
    {
        let what = "a request from standard input is signed alone";
        return Err(Invalid::new(what).into());
    }
    Ok(targets)
}

/// Returns the file of the certificate for a request.
fn target(request: &Path, directory: Option<&Path>) -> Result<PathBuf> {
    let failed = |error: FileError| anyhow!("{error}");
    let name = request.file_name().unwrap_or_default();
    let stem = match Path::new(name).extension() {
        Some(extension) if extension == "csr" => Path::new(name).file_stem().unwrap_or(name),
        _ => name,
    };
    let mut name = stem.to_owned();
    name.push(".crt");
    let path = match directory {
        Some(directory) => directory.join(name),
        None => request.with_file_name(name),
    };
    let target = output::target(&path).map_err(failed)?;
    let is_certificate = |contents: &Contents| {
        CaBundle::from_pem(&contents.bytes).is_ok() || Chain::from_pem(&contents.bytes).is_ok()
    };
    match file::read_given(&target, file::MAX_FILE_SIZE) {
        Ok(contents) if is_certificate(&contents) => Ok(target),
        Err(missing) if missing.is_not_found() => Ok(target),
        _ => {
            let what = format!("`{}` exists and is no certificate", target.display());
            let hint =
                "it is not overwritten: move it away, or name another directory with `--out-dir`";
            Err(Invalid::new(what).with_hint(hint).into())
        }
    }
}

//! The files of `pki csr sign` and `pki csr import`: PEM, DER and Kubernetes objects, and where each certificate goes.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use crate::cli::SignArgs;
use crate::cmd::failure::{Invalid, Invalids};
use crate::cmd::input::{Input, read_input};
use crate::cmd::output_file::refuse_in_tree;
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

/// Reads every file, or returns the problems of all.
pub(super) fn read_all<T>(
    files: &[PathBuf],
    read: impl Fn(&Path) -> Result<Vec<T>, Vec<Invalid>>,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        match read(path) {
            Ok(found) => all.extend(found),
            Err(found) => problems.extend(found),
        }
    }
    match problems.is_empty() {
        true => Ok(all),
        false => Err(Invalids(problems).into()),
    }
}

/// Reads the requests of a file.
pub(super) fn read(path: &Path) -> Result<Vec<RequestFile>, Vec<Invalid>> {
    let input = read_input(path, "a request", "pki csr sign -");
    let input = input.map_err(|error| vec![Invalid::new(format!("{error:#}"))])?;
    let invalid = |what: String| Invalid::new(format!("`{}`: {what}", input.name));
    let Some(text) = objects_text(&input) else {
        let request = CertificateRequest::parse(&input.bytes);
        let request = request.map_err(|error| vec![invalid(error.to_string())])?;
        let file_name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        return Ok(vec![RequestFile {
            path: path.to_path_buf(),
            objects: None,
            requests: vec![RequestToSign {
                name: input.name.clone(),
                file_name,
                request,
                object: None,
            }],
        }]);
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
        true => Ok(vec![RequestFile {
            path: path.to_path_buf(),
            objects: Some(objects),
            requests,
        }]),
        false => Err(problems),
    }
}

/// Returns the text of a file that is neither PEM nor DER.
pub(super) fn objects_text(input: &Input) -> Option<&str> {
    let text = std::str::from_utf8(&input.bytes).ok()?;
    let is_pem = text.lines().any(|line| line.starts_with("-----BEGIN "));
    (!is_pem && !text.trim().is_empty()).then_some(text)
}

/// Returns whether a file begins as DER does, with a SEQUENCE. Text of which that is true is not UTF-8, or no object.
pub(super) fn is_der(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30)
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
    refuse_stdin(files, args)?;
    let is_only = files.len() == 1 && args.out_dir.is_none();
    let mut targets: Vec<Option<PathBuf>> = Vec::new();
    for file in files {
        if is_only || file.objects.is_some() {
            targets.push(None);
            continue;
        }
        let target = target(&file.path, args.out_dir.as_deref())?;
        let hint =
            "name another directory with `--out-dir`; `pki csr import` installs certificates";
        refuse_in_tree(&target, layout, hint)?;
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
    Ok(targets)
}

/// Refuses a request from standard input whose certificate would need a file name, and a directory for nothing.
fn refuse_stdin(files: &[RequestFile], args: &SignArgs) -> Result<(), Invalid> {
    let is_unnamed = |file: &RequestFile| file.objects.is_none() && file.path == Path::new("-");
    let to_stdout = "leave `--out-dir` out, and redirect standard output to a file";
    let refuse = |what: &str, hint: &str| Err(Invalid::new(what).with_hint(hint));
    match (files, &args.out_dir) {
        ([file], Some(_)) if is_unnamed(file) => refuse(
            "a request from standard input has no name for a file in `--out-dir`",
            to_stdout,
        ),
        (files, Some(_)) if files.iter().all(|file| file.objects.is_some()) => refuse(
            "nothing would be written to `--out-dir`: Kubernetes objects go to standard output",
            to_stdout,
        ),
        ([_, _, ..], _) if files.iter().any(is_unnamed) => refuse(
            "a request from standard input is signed alone",
            "sign the files in another run",
        ),
        _ => Ok(()),
    }
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

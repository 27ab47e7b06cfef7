//! `pki history`.

use anyhow::Result;

use super::target::Target;
use super::{Console, Exit};
use crate::cli::{ClusterArgs, ConfigArgs, HistoryArgs, OutputFormat};
use crate::report::history::{self, Replaced};
use crate::store::generations;
use crate::tree::layout::Layout;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;

pub(super) fn run(args: &HistoryArgs, console: &Console) -> Result<Exit> {
    let layout = Target::find(&args.tree, &ConfigArgs::default(), &ClusterArgs::default())?.layout;
    let generations: Vec<_> = generations::list(&layout)?
        .into_iter()
        .map(|generation| {
            let files = generation
                .files
                .iter()
                .map(|file| replaced(&layout, &generation, file))
                .collect();
            (generation, files)
        })
        .collect();
    console.print(&match args.output {
        OutputFormat::Text => history::text(&generations),
        OutputFormat::Json => history::json(&generations)?,
        OutputFormat::Yaml => history::yaml(&generations)?,
    })?;
    Ok(Exit::Done)
}

/// A file that cannot be read any more is listed all the same, without a serial number.
fn replaced(
    layout: &Layout,
    generation: &generations::Generation,
    file: &generations::GenerationFile,
) -> Replaced {
    let contents = generations::read(layout, generation, file).ok().flatten();
    let is_certificate = file.file.file_name().ends_with(".crt");
    let chain = contents
        .as_ref()
        .filter(|_| is_certificate)
        .and_then(|old| Chain::from_pem(&old.bytes).ok());
    let client = contents
        .as_ref()
        .filter(|_| !is_certificate)
        .and_then(|old| client_certificate(&old.bytes));
    let certificate = chain.map(|chain| chain.leaf).or(client);
    Replaced {
        file: file.file.to_string(),
        existed: file.existed(),
        serial: certificate.map(|found| found.serial()),
    }
}

fn client_certificate(bytes: &[u8]) -> Option<Certificate> {
    use crate::kubeconfig::{Credentials, Kubeconfig};
    match Kubeconfig::parse(bytes).ok()?.credentials().ok()? {
        Credentials::Embedded { certificate, .. } => Some(Chain::from_pem(&certificate).ok()?.leaf),
        Credentials::CertificateFiles { .. } | Credentials::NoCertificate => None,
    }
}

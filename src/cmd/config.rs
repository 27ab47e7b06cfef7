//! `pki config`.

use anyhow::Result;

use super::session::Session;
use super::target::{ConfigSource, Detection};
use super::{Console, Exit};
use crate::cli::{ConfigCommand, ConfigCommandArgs, ConfigFormat, ConfigShowArgs, OutputFormat};
use crate::config::cluster::Etcd;
use crate::config::provenance;
use crate::report::configuration::Configuration;
use crate::tree::inventory::Depth;

pub(super) fn run(args: &ConfigCommandArgs, console: &Console) -> Result<Exit> {
    match &args.command {
        ConfigCommand::Show(args) => show(args, console),
        ConfigCommand::Example => {
            console.print(include_str!("../../examples/cluster.yaml"))?;
            Ok(Exit::Done)
        }
    }
}

fn show(args: &ConfigShowArgs, console: &Console) -> Result<Exit> {
    let session = Session::open(&args.tree, &args.config, &args.cluster, console)?;
    session.warn_of_record();
    let snapshot = session.read(&|_| Depth::Certificates)?;
    let target = &session.target;
    let layers = target.layers(&snapshot.inventory);
    // Warn even if values are refused: a misspelt field may be the cause.
    for warning in &target.warnings {
        console.warn(&warning.to_string());
    }
    let resolved = layers.resolve(Detection::Allowed)?;
    for warning in &resolved.warnings {
        console.warn(&warning.to_string());
    }
    if target.source() == ConfigSource::Nothing {
        for guess in layers.guesses.iter().chain(&layers.contradictions) {
            console.warn(guess);
        }
    }
    if let Etcd::External(etcd) = &resolved.cluster.etcd
        && etcd.endpoints.is_empty()
    {
        console.warn("etcd.external.endpoints: certificates do not contain them; a configuration needs at least one");
    }
    let fields = provenance::explain(&resolved.cluster, &layers.layers);
    let report = Configuration::new(&fields);
    match args.output {
        ConfigFormat::Text => console.show(&report, OutputFormat::Text)?,
        ConfigFormat::Json => console.show(&report, OutputFormat::Json)?,
        ConfigFormat::Yaml => console.show(&report, OutputFormat::Yaml)?,
        ConfigFormat::Kubeadm => console.print(&resolved.cluster.to_yaml())?,
    }
    Ok(Exit::Done)
}

//! `pki template`.

use anyhow::Result;

use super::{Console, Exit};
use crate::cli::{Template, TemplateArgs};

pub(super) fn run(args: &TemplateArgs, console: &Console) -> Result<Exit> {
    console.print(match args.template {
        Template::Rbac => include_str!("../../templates/rbac.yaml"),
    })?;
    Ok(Exit::Done)
}

//! `pki template`.

use anyhow::Result;

use super::{Env, Exit};
use crate::cli::{Template, TemplateArgs};

pub(super) fn run(args: &TemplateArgs, env: &Env) -> Result<Exit> {
    env.print(match args.template {
        Template::Rbac => include_str!("../../templates/rbac.yaml"),
    })?;
    Ok(Exit::Done)
}

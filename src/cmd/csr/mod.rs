//! `pki csr`: certification requests, and what an external CA has signed.

mod files;
mod generate;
mod import;
mod new;
mod sign;

use anyhow::Result;

use super::{Console, Exit};
use crate::cli::{CsrArgs, CsrCommand};

pub(super) use generate::run as generate;

pub(super) fn run(args: &CsrArgs, console: &Console) -> Result<Exit> {
    match &args.command {
        CsrCommand::Generate(args) => generate::run(args, console),
        CsrCommand::New(args) => new::run(args, console),
        CsrCommand::Sign(args) => sign::run(args, console),
        CsrCommand::Import(args) => import::run(args, console),
    }
}

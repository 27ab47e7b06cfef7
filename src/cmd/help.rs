//! `pki help`, `pki completions` and `pki version`: what the program says of itself.

use std::ffi::OsString;
use std::io::Write as _;

use anyhow::Result;
use clap::CommandFactory;
use clap::builder::StyledStr;
use clap::error::ErrorKind;

use super::{Console, Exit};
use crate::cli::{Cli, CompletionsArgs, HelpArgs, VersionArgs, parse, wrong_usage};
use crate::report::version::details;

/// A help topic.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// Its name.
    pub name: &'static str,
    /// Its text, Markdown.
    pub text: &'static str,
}

/// Every help topic.
pub static TOPICS: [Topic; 10] = [
    topic("files", include_str!("../../templates/help/files.md")),
    topic("writing", include_str!("../../templates/help/writing.md")),
    topic("kubeadm", include_str!("../../templates/help/kubeadm.md")),
    topic("findings", include_str!("../../templates/help/findings.md")),
    topic(
        "configuration",
        include_str!("../../templates/help/configuration.md"),
    ),
    topic("join", include_str!("../../templates/help/join.md")),
    topic(
        "scheduling",
        include_str!("../../templates/help/scheduling.md"),
    ),
    topic("csr", include_str!("../../templates/help/csr.md")),
    topic(
        "walkthroughs",
        include_str!("../../templates/help/walkthroughs.md"),
    ),
    topic(
        "dependencies",
        include_str!("../../templates/help/dependencies.md"),
    ),
];

impl Topic {
    /// Returns the text without the marks of generated parts.
    pub fn printed(&self) -> String {
        self.text
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("<!--"))
            .collect()
    }
}

const fn topic(name: &'static str, text: &'static str) -> Topic {
    Topic { name, text }
}

pub(super) fn run(args: &HelpArgs, console: &Console) -> Result<Exit> {
    let words: Vec<_> = args.words.iter().map(String::as_str).collect();
    let found = TOPICS.iter().find(|topic| words == [topic.name]);
    match (found, command_help(&words)) {
        (Some(topic), _) => console.print(&topic.printed())?,
        (None, Some(help)) => console.print_styled(&help)?,
        (None, None) => {
            let message = format!(
                "there is no command or topic '{}'; `pki help` lists them",
                words.join(" ").escape_debug()
            );
            wrong_usage(ErrorKind::InvalidValue, message).exit();
        }
    }
    Ok(Exit::Done)
}

/// Returns what `--help` prints for a command.
fn command_help(words: &[&str]) -> Option<StyledStr> {
    let words = std::iter::once("pki").chain(words.iter().copied());
    let line = words.chain(["--help"]).map(OsString::from);
    let error = parse(line).err()?;
    (error.kind() == ErrorKind::DisplayHelp).then(|| error.render())
}

pub(super) fn completions(args: &CompletionsArgs, console: &Console) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pki", &mut script);
    script.flush()?;
    console.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

pub(super) fn version(args: &VersionArgs, console: &Console) -> Result<Exit> {
    let mut text = Cli::command().render_version();
    if args.verbose {
        text.push_str(&details());
    }
    console.print(&text)?;
    Ok(Exit::Done)
}

//! Counts the instructions of commands with valgrind: figures that a loaded machine does not change.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::INIT;
use crate::command::find;

const COMMANDS: [&[&str]; 4] = [
    &["--version"],
    &INIT,
    &["check-expiration"],
    &["renew", "all", "--reuse-key"],
];

/// Prints the instructions of each command with ECDSA-P256, if valgrind is installed.
pub(super) fn run(pki: &Path, folder: &Path) -> Result<()> {
    let Some(valgrind) = find("valgrind") else {
        println!("\nvalgrind is not installed: no instructions are counted");
        return Ok(());
    };
    fs::create_dir_all(folder)?;
    println!("\n{:<44} {:>9}", "millions of instructions, ECDSA-P256", "");
    for arguments in COMMANDS {
        let mut command = Command::new(&valgrind);
        command
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(pki)
            .args(arguments);
        if arguments.first() == Some(&"init") {
            command.args(["--encryption-algorithm", "ECDSA-P256"]);
        }
        if arguments != ["--version"] {
            command.arg("--rootfs").arg(folder);
        }
        let run = command.stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&run.stderr);
        let (_, count) = text
            .lines()
            .find_map(|line| line.split_once("refs:"))
            .with_context(|| format!("valgrind counted nothing: {text}"))?;
        let count: String = count.chars().filter(char::is_ascii_digit).collect();
        let millions = count.parse::<f64>()? / 1_000_000.0;
        let name = arguments
            .iter()
            .take_while(|word| !word.starts_with("--node"));
        let name: Vec<_> = name.copied().collect();
        println!("{:<44} {millions:>9.1}", format!("pki {}", name.join(" ")));
    }
    Ok(())
}

//! The project's tasks: `cargo xtask TASK`. One file each; `command` runs programs for them.

// The tasks print their results.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod cases;
mod ci;
mod command;
mod dist;
mod fuzz;
mod generate;
mod peers;
mod test;

use std::{env, process::ExitCode};

use anyhow::Result;

const USAGE: &str = "\
cargo xtask TASK

  test [--no-install] [-- ARGS]  install missing peers and run every test; ARGS go to the test programs
  live                           compare a running control plane with its files, join it with kubeadm, and have it take what
                                 `pki csr sign` makes; PKI_KUBERNETES_BIN names the directory of kube-apiserver, kube-controller-manager and kubeadm 1.20
  peers [--no-install]           install missing peers and print the version of each
  ci                             what has to pass before a change lands: format, lints, generated text, tests
  gen [--check]                  write the generated parts of the README files, or fail if they are stale
  fuzz [--seconds N] [TARGET...] fuzz what reads input, N seconds each (60): certificate, key, kubeconfig, config, request, object,
                                 state; the CI does it every night
  bench [--binary FILE] [ROUNDS] build the release binary, or take FILE, such as the static one that `dist` makes; time it beside
                                 openssl, cfssl and kubeadm (PKI_KUBERNETES_BIN), count its instructions, and check up to a
                                 thousand trees; ROUNDS times each (20)
  dist [--target TARGET] [--check-reproducible]
                                 make the release in target/dist: static binaries, packages, manual pages, completions, a container
                                 image, lists of libraries (SBOM) and checksums; builds twice and compares if asked to

Peers are the programs of other projects that judge our output. They are installed with apt-get if this runs as root,
and with pip in target/peers. Tests whose peer is missing are skipped; with CI=true or PKI_REQUIRE_PEERS=1 they fail.
Fuzzing needs a C++ compiler, which is installed alike. Inputs that it finds lie in target/fuzz/artifacts; one that shows
a defect goes, as small as it can be, to tests/regressions/fuzz/TARGET, from where the tests replay it.";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["test", rest @ ..] => {
            let (own, passed_on) = test::split(rest);
            match own {
                [] => test::run(true, passed_on),
                ["--no-install"] => test::run(false, passed_on),
                _ => Ok(usage()),
            }
        }
        ["live"] => test::live(),
        ["peers"] => peers::run(true),
        ["peers", "--no-install"] => peers::run(false),
        ["ci"] => ci::run(),
        ["gen"] => generate::run(generate::Mode::Write),
        ["gen", "--check"] => generate::run(generate::Mode::Check),
        ["fuzz", "--seconds", seconds, names @ ..] => fuzz::run(seconds.parse()?, names),
        ["fuzz", names @ ..] => fuzz::run(60, names),
        ["bench", "--binary", file] => bench::run(Some(file.as_ref()), 20),
        ["bench", "--binary", file, rounds] => bench::run(Some(file.as_ref()), rounds.parse()?),
        ["bench"] => bench::run(None, 20),
        ["bench", rounds] => bench::run(None, rounds.parse()?),
        ["dist", arguments @ ..] => dist::run(arguments),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Ok(usage()),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

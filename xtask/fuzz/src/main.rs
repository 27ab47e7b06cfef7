//! Runs one target: under libFuzzer if built by `cargo xtask fuzz`, else on the files that are named on the command line.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod fuzzer;

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(target) = arguments.next().and_then(|name| pki_fuzz::find(&name)) else {
        eprintln!("usage: pki-fuzz TARGET FILE...");
        return std::process::ExitCode::from(2);
    };
    for file in arguments {
        println!("{file}");
        (target.check)(&std::fs::read(&file).expect("the file can be read"));
    }
    std::process::ExitCode::SUCCESS
}

//! `cargo xtask peers`: installs the programs of other projects with which tests judge our output.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::command::{command, find, output, run as execute, top};

/// A peer that is a package of the operating system.
struct Peer {
    program: &'static str,
    /// Debian's package.
    package: &'static str,
    /// The arguments that print its version.
    version: &'static [&'static str],
}

const PEERS: [Peer; 14] = [
    Peer {
        program: "openssl",
        package: "openssl",
        version: &["version"],
    },
    Peer {
        program: "certtool",
        package: "gnutls-bin",
        version: &["--version"],
    },
    Peer {
        program: "cfssl",
        package: "golang-cfssl",
        version: &["version"],
    },
    Peer {
        program: "/usr/share/easy-rsa/easyrsa",
        package: "easy-rsa",
        version: &["version"],
    },
    Peer {
        program: "kubectl",
        package: "kubernetes-client",
        version: &["version", "--client"],
    },
    Peer {
        program: "etcd",
        package: "etcd-server",
        version: &["--version"],
    },
    Peer {
        program: "etcdctl",
        package: "etcd-client",
        version: &["version"],
    },
    Peer {
        program: "promtool",
        package: "prometheus",
        version: &["--version"],
    },
    Peer {
        program: "systemd-analyze",
        package: "systemd",
        version: &["--version"],
    },
    Peer {
        program: "chromium",
        package: "chromium",
        version: &["--version"],
    },
    Peer {
        program: "setfacl",
        package: "acl",
        version: &["--version"],
    },
    Peer {
        program: "man",
        package: "man-db",
        version: &["--version"],
    },
    Peer {
        program: "curl",
        package: "curl",
        version: &["--version"],
    },
    Peer {
        program: "valgrind",
        package: "valgrind",
        version: &["--version"],
    },
];

/// The Python packages that tests use, pinned.
const REQUIREMENTS: &str = "tests/peers/requirements.txt";

/// Installs missing peers, and prints the version of each.
pub(crate) fn run(install: bool) -> Result<ExitCode> {
    prepare(install)?;
    for Peer {
        program,
        package,
        version,
    } in &PEERS
    {
        match find(program) {
            Some(_) => println!(
                "{program}: {}",
                first_line(Command::new(program).args(*version))?
            ),
            None => println!("{program}: not installed (Debian package {package})"),
        }
    }
    let python = folder()?.join("venv/bin/python");
    if python.exists() {
        println!(
            "python: {}",
            first_line(Command::new(&python).arg("--version"))?
        );
        let packages = output(Command::new(&python).args([
            "-m",
            "pip",
            "--disable-pip-version-check",
            "freeze",
        ]))?;
        for package in packages.lines() {
            println!("python package: {package}");
        }
    } else {
        println!("python: no virtual environment in {}", folder()?.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs missing peers, or prints their names.
///
/// A failure is only printed, because each test knows whether it needs the peer.
pub(crate) fn prepare(install: bool) -> Result<()> {
    fs::create_dir_all(folder()?)?;
    let mut missing: Vec<_> = PEERS
        .iter()
        .filter(|peer| find(peer.program).is_none())
        .map(|peer| peer.package)
        .collect();
    if find("python3").is_none() {
        missing.push("python3");
    }
    if install && !can_create_environments() {
        missing.push("python3-venv");
    }
    if !missing.is_empty() {
        let packages = missing.join(" ");
        if install && may_install()? {
            println!("installing the peers {packages}");
            complain(install_packages(&missing));
        } else {
            println!("peers that are not installed, as Debian names them: {packages}");
        }
    }
    if install {
        complain(create_environment(&folder()?.join("venv"), REQUIREMENTS));
    }
    Ok(())
}

fn complain(result: Result<()>) {
    if let Err(error) = result {
        eprintln!("warning: {error:#}");
    }
}

/// Returns the folder of peers that are not packages of the operating system; tests look there too.
fn folder() -> Result<PathBuf> {
    Ok(top()?.join("target/peers"))
}

/// Returns whether packages of the operating system can be installed here.
pub(crate) fn may_install() -> Result<bool> {
    let root = fs::metadata("/proc/self")
        .context("cannot look up the user in /proc/self")?
        .uid()
        == 0;
    Ok(root && find("apt-get").is_some())
}

/// Installs packages of the operating system.
pub(crate) fn install_packages(packages: &[&str]) -> Result<()> {
    let apt_get = |arguments: &[&str]| -> Result<()> {
        let mut command = command("apt-get", &["--quiet", "--quiet"])?;
        execute(
            command
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive"),
        )
    };
    apt_get(&["update"])?;
    apt_get(&[&["install", "--yes", "--no-install-recommends"], packages].concat())
}

/// Debian's Python has no module that installs pip into a virtual environment.
fn can_create_environments() -> bool {
    Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Makes a virtual environment with the Python packages of a file, unless it exists with the same ones.
pub(crate) fn create_environment(environment: &Path, file: &str) -> Result<()> {
    let stamp = environment.join("requirements.txt");
    let requirements =
        fs::read_to_string(top()?.join(file)).with_context(|| format!("cannot read {file}"))?;
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return Ok(());
    }
    println!(
        "installing the Python packages of {file} in {}",
        environment.display()
    );
    execute(command("python3", &["-m", "venv", "--clear"])?.arg(environment))?;
    let mut pip = Command::new(environment.join("bin/python"));
    pip.current_dir(top()?).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--requirement",
        file,
    ]);
    execute(&mut pip)?;
    fs::write(&stamp, requirements)?;
    Ok(())
}

fn first_line(command: &mut Command) -> Result<String> {
    let text = output(command)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

//! Generates the list of kubeadm's test cases in tests/cases/README.md from the doc lines of the tests that cover them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::command::top;

/// A test case, as the doc lines of the tests describe it.
#[derive(Default)]
struct KubeadmCase {
    /// kubeadm's verdict, and how ours compares to it.
    verdicts: Option<(String, String)>,
    tests: Vec<String>,
}

/// Returns the table of all cases.
pub(crate) fn table() -> Result<String> {
    let mut cases = BTreeMap::<String, KubeadmCase>::new();
    let top = top()?;
    for folder in ["src", "tests"] {
        for file in sources(&top.join(folder))? {
            let text = fs::read_to_string(&file)?;
            let module = module(file.strip_prefix(top.join(folder))?);
            collect(&text, &module, &mut cases).with_context(|| file.display().to_string())?;
        }
    }
    let mut table =
        "| kubeadm's test / case | there | ours | tests |\n|---|---|---|---|\n".to_owned();
    for (case, KubeadmCase { verdicts, tests }) in cases {
        let (there, ours) =
            verdicts.with_context(|| format!("no line says what kubeadm makes of {case}"))?;
        let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
        writeln!(
            table,
            "| {case} | {there} | {ours} | {} |",
            tests.join(", ")
        )?;
    }
    Ok(table)
}

/// Reads the doc lines of one file.
fn collect(text: &str, module: &str, cases: &mut BTreeMap<String, KubeadmCase>) -> Result<()> {
    let mut waiting = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("/// kubeadm: ") {
            let (name, verdicts) = match rest.split_once(" -> ") {
                Some((name, verdicts)) => {
                    let (there, ours) =
                        verdicts.split_once("; ").context("want `; ` in the line")?;
                    (name, Some((there.to_owned(), ours.to_owned())))
                }
                None => (rest, None),
            };
            let case = cases.entry(name.to_owned()).or_default();
            if verdicts.is_some() {
                ensure!(case.verdicts.is_none(), "{name} has two verdicts");
                case.verdicts = verdicts;
            }
            waiting.push(name.to_owned());
        } else if let Some(test) = line.strip_prefix("fn ") {
            let test = test.split('(').next().unwrap_or(test);
            for name in waiting.drain(..) {
                let case = cases.entry(name).or_default();
                case.tests.push(format!("{module}::{test}"));
            }
        } else {
            let belongs = line.starts_with("///") || line.starts_with("#[");
            ensure!(
                waiting.is_empty() || belongs,
                "a line about kubeadm is on no test: {line}"
            );
        }
    }
    Ok(())
}

/// Returns the Rust files of a folder and of those below it, sorted.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the module of a file, from its path.
fn module(file: &Path) -> String {
    let path = file.with_extension("").display().to_string();
    let path = path.strip_suffix("/mod").unwrap_or(&path);
    path.replace('/', "::")
}

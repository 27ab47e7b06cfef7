//! The list of the libraries in the binary, in CycloneDX's JSON, from what cargo resolves for the target.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::build::{BuildTarget, Release, cargo};
use crate::command::output;

/// Returns the list. It has no serial number, so that the same commit gives the same list.
pub(super) fn list(source: &Path, target: &BuildTarget, release: &Release) -> Result<String> {
    let mut command = Command::new(cargo());
    command
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(["--filter-platform", target.triple])
        .current_dir(source);
    let metadata = serde_json::from_str(&output(&mut command)?)?;
    Ok(serde_json::to_string_pretty(&cyclonedx(&metadata, &release.date)?)? + "\n")
}

fn cyclonedx(metadata: &Value, date: &str) -> Result<Value> {
    let packages: BTreeMap<&str, &Value> = array(metadata, "/packages")
        .filter_map(|package| Some((text(package, "/id")?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = array(metadata, "/resolve/nodes")
        .filter_map(|node| Some((text(node, "/id")?, node)))
        .collect();
    let (root, _) = packages
        .iter()
        .find(|(_, package)| text(package, "/name") == Some("pki"))
        .context("cargo does not know the package pki")?;

    let mut linked: BTreeSet<&str> = BTreeSet::new();
    let mut open = vec![*root];
    let mut dependencies = Vec::new();
    while let Some(id) = open.pop() {
        if !linked.insert(id) {
            continue;
        }
        let of = nodes
            .get(id)
            .map_or_else(Vec::new, |node| linked_by(node, &packages));
        let references: BTreeSet<_> = of.iter().map(|id| reference(&packages, id)).collect();
        dependencies.push((reference(&packages, id), references));
        open.extend(of);
    }
    dependencies.sort();
    let component = |id: &str, kind| packages.get(id).map(|package| component(package, kind));
    let libraries = linked.iter().filter(|id| *id != root);
    let mut components: Vec<_> = libraries
        .filter_map(|id| component(id, "library"))
        .collect();
    components.sort_by_key(|component| text(component, "/purl").map(str::to_owned));
    let application = component(root, "application");
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": format!("{date}T00:00:00Z"), "component": application},
        "components": components,
        "dependencies": dependencies
            .iter()
            .map(|(reference, on)| json!({"ref": reference, "dependsOn": on}))
            .collect::<Vec<_>>(),
    }))
}

/// Returns the packages that a package links: neither those of its tests and build script nor its macros.
fn linked_by<'a>(node: &'a Value, packages: &BTreeMap<&str, &Value>) -> Vec<&'a str> {
    let is_normal =
        |dependency: &Value| array(dependency, "/dep_kinds").any(|kind| kind["kind"].is_null());
    let is_macro = |id: &str| {
        packages.get(id).is_some_and(|package| {
            let mut kinds = array(package, "/targets").flat_map(|target| array(target, "/kind"));
            kinds.any(|kind| kind == "proc-macro")
        })
    };
    array(node, "/deps")
        .filter(|dependency| is_normal(dependency))
        .filter_map(|dependency| text(dependency, "/pkg"))
        .filter(|id| !is_macro(id))
        .collect()
}

fn component(package: &Value, kind: &str) -> Value {
    let mut entries = vec![
        ("type", json!(kind)),
        ("bom-ref", json!(purl(package))),
        ("name", json!(text(package, "/name"))),
        ("version", json!(text(package, "/version"))),
        ("purl", json!(purl(package))),
    ];
    if let Some(license) = text(package, "/license") {
        // Old manifests have a slash where SPDX has OR.
        let license = license.replace('/', " OR ");
        entries.push(("licenses", json!([{"expression": license}])));
    }
    if let Some(repository) = text(package, "/repository") {
        let reference = json!([{"type": "vcs", "url": repository}]);
        entries.push(("externalReferences", reference));
    }
    entries.into_iter().collect()
}

/// Returns the package URL, such as `pkg:cargo/anyhow@1.0.104`.
fn purl(package: &Value) -> String {
    let part = |name| text(package, name).unwrap_or_default();
    format!("pkg:cargo/{}@{}", part("/name"), part("/version"))
}

fn reference(packages: &BTreeMap<&str, &Value>, id: &str) -> String {
    packages
        .get(id)
        .map(|package| purl(package))
        .unwrap_or_default()
}

fn array<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    let array = value.pointer(pointer).and_then(Value::as_array);
    array.into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;
    use crate::command::top;

    #[test]
    fn the_list_has_what_is_linked_and_no_more() {
        let release = Release {
            version: "0.1.0".to_owned(),
            commit: String::new(),
            epoch: "0".to_owned(),
            date: "2026-11-28".to_owned(),
            source: top().unwrap().to_owned(),
        };
        let target = &super::super::build::TARGETS[0];
        let list = list(top().unwrap(), target, &release).unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        let names: Vec<_> = array(&list, "/components")
            .map(|one| text(one, "/name").unwrap())
            .collect();
        for name in ["aws-lc-sys", "clap", "der"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        // A macro, a build script, a test, a project's task, another system's library.
        for name in [
            "serde_derive",
            "cmake",
            "rcgen",
            "clap_mangen",
            "windows-sys",
            "pki",
        ] {
            assert!(!names.contains(&name), "{name}: {names:?}");
        }
        assert_eq!(array(&list, "/dependencies").count(), names.len() + 1);
        assert!(array(&list, "/components").all(|one| one["licenses"].is_array()));
    }
}

//! `check-expiration` and `verify` on archives.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tar::{Builder, EntryType, Header};

use crate::support::{NOW_ARGUMENT, Run, TestTree, pki, run, run_with_input};

fn checked(arguments: &[&str], paths: &[&Path]) -> Run {
    let mut command = pki();
    command.args(arguments).args(["--now", NOW_ARGUMENT]);
    run(command.args(paths))
}

fn entry(run: &Run) -> Value {
    serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap()
}

/// Makes an archive in which `directory` has the name `name`.
fn archive(file: PathBuf, directory: &Path, name: &str) -> PathBuf {
    let mut builder = Builder::new(Vec::new());
    builder.follow_symlinks(false);
    builder.append_dir_all(name, directory).unwrap();
    std::fs::write(&file, builder.into_inner().unwrap()).unwrap();
    file
}

fn compress(file: &Path) -> PathBuf {
    let packed = file.with_extension("gz");
    let mut encoder = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
    encoder.write_all(&std::fs::read(file).unwrap()).unwrap();
    encoder.finish().unwrap();
    packed
}

/// Writes an archive of empty files with these names, byte for byte.
fn archive_of_names(file: PathBuf, names: &[&[u8]]) -> PathBuf {
    let mut builder = Builder::new(Vec::new());
    for name in names {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, std::io::empty()).unwrap();
    }
    std::fs::write(&file, builder.into_inner().unwrap()).unwrap();
    file
}

#[test]
fn an_archive_is_judged_as_the_directory_that_it_holds() {
    let (tree, files) = (TestTree::new(), TestTree::empty());
    tree.remove("pki/apiserver-kubelet-client.key");
    tree.copy_pair("apiserver-etcd-client", "apiserver");
    tree.chmod("pki/ca.key", 0o644);
    let kubernetes = tree.path("");
    let expiration = ["check-expiration", "-o", "jsonl"];
    let verification = ["verify", "-o", "jsonl"];
    let certificates = entry(&checked(&expiration, &[tree.root()]).exits(5));
    let findings = entry(&checked(&verification, &[tree.root()]).exits(5));
    for (number, (directory, name)) in [
        (tree.root(), ""),
        (tree.root(), "./"),
        (tree.root(), "backup/node1"),
        (kubernetes.parent().unwrap(), "etc"),
        (kubernetes.parent().unwrap(), "."),
        (&kubernetes, "etc/kubernetes"),
        (&kubernetes, "kubernetes"),
        (&kubernetes, "node1"),
        (&kubernetes, "./"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = archive(files.root().join(number.to_string()), directory, name);
        for file in [compress(&file), file] {
            let found = entry(&checked(&expiration, &[&file]).exits(5));
            assert_eq!(found["tree"], file.to_str().unwrap());
            for key in ["certificates", "certificateAuthorities"] {
                assert_eq!(found[key], certificates[key], "{name}");
            }
            let found = entry(&checked(&verification, &[&file]).exits(5));
            assert_eq!(found["counts"], findings["counts"], "{name}: {found:#}");
            let ids = |report: &Value| {
                let findings = report["findings"].as_array().unwrap().clone();
                let facts = findings.into_iter().map(|mut finding| {
                    let fields = finding.as_object_mut().unwrap();
                    fields.remove("commands");
                    fields.remove("advice");
                    finding
                });
                facts.collect::<Vec<_>>()
            };
            assert_eq!(ids(&found), ids(&findings), "{name}");
        }
    }
}

#[test]
fn the_certificate_directory_alone_is_a_tree() {
    let (tree, files) = (TestTree::new(), TestTree::empty());
    let file = archive(files.root().join("x"), &tree.path("pki"), "");
    let found = entry(&checked(&["check-expiration", "-o", "jsonl"], &[&file]).exits(5));
    assert_eq!(found["certificateAuthorities"].as_array().unwrap().len(), 3);
    assert_eq!(found["certificates"][0]["name"], "admin.conf");
    assert_eq!(found["certificates"][0]["missing"], true);
}

#[test]
fn advice_about_an_archive_is_for_its_host() {
    let (tree, files) = (TestTree::new(), TestTree::empty());
    tree.remove("pki/apiserver.key");
    tree.chmod("pki/ca.key", 0o644);
    let file = archive(files.root().join("node1.tar"), &tree.path(""), "kubernetes");
    let run = checked(&["verify", "--severity", "warning"], &[&file]).exits(5);
    for advice in [
        "on the host, run `pki renew apiserver`\n",
        "on the host, run `chmod 0600 /etc/kubernetes/pki/ca.key`\n",
    ] {
        assert!(run.stdout.contains(advice), "{run}");
    }
    let report = entry(&checked(&["verify", "-o", "jsonl"], &[&file]).exits(5));
    let finding = &report["findings"][0];
    assert_eq!(finding["commands"], Value::Array(Vec::new()));
    let all = report["findings"].to_string();
    assert!(
        all.contains("on the host, run `pki renew apiserver`"),
        "{all}"
    );
    assert!(!all.contains(file.to_str().unwrap()), "{all}");
}

#[test]
fn what_the_kubelet_rotates_is_read_from_an_archive_of_the_host() {
    let (tree, files) = (TestTree::new(), TestTree::empty());
    let [certificate, key, _] = tree.unpacked("kubelet.conf");
    let directory = tree.root().join("var/lib/kubelet/pki");
    std::fs::create_dir_all(&directory).unwrap();
    let both = [certificate, key].map(|file| std::fs::read(file).unwrap());
    std::fs::write(directory.join("kubelet-client-1.pem"), both.concat()).unwrap();
    std::os::unix::fs::symlink(
        "/var/lib/kubelet/pki/kubelet-client-1.pem",
        directory.join("kubelet-client-current.pem"),
    )
    .unwrap();
    tree.edit("kubelet.conf", |text| {
        let lines = text.lines().map(|line| {
            let indent = &line[..line.len() - line.trim_start().len()];
            match line.trim_start().split_once(':') {
                Some((field @ ("client-certificate-data" | "client-key-data"), _)) => format!(
                    "{indent}{}: /var/lib/kubelet/pki/kubelet-client-current.pem",
                    field.trim_end_matches("-data")
                ),
                _ => line.to_owned(),
            }
        });
        lines.map(|line| line + "\n").collect()
    });
    let command = ["check-expiration", "-o", "jsonl"];
    let kubelets = |report: &Value| {
        let rows = report["certificates"].as_array().unwrap();
        rows.iter()
            .find(|row| row["name"] == "kubelet.conf")
            .cloned()
    };
    let whole = archive(files.root().join("host"), tree.root(), "");
    let found = kubelets(&entry(&checked(&command, &[&whole]).exits(0))).unwrap();
    assert!(found["expirationDate"].is_string(), "{found}");
    // Without it, nothing is said about it, as for a copy of the directory.
    let part = archive(files.root().join("part"), &tree.path(""), "kubernetes");
    checked(&command, &[&part]).exits(0);
}

#[test]
fn an_archive_that_cannot_be_read_is_one_entry_with_an_error() {
    let (tree, files) = (TestTree::new(), TestTree::empty());
    let whole = compress(&archive(files.root().join("a"), &tree.path(""), "x"));
    let bytes = std::fs::read(&whole).unwrap();
    let truncated = files.root().join("b.gz");
    std::fs::write(&truncated, &bytes[..bytes.len() / 2]).unwrap();
    let several = archive_of_names(
        files.root().join("c"),
        &[b"node1/pki/ca.crt", b"\x1b[31mnode2/pki/ca.crt"],
    );
    let none = archive_of_names(files.root().join("d"), &[b"../pki/ca.crt", b"readme"]);
    let list = [&truncated, &several, &none, &whole].map(|path| path.display().to_string());
    for command in ["check-expiration", "verify"] {
        let mut pki = pki();
        pki.args([command, "-o", "jsonl", "--now", NOW_ARGUMENT]);
        let run = run_with_input(pki.args(["--trees-from", "-"]), &list.join("\n")).exits(1);
        let entries: Vec<Value> = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let errors: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry["error"].as_str())
            .collect();
        assert_eq!(
            errors,
            [
                format!("reading the archive `{}`: it is truncated", list[0]),
                format!(
                    "reading the archive `{}`: it holds several trees, want one: `node1`, `\\u{{1b}}[31mnode2`",
                    list[1]
                ),
                format!(
                    "reading the archive `{}`: it holds no copy of /etc/kubernetes",
                    list[2]
                ),
            ]
        );
        assert_eq!(entries.len(), 4);
    }
}

#[test]
fn a_gzip_bomb_ends_with_the_limit() {
    let files = TestTree::empty();
    let mut header = Header::new_ustar();
    header.set_path("pki/ca.crt").unwrap();
    header.set_size(1 << 32);
    header.set_cksum();
    let zeros = vec![0; 16 << 20];
    let member = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let bomb = files.root().join("bomb");
    let members = [member(header.as_bytes()), member(&zeros).repeat(33)];
    std::fs::write(&bomb, members.concat()).unwrap();
    let found = entry(&checked(&["verify", "-o", "jsonl"], &[&bomb]).exits(1));
    let error = found["error"].as_str().unwrap();
    assert!(
        error.contains("more than 536870912 bytes after decompression"),
        "{error}"
    );
}

#[test]
fn a_report_does_not_replace_an_archive() {
    let (tree, files) = (TestTree::new(), TestTree::empty());
    let file = archive(files.root().join("a"), &tree.path(""), "x");
    for length in [usize::MAX, 1000] {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.truncate(length);
        std::fs::write(&file, &bytes).unwrap();
        let output = file.to_str().unwrap();
        checked(&["check-expiration", "--output-file", output], &[&file])
            .exits(3)
            .says("belongs to a tree that is checked");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
}

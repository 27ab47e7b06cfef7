use std::io::Write;

use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

use super::*;
use crate::tree::layout::TreePath;
use crate::tree::overlay::Tree;

const SMALL: Limits = Limits {
    unpacked: 64 * 1024,
    kept: 8 * 1024,
    entries: 20,
};

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o640);
    header.set_uid(7);
    header.set_size(size);
    header
}

/// Makes an archive of these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, contents) in files {
        let mut header = header(EntryType::Regular, contents.len() as u64);
        builder.append_data(&mut header, name, *contents).unwrap();
    }
    builder.into_inner().unwrap()
}

fn link(builder: &mut Builder<Vec<u8>>, kind: EntryType, name: &str, target: &str) {
    builder
        .append_link(&mut header(kind, 0), name, target)
        .unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn open(bytes: &[u8]) -> Result<Option<Archive>, String> {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let opened = Archive::open_within(file.path(), SMALL);
    let path = file.path().display().to_string();
    opened.map_err(|error| error.to_string().replace(&path, "FILE"))
}

fn error(bytes: &[u8]) -> String {
    open(bytes).map(|_| ()).unwrap_err()
}

fn layout() -> Layout {
    Layout {
        certificates: "/etc/kubernetes/pki".into(),
        kubeconfigs: "/etc/kubernetes".into(),
        kubelet: "/var/lib/kubelet/pki".into(),
        rootfs: None,
    }
}

fn tree(bytes: &[u8]) -> Tree {
    open(bytes).unwrap().unwrap().tree(&layout()).unwrap()
}

fn read(tree: &Tree, root: Root, relative: &str) -> Result<Option<Vec<u8>>, String> {
    let contents = tree.read(&TreePath::new(root, relative));
    contents
        .map(|contents| contents.map(|contents| contents.bytes.to_vec()))
        .map_err(|error| error.to_string())
}

#[test]
fn files_are_read_with_owner_and_mode() {
    let bytes = tar(&[("./pki/ca.crt", b"ca")]);
    for bytes in [gzip(&bytes), bytes] {
        let tree = tree(&bytes);
        let file = TreePath::new(Root::Certificates, "ca.crt");
        let contents = tree.read(&file).unwrap().unwrap();
        assert_eq!(contents.bytes.as_slice(), b"ca");
        assert_eq!(
            (contents.attributes.mode, contents.attributes.uid),
            (0o640, 7)
        );
        assert_eq!(read(&tree, Root::Kubeconfigs, "admin.conf"), Ok(None));
    }
    assert!(open(b"apiVersion: v1").unwrap().is_none());
    assert!(open(b"").unwrap().is_none());
}

#[test]
fn an_archive_in_several_gzip_members_is_one_archive() {
    let bytes = tar(&[("pki/ca.crt", b"ca")]);
    let (first, second) = bytes.split_at(700);
    let tree = tree(&[gzip(first), gzip(second)].concat());
    assert_eq!(
        read(&tree, Root::Certificates, "ca.crt"),
        Ok(Some(b"ca".to_vec()))
    );
}

#[test]
fn links_are_followed_inside_the_tree_only() {
    let mut builder = Builder::new(Vec::new());
    let certificate = header(EntryType::Regular, 2);
    for name in ["etc/kubernetes/ssl/ca.crt", "etc/shadow"] {
        let contents = b"ca".as_slice();
        builder
            .append_data(&mut certificate.clone(), name, contents)
            .unwrap();
    }
    for (name, target) in [
        ("etc/kubernetes/pki", "/etc/kubernetes/ssl"),
        ("etc/kubernetes/ssl/a.crt", "ca.crt"),
        ("etc/kubernetes/ssl/b.crt", "/etc/shadow"),
        ("etc/kubernetes/ssl/c.crt", "../../../../../../etc/shadow"),
        ("etc/kubernetes/ssl/d.crt", "d.crt"),
        ("etc/kubernetes/ssl/e.crt", "nowhere"),
    ] {
        link(&mut builder, EntryType::Symlink, name, target);
    }
    let hard = EntryType::Link;
    link(
        &mut builder,
        hard,
        "etc/kubernetes/ssl/f.crt",
        "etc/kubernetes/ssl/ca.crt",
    );
    link(&mut builder, hard, "etc/kubernetes/ssl/g.crt", "etc/shadow");
    let tree = tree(&builder.into_inner().unwrap());
    let read = |name| read(&tree, Root::Certificates, name);
    let path = "/etc/kubernetes/pki";
    for name in ["ca.crt", "a.crt", "f.crt"] {
        assert_eq!(read(name), Ok(Some(b"ca".to_vec())), "{name}");
    }
    for name in ["b.crt", "c.crt"] {
        let error = format!(
            "following the link `{path}/{name}`: a symbolic link leads to `/etc/shadow`, which is outside the tree"
        );
        assert_eq!(read(name), Err(error));
    }
    for (name, what) in [
        (
            "d.crt",
            "following the link `/etc/kubernetes/ssl/d.crt`: too many levels of symbolic links",
        ),
        (
            "e.crt",
            "following the link `/etc/kubernetes/pki/e.crt`: the target of the symbolic link does not exist",
        ),
        (
            "g.crt",
            "reading `/etc/kubernetes/pki/g.crt`: it is a hard link to a file outside the tree",
        ),
    ] {
        assert_eq!(read(name), Err(what.to_owned()));
    }
}

#[test]
fn a_directory_elsewhere_on_the_host_is_read_if_a_link_leads_to_it() {
    let mut builder = Builder::new(Vec::new());
    for name in ["etc/kubernetes/admin.conf", "srv/pki/ca.crt"] {
        let mut header = header(EntryType::Regular, 2);
        builder
            .append_data(&mut header, name, b"ca".as_slice())
            .unwrap();
    }
    link(
        &mut builder,
        EntryType::Symlink,
        "etc/kubernetes/pki",
        "/srv/pki",
    );
    let tree = tree(&builder.into_inner().unwrap());
    assert_eq!(
        read(&tree, Root::Certificates, "ca.crt"),
        Ok(Some(b"ca".to_vec()))
    );
}

#[test]
fn what_is_no_file_is_refused_and_names_with_dots_are_left_out() {
    let mut builder = Builder::new(Vec::new());
    for (name, kind) in [
        ("pki/ca.crt", EntryType::Char),
        ("pki/ca.key", EntryType::Fifo),
        ("pki/apiserver.crt", EntryType::Directory),
    ] {
        let mut header = header(kind, 0);
        builder
            .append_data(&mut header, name, std::io::empty())
            .unwrap();
    }
    let mut header = header(EntryType::Regular, 2);
    let name = b"x/../pki/apiserver.key";
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_cksum();
    builder.append(&header, b"xx".as_slice()).unwrap();
    let tree = tree(&builder.into_inner().unwrap());
    let read = |name| read(&tree, Root::Certificates, name);
    for name in ["ca.crt", "ca.key"] {
        let error = format!(
            "reading `/etc/kubernetes/pki/{name}`: it is a FIFO, socket or device, want a file"
        );
        assert_eq!(read(name), Err(error));
    }
    assert_eq!(
        read("apiserver.crt").unwrap_err(),
        "reading `/etc/kubernetes/pki/apiserver.crt`: it is a directory, want a file"
    );
    assert_eq!(read("apiserver.key"), Ok(None));
}

#[test]
fn an_archive_beyond_a_limit_is_refused() {
    let large = vec![0; 80 * 1024];
    assert_eq!(
        error(&gzip(&tar(&[("x", &large)]))),
        "reading the archive `FILE`: it has more than 65536 bytes after decompression; make an archive of /etc/kubernetes alone"
    );
    let kept = vec![0; 5000];
    assert_eq!(
        error(&tar(&[("pki/ca.crt", &kept), ("pki/ca.key", &kept)])),
        "reading the archive `FILE`: the files of its tree have more than 8192 bytes"
    );
    let names: Vec<_> = (0..25).map(|number| format!("pki/{number}.crt")).collect();
    let mut files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), b"".as_slice()))
        .collect();
    files.push(("pki/ca.crt", b""));
    assert_eq!(
        error(&tar(&files)),
        "reading the archive `FILE`: its tree has more than 20 files"
    );
}

#[test]
fn a_header_beyond_the_limit_is_refused_before_it_is_kept_in_memory() {
    let mut builder = Builder::new(Vec::new());
    let name = vec![b'x'; 300 * 1024];
    let long = header(EntryType::GNULongName, name.len() as u64);
    let mut long = long.clone();
    long.set_cksum();
    builder.append(&long, name.as_slice()).unwrap();
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&builder.into_inner().unwrap()).unwrap();
    let error = Archive::open(file.path()).map(|_| ()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the headers of a file in it have more than 262144 bytes"),
        "{error}"
    );
}

#[test]
fn a_file_beyond_the_limit_for_a_file_is_known_by_its_size() {
    let large = vec![b'x'; 1024 * 1024 + 1];
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&tar(&[("pki/ca.crt", &large)])).unwrap();
    let mut archive = Archive::open(file.path()).unwrap().unwrap();
    let tree = archive.tree(&layout()).unwrap();
    assert_eq!(
        read(&tree, Root::Certificates, "ca.crt").unwrap_err(),
        "reading `/etc/kubernetes/pki/ca.crt`: it has 1048577 bytes, the limit is 1048576"
    );
}

#[test]
fn a_truncated_or_damaged_archive_is_refused() {
    let whole = tar(&[("pki/ca.crt", &[b'x'; 2000]), ("pki/ca.key", b"key")]);
    let packed = gzip(&whole);
    let truncated = "reading the archive `FILE`: it is truncated";
    // In a file, between two files, before the end of the archive.
    for length in [1000, 512 + 2048, whole.len() - 1024] {
        let part = &whole[..length];
        assert_eq!(error(part), truncated, "{length}");
        assert_eq!(error(&gzip(part)), truncated, "{length}");
    }
    for length in [packed.len() / 2, packed.len() - 1] {
        assert_eq!(error(&packed[..length]), truncated, "{length}");
    }
    let damaged = "reading the archive `FILE`: it is damaged, or is not a tar archive";
    let mut checksum = packed.clone();
    checksum[packed.len() - 6] ^= 1;
    let mut header = whole.clone();
    header[512 + 2048] ^= 1;
    let mut deflate = packed.clone();
    deflate[12] ^= 0xff;
    for bytes in [checksum, header, deflate, gzip(&[b'x'; 2000])] {
        assert_eq!(error(&bytes), damaged);
    }
}

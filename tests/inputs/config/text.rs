//! Configuration files that are not YAML, or that would grow when they are read.

use std::{fs, os::unix::fs::symlink, process::Command};

use super::{NAMED, NODE, accepted, bare, cluster, refused};
use crate::inputs::table::{Bench, Ends, Row, errors, rows, words};
use crate::support::run;

#[test]
fn bytes_that_are_not_text_are_refused() {
    let mut bench = Bench::new();
    let utf16 = |encode: fn(u16) -> [u8; 2]| -> Vec<u8> {
        cluster("").encode_utf16().flat_map(encode).collect()
    };
    let rows: &[(&str, Vec<u8>, &str)] = &[
        ("no byte", vec![], " is empty"),
        ("blanks", b" \n\t\n".to_vec(), " is empty"),
        (
            "a byte-order mark alone",
            b"\xef\xbb\xbf".to_vec(),
            " is empty",
        ),
        (
            "UTF-16 with its mark, little-endian",
            [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat(),
            " is UTF-16; save it as UTF-8",
        ),
        (
            "UTF-16 with its mark, big-endian",
            [b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat(),
            " is UTF-16; save it as UTF-8",
        ),
        (
            "UTF-16 without a mark, little-endian",
            utf16(u16::to_le_bytes),
            " is UTF-16; save it as UTF-8",
        ),
        (
            "UTF-16 without a mark, big-endian",
            utf16(u16::to_be_bytes),
            " is UTF-16; save it as UTF-8",
        ),
        ("NUL", b"a: 1\nb: \0\n".to_vec(), "2: has a NUL byte"),
        (
            "NUL at the end",
            [cluster("").as_bytes(), b"\0"].concat(),
            "9: has a NUL byte",
        ),
        (
            "Latin-1",
            cluster("clusterName: zoe\u{eb}")
                .replace('\u{eb}', "?")
                .bytes()
                .map(|b| if b == b'?' { 0xeb } else { b })
                .collect(),
            "3: is not UTF-8: invalid byte at offset 78",
        ),
        (
            "an overlong sequence",
            b"a: \xc0\xaf\n".to_vec(),
            "1: is not UTF-8: invalid byte at offset 3",
        ),
        (
            "a surrogate",
            b"a: \xed\xa0\x80\n".to_vec(),
            "1: is not UTF-8: invalid byte at offset 3",
        ),
        (
            "cut within a character",
            "a: 1\nb: \u{eb}".as_bytes()[..9].to_vec(),
            "2: is not UTF-8: invalid byte at offset 8",
        ),
        (
            "gzip",
            b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(),
            "1: has a NUL byte",
        ),
        (
            "DER",
            b"\x30\x82\x01\x0a\x02\x82".to_vec(),
            "1: is not UTF-8: invalid byte at offset 1",
        ),
        ("a byte more than is read", vec![b'#'; (1 << 20) + 1], ""),
    ];
    for (name, bytes, problem) in rows {
        let problem = match *problem {
            "" => "reading `cluster.yaml`: it has 1048577 bytes, the limit is 1048576".to_owned(),
            _ => format!("cluster.yaml:{problem}"),
        };
        bench.row(name, &refused(bytes.clone(), &[&problem]));
    }
    bench.assert_kept(16);
}

#[test]
fn special_files_and_large_files_are_refused() {
    let mut bench = Bench::new();
    fs::File::create(bench.path("large"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    run(Command::new("mkfifo").arg(bench.path("fifo"))).ok();
    symlink("nowhere", bench.path("dangling")).unwrap();
    symlink("loop", bench.path("loop")).unwrap();
    fs::write(
        bench.path("key.pem"),
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    fs::write(
        bench.path("kubeconfig"),
        "apiVersion: v1\nkind: Config\nusers:\n- {name: a, user: {token: s3cret}}\n",
    )
    .unwrap();
    let not_a_file = "it is a FIFO, socket or device, want a file";
    for (name, problem) in [
        ("missing", "reading `missing`: no such file or directory".to_owned()),
        (".", "reading `.`: it is a directory, want a file".to_owned()),
        ("large", "reading `large`: it has 104857600 bytes, the limit is 1048576".to_owned()),
        ("fifo", format!("reading `fifo`: {not_a_file}")),
        ("/dev/zero", format!("reading `/dev/zero`: {not_a_file}")),
        ("dangling", "reading `dangling`: no such file or directory".to_owned()),
        ("loop", "following the link `loop`: too many levels of symbolic links".to_owned()),
        ("key.pem", "key.pem:1: the document is a single value, want a mapping".to_owned()),
        ("kubeconfig", "kubeconfig: contains neither an `InitConfiguration` nor a `ClusterConfiguration`, only `Config`".to_owned()),
    ] {
        let row = Row {
            file: None,
            input: String::new(),
            arguments: words(&format!("init --config {name}")),
            says: match name {
                "fifo" => {
                    let hint = "hint: use `--config -` and redirect it to standard input".to_owned();
                    [errors(&[&problem]), vec![hint]].concat()
                }
                _ => errors(&[&problem]),
            },
            ends: Ends::Refused,
        };
        bench.row(name, &row);
    }
    bench.assert_kept(9);
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let mut bench = Bench::new();
    let refused = |problem: &str| (errors(&[problem]), Ends::Refused);
    for (name, input, (says, ends)) in [
        (
            "nothing",
            String::new(),
            refused("standard input: is empty"),
        ),
        (
            "too much",
            "#".repeat(3 << 20),
            refused("reading the configuration: standard input has more than 1048576 bytes"),
        ),
        (
            "a problem",
            cluster("clusterName: []"),
            refused("standard input:3: clusterName: is a list, want a string"),
        ),
        (
            "a configuration",
            cluster(""),
            (vec![], Ends::Accepted(vec![NAMED.to_owned()])),
        ),
    ] {
        let arguments = words("init --config - --dry-run");
        bench.row(
            name,
            &Row {
                file: None,
                input,
                arguments,
                says,
                ends,
            },
        );
    }
    bench.assert_kept(4);
}

/// The lines of a `ClusterConfiguration` from line 3 on => the message.
const NO_YAML: &str = r#"
a: [b, c => 3: a[1]: is not valid YAML: unclosed bracket '['
a: {b: c => 3: a: is not valid YAML: unclosed bracket '{'
a: b] => 3: a: is not a known field and is ignored
a: [b]] => 3: is not valid YAML: misplaced bracket
a: "b => 4: a: is not valid YAML: invalid indentation in multiline quoted scalar
a: 'b => 4: a: is not valid YAML: invalid indentation in multiline quoted scalar
"a => 4: is not valid YAML: invalid indentation in multiline quoted scalar
apiServer:¶	certSANs: [] => 4: apiServer: is not valid YAML: tabs disallowed within this context (block indentation)
apiServer:¶  certSANs: []¶   extraArgs: [] => 5: apiServer: is not valid YAML: while parsing a block mapping, did not find expected key
clusterName: c¶- a => 4: is not valid YAML: while parsing a block mapping, did not find expected key
clusterName: - a => 3: clusterName: is not valid YAML: block sequence entries are not allowed in this context
clusterName: a: b => 3: is not valid YAML: mapping values are not allowed in this context
clusterName:c => 3: is not valid YAML: simple key expected ':'
certificateKey:0123456789abcdef => 3: is not valid YAML: simple key expected ':'
clusterName: @b => 3: clusterName: is not valid YAML: unexpected character: `@'
clusterName: `b` => 3: clusterName: is not valid YAML: unexpected character: ``'
clusterName: %b => 3: clusterName: is not valid YAML: unexpected character: `%'
clusterName: "\q" => 3: clusterName: is not valid YAML: while parsing a quoted scalar, found unknown escape character
clusterName: a␛[31mb => 3: clusterName: is not valid YAML: unexpected character: `\u{1b}'
clusterName: c¶---¶␂a: b => 5: is not valid YAML: a BOM must not appear inside a document
clusterName: *c => 3: clusterName: is not valid YAML: while parsing node, found unknown anchor
a: &a [*a] => 3: a[0]: is not valid YAML: an alias inside its own anchor
clusterName: !Secret c => 3: clusterName: has the tag `!Secret`, which is not supported
clusterName: !!binary eA== => 3: clusterName: has the tag `!!binary`, which is not supported
clusterName: !!python/object:os.system c => 3: clusterName: has the tag `!!python/object:os.system`, which is not supported
apiServer: !!set {a, b} => 3: apiServer: has the tag `!!set`, which is not supported
? [a]¶: b => 3: has a list as a key; want a string
x: &x {certSANs: [a]}¶apiServer:¶  <<: *x => 5: apiServer.<<: is a merge key, which is not supported; write the fields out
clusterName: a¶clusterName: b => 4: clusterName: is given twice, first on line 3
clusterName: a¶'clusterName': b => 4: clusterName: is given twice, first on line 3
clusterName: a¶? clusterName¶: b => 4: clusterName: is given twice, first on line 3
apiServer:¶  certSANs: [a]¶  certSANs: [b] => 5: apiServer.certSANs: is given twice, first on line 4
apiServer: {extraArgs: [{name: a, name: b}]} => 3: apiServer.extraArgs[0].name: is given twice, first on line 3
a: {token:s3cret: 1, token:s3cret: 2} => 3: a.token:…: is given twice, first on line 3
"#;

#[test]
fn text_that_is_not_yaml_is_refused_with_its_line() {
    let mut bench = Bench::new();
    for (fields, problem) in rows(NO_YAML) {
        let file = bare(&fields);
        let row = match problem.split_once(": is not a known field") {
            Some(_) => accepted(
                format!("{file}---\n{NODE}"),
                &[&format!("cluster.yaml:{problem}")],
                &[NAMED],
            ),
            None => refused(file, &[&format!("cluster.yaml:{problem}")]),
        };
        bench.row(&fields, &row);
    }
    bench.assert_kept(34);
}

#[test]
fn text_that_grows_when_it_is_read_is_refused() {
    let mut bench = Bench::new();
    let deep = "is nested more than 64 levels deep";
    let weight = "has more than 2097152 bytes with its aliases expanded";
    let mut bomb = "a0: &a0 [x, x, x, x]\n".to_owned();
    let mut chain = "a0: &a0 []\n".to_owned();
    for n in 0..70 {
        bomb += &format!("a{}: &a{} [*a{n}, *a{n}, *a{n}, *a{n}]\n", n + 1, n + 1);
        chain += &format!("a{}: &a{} [*a{n}]\n", n + 1, n + 1);
    }
    let brackets = format!("a: {}{}", "[".repeat(70), "]".repeat(70));
    let wide = format!(
        "a: &a {}\nb: [{}]",
        "x".repeat(50_000),
        vec!["*a"; 50_000].join(", ")
    );
    for (name, fields, problem) in [
        ("ten thousand brackets", format!("a: {}", "[".repeat(10_000)), format!("3: a[0]: {deep}")),
        ("ten thousand braces", format!("a: {}", "{a: ".repeat(10_000)), format!("3: a.a.a.a.a.a.a.a…: {deep}")),
        ("ten thousand dashes", format!("a:\n{}", "- ".repeat(10_000)), format!("4: a[0][0][0][0][0][0][0]…: {deep}")),
        ("ten thousand questions", format!("a:\n{}", "? ".repeat(10_000)), format!("4: …: {deep}")),
        ("seventy closed brackets", brackets, format!("3: a[0][0][0][0][0][0][0]…: {deep}")),
        ("a list of lists of lists", bomb, format!("12: a9[3]: {weight}")),
        ("a long chain of aliases", chain, format!("66: a63[0]: {deep}")),
        ("one long name many times", wide, format!("4: b[41]: {weight}")),
        ("too many names", format!("apiServer: {{certSANs: [{}]}}", (0..5_000).map(|n| format!("n{n}.example")).collect::<Vec<_>>().join(", ")), "3: apiServer.certSANs: has 5000 names and addresses, which take 73890 bytes in a certificate; at most 60000 fit".to_owned()),
        ("a long part of a path", format!("certificatesDir: /{}", "a".repeat(256)), format!("3: certificatesDir: `/{}…` has a component of 256 bytes, at most 255 are allowed", "a".repeat(79))),
        ("a long path", format!("certificatesDir: {}", "/a".repeat(1025)), format!("3: certificatesDir: `{}…` has 2050 bytes, at most 2048 are allowed", "/a".repeat(40))),
    ] {
        bench.row(name, &refused(cluster(&fields), &[&format!("cluster.yaml:{problem}")]));
    }
    bench.assert_kept(11);
}

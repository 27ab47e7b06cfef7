//! Tests of the module above.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::config::kubeadm::document::{Lines, decode};

const SOURCE: SourceText<'static> = SourceText {
    file: "f",
    lines: Lines::After(0),
};

/// Shows a tree as one line: `3"x"` is the scalar `x` of line 3.
fn show(node: &Node) -> String {
    let value = match &node.value {
        Value::Null => "null".to_owned(),
        Value::Scalar(scalar) => format!("{:?}", scalar.text),
        Value::Sequence(nodes) => {
            let items: Vec<_> = nodes.iter().map(show).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Mapping(entries) => {
            let fields: Vec<_> = entries
                .iter()
                .map(|e| format!("{}{}={}", e.line, e.key, show(&e.value)))
                .collect();
            format!("{{{}}}", fields.join(" "))
        }
    };
    format!("{}{value}", node.line)
}

fn check(text: &str, documents: &[&str]) {
    let mut problems = Vec::new();
    let shown: Vec<_> = parse(SOURCE, text, &mut problems)
        .iter()
        .map(show)
        .collect();
    assert_eq!(problems, [], "{text}");
    assert_eq!(shown, documents, "{text}");
}

fn check_problems(text: &str, expected: &[&str]) {
    let mut problems = Vec::new();
    parse(SOURCE, text, &mut problems);
    let shown: Vec<_> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(shown, expected, "{text}");
}

fn check_decode(bytes: &[u8], message: &str) {
    assert_eq!(decode("f", bytes).unwrap_err().to_string(), message);
}

#[test]
fn plain_scalars_keep_their_text() {
    for text in [
        "1.10",
        "no",
        "on",
        "0x1F",
        "0755",
        "1_000",
        "2026-01-01",
        ".inf",
        "1e3",
        "True",
        "08",
    ] {
        check(text, &[&format!("1{text:?}")]);
    }
}

#[test]
fn only_plain_null_is_null() {
    check(
        "a:\nb: ~\nc: null\nd: 'null'\ne: ''\nf: !!str\n",
        &[r#"1{1a=1null 2b=2null 3c=3null 4d=4"null" 5e=5"" 6f=6""}"#],
    );
}

#[test]
fn nodes_know_their_lines() {
    check(
        "# c\na:\n  - x\n  - y: 1\n    z: [p,\n        q]\n",
        &[r#"2{2a=3[3"x" 4{4y=4"1" 5z=5[5"p" 6"q"]}]}"#],
    );
}

#[test]
fn documents_are_told_apart() {
    check("---\na\n---\nb\n...\n", &[r#"2"a""#, r#"4"b""#]);
    check("# only a comment\n", &[]);
    check("", &[]);
    check("---\n---\nb\n", &["1null", r#"3"b""#]);
}

#[test]
fn crlf_is_a_line_end() {
    check(
        "a: 1\r\nb: |\r\n  x\r\n  y\r\nc: 2\r\n",
        &[r#"1{1a=1"1" 2b=3"x\ny\n" 5c=5"2"}"#],
    );
}

#[test]
fn aliases_are_shared_and_keep_the_line_of_their_anchor() {
    check("a: &x [p]\nb: *x\n", &[r#"1{1a=1[1"p"] 2b=1[1"p"]}"#]);
}

#[test]
fn alias_bombs_are_refused() {
    let refused = "f: has more than 2097152 bytes with its aliases expanded";
    let mut text = "a: &a0 [x, x]\n".to_owned();
    for n in 0..60 {
        text += &format!("b{n}: &a{} [*a{n}, *a{n}, *a{n}]\n", n + 1);
    }
    let mut wide = format!("a: &a {}\nb: [", "x".repeat(100_000));
    wide += &"*a,".repeat(100_000);
    for text in [text, wide + "]\n"] {
        let mut problems = Vec::new();
        assert_eq!(parse(SOURCE, &text, &mut problems).len(), 0);
        let [problem] = &problems[..] else {
            panic!("{problems:?}")
        };
        assert_eq!(problem.message, refused.trim_start_matches("f: "));
    }
}

#[test]
fn a_document_without_aliases_is_never_too_heavy() {
    for unit in ["a,", "?,", "\"\":a,", "\"\\P\\L\",", "- \n", "a\n\n"] {
        let text = match unit.ends_with(',') {
            true => format!("{{{}}}", unit.repeat(1000)),
            false => unit.repeat(1000),
        };
        let documents = parse(SOURCE, &text, &mut Vec::new());
        let [document] = &documents[..] else {
            panic!("{unit:?}: {documents:?}")
        };
        assert!(document.weight < 2 * text.len(), "{unit:?}");
    }
}

#[test]
fn deeply_aliased_documents_are_refused() {
    let mut text = "a: &a0 []\n".to_owned();
    for n in 0..70 {
        text += &format!("b{n}: &a{} [*a{n}]\n", n + 1);
    }
    let mut problems = Vec::new();
    assert_eq!(parse(SOURCE, &text, &mut problems).len(), 0);
    assert!(problems.pop().unwrap().message.contains("64 levels"));
}

#[test]
fn only_the_first_of_many_problems_are_kept() {
    let mut problems = Vec::new();
    parse(SOURCE, &"a: 1\n".repeat(10_000), &mut problems);
    assert_eq!(problems.len(), MAX_LISTED + 1);
}

#[test]
fn json_is_read_with_any_blanks() {
    for blanks in ["", " ", "\n  ", "\n\t", "\t", "\r\n\t"] {
        let text = [
            "{",
            "\"a\"",
            ":",
            "[",
            "\"\\ud83d\\ude00\\/\"",
            ",",
            "true",
            "]",
            "}",
        ]
        .join(blanks);
        let mut problems = Vec::new();
        let shown: Vec<_> = parse(SOURCE, &text, &mut problems)
            .iter()
            .map(show)
            .collect();
        assert_eq!(problems, [], "{text}");
        let lines = blanks.matches('\n').count();
        let expected = format!(
            "1{{{}a={}[{}\"😀/\" {}\"true\"]}}",
            1 + lines,
            1 + 3 * lines,
            1 + 4 * lines,
            1 + 6 * lines
        );
        assert_eq!(shown, [expected], "{text}");
    }
}

#[test]
fn paths_do_not_tell_what_follows_a_colon() {
    assert_eq!(field_path("a", "certificateKey:abc"), "a.certificateKey:…");
    assert_eq!(field_path("", "f:"), "f:");
    check_problems(
        "{token:s3cret: 1, token:s3cret: 2}\n",
        &["f:1: token:…: is given twice, first on line 1"],
    );
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[", "- ", "{a: "] {
        let mut problems = Vec::new();
        parse(SOURCE, &text.repeat(10_000), &mut problems);
        let [problem] = &problems[..] else {
            panic!("{text:?}: {problems:?}")
        };
        assert_eq!(problem.message, "is nested more than 64 levels deep");
    }
    check_problems(
        &format!("{}{}", "[".repeat(100), "]".repeat(100)),
        &["f:1: [0][0][0][0][0][0][0][0]…: is nested more than 64 levels deep"],
    );
}

#[test]
fn duplicate_keys_are_found_at_every_level() {
    check_problems(
        "a: 1\nb:\n  c: 1\n  c: 2\n- x\n",
        &[
            "f:4: b.c: is given twice, first on line 3",
            "f:5: is not valid YAML: while parsing a block mapping, did not find expected key",
        ],
    );
    check_problems(
        "a: 1\n'a': 2\nl:\n - {x: 1, x: 2}\na: 3\n",
        &[
            "f:2: a: is given twice, first on line 1",
            "f:4: l[0].x: is given twice, first on line 4",
            "f:5: a: is given twice, first on line 1",
        ],
    );
}

#[test]
fn merge_keys_are_refused() {
    check_problems(
        "a: &x {p: 1}\nb:\n  <<: *x\n  q: 2\n",
        &["f:3: b.<<: is a merge key, which is not supported; write the fields out"],
    );
    check("'<<': 1\n", &[r#"1{1<<=1"1"}"#]);
}

#[test]
fn what_is_no_yaml_is_named_with_its_line() {
    for (text, line) in [
        ("a: 1\n b: 2\n", 2),
        ("a: [1, 2\n", 1),
        ("a: *nothing\n", 1),
        ("a: \"x\n", 2),
        ("a:\n\tb: 1\n", 2),
        ("a: &x [*x]\n", 1),
        ("a: !!binary eA==\n", 1),
        ("a: !Secret x\n", 1),
        ("? [a]\n: 1\n", 1),
    ] {
        let mut problems = Vec::new();
        parse(SOURCE, text, &mut problems);
        let [problem] = &problems[..] else {
            panic!("{text:?}: {problems:?}")
        };
        let shown = problem.to_string();
        assert!(
            shown.starts_with(&format!("f:{line}: ")),
            "{text:?}: {shown}"
        );
        assert!(!shown.contains('\n'));
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    check_decode(b"\xff\xfea\0", "f: is UTF-16; save it as UTF-8");
    check_decode(b"\xfe\xff\0a", "f: is UTF-16; save it as UTF-8");
    check_decode(b"a\0:\0", "f: is UTF-16; save it as UTF-8");
    check_decode(b"a: 1\nb: \0\n", "f:2: has a NUL byte");
    check_decode(
        b"a: 1\n\nb: \xff\n",
        "f:3: is not UTF-8: invalid byte at offset 9",
    );
    check_decode(
        &vec![b' '; 100 << 20],
        "f: is larger than 1048576 bytes, the limit",
    );
    assert_eq!(decode("f", "\u{feff}a: 1".as_bytes()).unwrap(), "a: 1");
}

#[test]
fn many_keys_are_read_in_time() {
    let text: String = (0..100_000).map(|n| format!("k{n}: x\n")).collect();
    check_len(&text[..MAX_BYTES.min(text.len())]);
}

fn check_len(text: &str) {
    assert_eq!(parse(SOURCE, text, &mut Vec::new()).len(), 1);
}

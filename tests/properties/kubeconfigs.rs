//! Kubeconfigs: all contents survive reading and writing, for our parser and for others.

use pki::kubeconfig::{Credentials, Kubeconfig};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{cases, examples};
use crate::{mutations::script, support::peer};

/// Odd scalars that all parsers read in the same way, as typed.
const ODD: [&str; 40] = [
    "0x1F",
    "0b11",
    "1.5e+3",
    "1.10",
    "1.0",
    ".5",
    "5.",
    "+1",
    "-0",
    "0",
    "-1",
    "0.1",
    "9223372036854775808",
    "18446744073709551615",
    "0.1000000000000000055511151231257827",
    "no",
    "No",
    "NO",
    "yes",
    "on",
    "off",
    "true",
    "True",
    "null",
    "Null",
    "~",
    "''",
    "\"\"",
    "'no'",
    "\"007\"",
    "'1.10'",
    "\"~\"",
    "1,000",
    "<",
    "a b",
    "a:b",
    "'#a'",
    "\"a\\tb\\n\"",
    "!!str 5",
    "0.0",
];

/// Scalars that PyYAML, a strict YAML 1.1 parser, reads differently from Kubernetes. A renewal keeps their text.
const OTHERWISE_IN_YAML_1_1: [&str; 12] = [
    "0o17",
    "1e3",
    "1E+2",
    "-.5",
    "12345678901234567890123",
    "-9223372036854775809",
    "y",
    "n",
    "2026-01-01",
    "2026-01-01T01:02:03Z",
    "1:20",
    "190:20:30",
];

/// Numbers in Kubernetes on which parsers disagree. A renewal keeps their text too.
const TAKEN_FOR_TEXT: [&str; 4] = ["007", "0755", "08", "1_000"];

/// Scalars that no JSON can hold, so that Kubernetes refuses the file too.
const REFUSED: [&str; 4] = ["1e400", ".inf", "-.INF", ".nan"];

/// Any value that JSON can hold, as flow style.
fn value() -> impl Strategy<Value = Value> + Clone {
    let scalar = prop_oneof![
        4 => any::<String>().prop_map(Value::from),
        2 => select(&ODD[..]).prop_map(|text| Value::from(text.trim_matches(['\'', '"']))),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any::<String>(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A document that client-go accepts: several clusters, users and contexts, and unknown fields, in any order.
fn document() -> impl Strategy<Value = Value> {
    let names = || {
        vec("[a-z0-9.@:-]{1,8}|\\PC{1,6}", 1..4).prop_map(|mut names| {
            for (index, name) in names.iter_mut().enumerate() {
                name.push_str(&index.to_string());
            }
            names
        })
    };
    let unknown = || {
        vec(
            (
                any::<String>().prop_map(|name| format!("x-{name}")),
                value(),
            ),
            0..3,
        )
    };
    let pem = || option::of("[A-Za-z0-9+/]{4}".prop_map(Value::from));
    (
        (names(), names(), names()),
        any::<[prop::sample::Index; 3]>(),
        vec(unknown(), 7),
        (pem(), pem(), any::<bool>()),
    )
        .prop_flat_map(
            |(
                (clusters, users, contexts),
                [cluster, user, context],
                unknown,
                (ca, certificate, first),
            )| {
                let mut unknown = unknown
                    .into_iter()
                    .map(|fields| fields.into_iter().collect::<Map<_, _>>());
                let mut with_unknown = |known: Value| {
                    let mut fields = unknown.next().unwrap_or_default();
                    let known = known.as_object().unwrap().clone();
                    match first {
                        true => {
                            fields.extend(known);
                            fields
                        }
                        false => {
                            let mut known = known;
                            known.extend(fields);
                            known
                        }
                    }
                };
                let mut current_cluster = with_unknown(json!({"server": "https://192.0.2.1:6443"}));
                if let Some(ca) = ca {
                    current_cluster.insert("certificate-authority-data".to_owned(), ca);
                }
                let mut current_user = with_unknown(json!({}));
                if let Some(certificate) = certificate {
                    current_user.insert("client-key-data".to_owned(), certificate.clone());
                    current_user.insert("client-certificate-data".to_owned(), certificate);
                }
                let current_context = with_unknown(
                    json!({"cluster": cluster.get(&clusters), "user": user.get(&users)}),
                );
                let list = |kind: &str,
                            names: &[String],
                            current: &String,
                            body: Map<String, Value>,
                            other: Value|
                 -> Value {
                    let item = |name: &String| match name == current {
                        true => json!({"name": name, kind: body.clone()}),
                        false => json!({kind: other.clone(), "name": name}),
                    };
                    names.iter().map(item).collect()
                };
                let current = context.get(&contexts);
                let mut fields: Vec<(String, Value)> = vec![
                    ("apiVersion".to_owned(), "v1".into()),
                    ("kind".to_owned(), "Config".into()),
                    ("current-context".to_owned(), current.clone().into()),
                    (
                        "clusters".to_owned(),
                        list(
                            "cluster",
                            &clusters,
                            cluster.get(&clusters),
                            current_cluster,
                            json!({"server": "https://[::1]"}),
                        ),
                    ),
                    (
                        "users".to_owned(),
                        list(
                            "user",
                            &users,
                            user.get(&users),
                            current_user,
                            json!({"token": "007"}),
                        ),
                    ),
                    (
                        "contexts".to_owned(),
                        list(
                            "context",
                            &contexts,
                            current,
                            current_context,
                            json!({"user": "nobody"}),
                        ),
                    ),
                ];
                fields.extend(with_unknown(json!({})));
                Just(fields).prop_shuffle()
            },
        )
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn parse(text: &str) -> Kubeconfig {
    Kubeconfig::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn what_is_written_is_read_back(document in document()) {
        let read = parse(&document.to_string());
        let text = read.to_yaml().unwrap();
        let again = parse(&text);
        prop_assert!(again == read, "{}", *text);
        prop_assert_eq!(again.to_yaml().unwrap(), text, "written again, it is the same text");
    }

    /// The second renewal replaces everything that the first one wrote, and neither changes anything else.
    #[test]
    fn renewing_twice_changes_only_what_a_renewal_changes(document in document()) {
        let original = parse(&document.to_string());
        let renew = |kubeconfig: &Kubeconfig, what: &str| {
            let mut kubeconfig = kubeconfig.clone();
            kubeconfig.set_client(&format!("certificate {what}"), Some(&format!("key {what}")));
            kubeconfig.set_ca(&format!("CA {what}"));
            parse(&kubeconfig.to_yaml().unwrap())
        };
        let twice = renew(&renew(&original, "1"), "2");
        prop_assert!(twice == renew(&original, "2"));
        let text = twice.to_yaml().unwrap();
        let after = without_credentials(serde_saphyr::from_str(&text).unwrap());
        prop_assert_eq!(after.to_string(), without_credentials(document).to_string());
        let Credentials::Embedded { certificate, key } = twice.credentials().unwrap() else { panic!("no certificate") };
        prop_assert_eq!((&certificate[..], &key[..]), (&b"certificate 2"[..], &b"key 2"[..]));
    }
}

/// Returns a document without what a renewal changes, wherever it is; the order of the rest counts.
fn without_credentials(mut document: Value) -> Value {
    for (list, kind, fields) in [
        ("clusters", "cluster", &["certificate-authority-data"][..]),
        (
            "users",
            "user",
            &["client-certificate-data", "client-key-data"],
        ),
    ] {
        for entry in document[list].as_array_mut().unwrap() {
            if let Some(body) = entry[kind].as_object_mut() {
                body.retain(|field, _| !fields.contains(&field.as_str()));
            }
        }
    }
    document
}

/// A kubeconfig as people type it, with these scalars in fields that `pki` does not know.
fn typed(scalars: &[String; 8]) -> String {
    let [a, b, c, d, e, f, g, h] = scalars;
    format!(
        "apiVersion: v1
kind: Config
preferences:
  colors: {a}
clusters:
- name: here
  cluster:
    server: https://192.0.2.1:6443
    certificate-authority-data: b2xk
    extensions:
    - name: x
      extension: {b}
- cluster: {{server: 'https://[::1]:6443'}}
  name: there
contexts:
- context:
    cluster: here
    namespace: {c}
    user: me
  name: main
current-context: main
users:
- name: me
  user:
    client-certificate-data: b2xk
    client-key-data: b2xk
    as: {d}
- name: other
  user:
    exec:
      args:
      - {e}
      - - {f}
      env:
      - name: A
        value: {g}
        x:
          {h}
"
    )
}

/// What another parser finds wrong with a renewed kubeconfig.
#[derive(Debug, Deserialize, PartialEq)]
struct Verdict {
    pyyaml: Option<String>,
    kubernetes: Option<String>,
}

/// Renews kubeconfigs, and asks others what that has changed beyond what it may.
fn judged_after_a_renewal(texts: &[String]) -> Vec<Verdict> {
    let renewed = |before: &String| {
        let mut kubeconfig = parse(before);
        kubeconfig.set_client("a certificate", Some("a key"));
        kubeconfig.set_ca("a CA");
        json!({"renewed": [before, *kubeconfig.to_yaml().unwrap()]})
    };
    let rows = texts.iter().map(renewed).collect();
    let verdicts: Vec<Verdict> =
        serde_json::from_value(script("kubeconfigs.py", &rows).unwrap()).unwrap();
    assert_eq!(verdicts.len(), texts.len());
    verdicts
}

#[test]
fn other_parsers_read_the_same_scalars_before_and_after_a_renewal() {
    if peer("python").is_none() {
        return;
    }
    let scalar = prop_oneof![
        3 => select(&ODD[..]).prop_map(str::to_owned),
        1 => "[a-zA-Z]{2}[a-zA-Z0-9._+-]{0,6}",
    ];
    let scalars = proptest::array::uniform8(scalar);
    let mut texts: Vec<_> = examples(scalars, 500).iter().map(typed).collect();
    texts.extend(examples(document(), 500).iter().map(Value::to_string));
    for (text, verdict) in texts.iter().zip(judged_after_a_renewal(&texts)) {
        let right = Verdict {
            pyyaml: None,
            kubernetes: None,
        };
        assert_eq!(verdict, right, "{text}");
    }
}

#[test]
fn scalars_on_which_parsers_disagree_keep_their_text() {
    if peer("python").is_none() {
        return;
    }
    let all = |scalar: &&str| typed(&[(); 8].map(|()| (*scalar).to_owned()));
    let disputed: Vec<_> = OTHERWISE_IN_YAML_1_1.iter().map(all).collect();
    for (scalar, verdict) in OTHERWISE_IN_YAML_1_1
        .iter()
        .zip(judged_after_a_renewal(&disputed))
    {
        assert_eq!(verdict.kubernetes, None, "{scalar}");
        assert_eq!(verdict.pyyaml, None, "{scalar}");
    }
    let text: Vec<_> = TAKEN_FOR_TEXT.iter().map(all).collect();
    for (scalar, verdict) in TAKEN_FOR_TEXT.iter().zip(judged_after_a_renewal(&text)) {
        assert_eq!(verdict.kubernetes, None, "{scalar}");
    }
    for scalar in REFUSED {
        let error = Kubeconfig::parse(all(&scalar).as_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("non-finite") && error.contains("line 4"),
            "{scalar}: {error}"
        );
    }
}

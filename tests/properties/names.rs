//! SANs and durations: which texts are some, and which ones, according to others.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use pki::{config::parse_san, util::duration, x509::san::San};
use proptest::{collection::vec, prelude::*, sample::select};
use serde::Deserialize;
use serde_json::json;

use super::examples;
use crate::{mutations::script, support::peer};

/// What Python says a text is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Theirs {
    /// An address, as its octets in hexadecimal, an IPv4 one where it is mapped; and what is special about it.
    Address(String, Vec<String>),
    /// A DNS-1123 subdomain, or a wildcard and one.
    Name,
}

/// Why a text is refused that Kubernetes would take: the whole list.
const STRICTER: [&str; 7] = [
    "a zone",
    "an unspecified address",
    "a multicast address",
    "the broadcast address",
    "a label of more than 63 characters",
    "a number as the last label",
    "a number in hexadecimal or with an L, as C reads addresses",
];

/// Near-valid and valid addresses and names, and what is neither.
fn texts() -> impl Strategy<Value = String> {
    let v4 = vec(prop_oneof![5 => (0u16..256).prop_map(|n| n.to_string()), 1 => "0[0-9]{1,2}|2[5-9][0-9]|[0-9]{4}|"], 3..=5)
        .prop_map(|parts| parts.join("."));
    let v4 = prop_oneof![
        4 => any::<[u8; 4]>().prop_map(|octets| IpAddr::from(octets).to_string()),
        2 => v4,
        1 => select(&["0.0.0.0", "255.255.255.255", "224.0.0.1", "239.1.2.3", "127.0.0.1", "127.1", "0x7f.1"][..]).prop_map(str::to_owned),
    ];
    let group = prop_oneof![4 => "[0-9a-fA-F]{1,4}", 1 => "0000|00001|[g-z]|"];
    let v6 = prop_oneof![
        3 => any::<[u16; 8]>().prop_map(|groups| IpAddr::from(groups).to_string()),
        4 => (vec(group.clone(), 0..6), vec(group, 0..6)).prop_map(|(before, after)| format!("{}::{}", before.join(":"), after.join(":"))),
        2 => (select(&["::ffff:", "::FFFF:", "::", "0:0:0:0:0:ffff:", "64:ff9b::", "::ffff:0:"][..]), v4.clone()).prop_map(|(prefix, v4)| format!("{prefix}{v4}")),
        1 => select(&["::", "::0", "ff02::1", "FF05::2", "fe80::1%eth0", "::1%", "2001:db8::1%25", "fe80::1%1.5", "::ffff:224.0.0.9", "::ffff:0.0.0.0", "0:0:0:0:0:0:0:0"][..]).prop_map(str::to_owned),
    ];
    let label = prop_oneof![
        6 => "[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?",
        1 => "[0-9]{1,3}",
        1 => (60usize..67).prop_map(|length| "a".repeat(length)),
        1 => "[a-zA-Z0-9-]{1,6}|-|_|",
    ];
    let name = prop_oneof![
        4 => vec(label.clone(), 1..5).prop_map(|labels| labels.join(".")),
        1 => vec(label.clone(), 1..4).prop_map(|labels| format!("*.{}", labels.join("."))),
        1 => (vec("[a-z0-9]{50}", 4), "[a-z0-9]{40,55}", any::<bool>()).prop_map(|(labels, last, wildcard)| {
            format!("{}{}.{last}", if wildcard { "*." } else { "" }, labels.join("."))
        }),
        1 => vec(prop_oneof![label, Just("*".to_owned()), Just("**".to_owned())], 1..4).prop_map(|labels| labels.join(".")),
    ];
    let any_text = prop_oneof![
        "\\PC{0,8}",
        "[*a-zA-Z0-9.:%/-]{0,12}",
        "\\s?[a-z.]{1,5}\\s?",
        "[a-zA-Zßıſ\u{212a}]{1,4}"
    ];
    let whole = prop_oneof![3 => v4, 3 => v6, 4 => name, 2 => any_text].boxed();
    prop_oneof![
        6 => whole.clone(),
        // One character of a valid one is another, is gone, or is there twice.
        3 => (whole.clone(), any::<prop::sample::Index>(), "[a-fA-F0-9.:%*_ -]{0,2}").prop_map(|(text, index, other)| {
            let mut characters: Vec<_> = text.chars().map(String::from).collect();
            if !characters.is_empty() {
                let index = index.index(characters.len());
                characters[index] = other;
            }
            characters.concat()
        }),
        1 => (whole, select(&["", ":6443", "/24", "%lo", ".", "\n", "\0", ",b", "]"][..]), select(&["", "[", "DNS:", "IP:", "https://", ".", " "][..]))
            .prop_map(|(text, after, before)| format!("{before}{text}{after}")),
    ]
}

#[test]
fn sans_are_those_of_pythons_ipaddress_and_kubernetes_and_stricter_only_where_it_is_listed() {
    if peer("python").is_none() {
        return;
    }
    let texts = examples(texts(), 20_000);
    let answer = script("names.py", &json!({"names": texts, "durations": []})).unwrap();
    let theirs: Vec<Option<Theirs>> = serde_json::from_value(answer["names"].clone()).unwrap();
    assert_eq!(theirs.len(), texts.len());
    let mut stricter: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut addresses, mut names) = (0, 0);
    for (text, theirs) in texts.iter().zip(&theirs) {
        let ours = parse_san(text);
        match (&ours, theirs) {
            (Err(_), None) => {}
            (Ok(San::Ip(ours)), Some(Theirs::Address(theirs, special))) => {
                assert_eq!(octets(*ours), *theirs, "{text:?}");
                assert!(
                    special.is_empty(),
                    "{text:?} is taken for {ours}, and is {special:?}"
                );
                addresses += 1;
            }
            (Ok(San::Dns(ours)), Some(Theirs::Name)) => {
                assert_eq!(*ours, text.to_ascii_lowercase(), "{text:?}");
                assert_eq!(reason(text), None, "{text:?} is taken for {ours}");
                names += 1;
            }
            (Err(message), Some(theirs)) => {
                let reasons = match theirs {
                    Theirs::Address(_, special) => special.iter().map(String::as_str).collect(),
                    Theirs::Name => Vec::from_iter(reason(text)),
                };
                let listed = STRICTER.into_iter().find(|reason| reasons.contains(reason));
                let listed = listed.unwrap_or_else(|| {
                    panic!("{text:?} is {theirs:?} to others, and not to us: {message}")
                });
                *stricter.entry(listed).or_default() += 1;
            }
            (Ok(ours), theirs) => panic!("{text:?} is {ours:?} to us, and {theirs:?} to others"),
        }
    }
    // Each kind of text occurred.
    assert_eq!(
        stricter.keys().copied().collect::<Vec<_>>(),
        sorted(STRICTER),
        "{stricter:?}"
    );
    assert!(
        addresses > 1000 && names > 1000,
        "{addresses} addresses, {names} names"
    );
}

/// Returns why `pki` refuses a name that Kubernetes accepts.
fn reason(text: &str) -> Option<&'static str> {
    let labels: Vec<_> = text.split('.').collect();
    if labels.iter().any(|label| label.len() > 63) {
        return Some("a label of more than 63 characters");
    }
    let last = labels.last()?.to_ascii_lowercase();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let has_suffix = labels.len() == 4
        && labels[..3].iter().all(|label| digits(label))
        && last.strip_suffix('l').is_some_and(digits);
    if is_hexadecimal || has_suffix {
        return Some("a number in hexadecimal or with an L, as C reads addresses");
    }
    digits(&last).then_some("a number as the last label")
}

fn octets(address: IpAddr) -> String {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn sorted<const N: usize>(mut items: [&str; N]) -> Vec<&str> {
    items.sort_unstable();
    items.to_vec()
}

/// Why a duration is refused that Go would take, had it days: the whole list.
const STRICTER_DURATIONS: [&str; 2] = ["a negative sign", "more than 100 years"];

fn durations() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        6 => (0u32..100_000).prop_map(|n| n.to_string()),
        3 => "[0-9]{0,4}\\.[0-9]{0,12}",
        1 => "[0-9]{5,25}|0{1,5}[0-9]{1,3}|",
    ];
    let unit = prop_oneof![
        8 => select(&["d", "h", "m", "s"][..]),
        1 => select(&["ns", "us", "µs", "μs", "ms"][..]),
        1 => select(&["y", "w", "H", "M", "", " ", "e3h", "hh", "min"][..]),
    ];
    let parts = vec((number, unit), 1..5).prop_map(|parts| -> String {
        parts
            .into_iter()
            .map(|(number, unit)| number + unit)
            .collect()
    });
    prop_oneof![
        8 => parts.clone(),
        1 => (select(&["-", "+", " ", "--"][..]), parts.clone()).prop_map(|(sign, parts)| format!("{sign}{parts}")),
        1 => "[0-9dhms. ]{0,6}|\\PC{0,5}|-?0|inf|1e3h|0x1Fh",
    ]
}

#[test]
fn durations_are_gos_with_days_and_stricter_only_where_it_is_listed() {
    if peer("python").is_none() {
        return;
    }
    let texts = examples(durations(), 10_000);
    let answer = script("names.py", &json!({"names": [], "durations": texts})).unwrap();
    /// Nanoseconds as decimal text, for those that Go's grammar takes.
    type Nanoseconds = Option<String>;
    let theirs: Vec<Nanoseconds> = serde_json::from_value(answer["durations"].clone()).unwrap();
    assert_eq!(theirs.len(), texts.len());
    let hundred_years = Duration::from_secs(36_525 * 86_400).as_nanos();
    let mut stricter: BTreeMap<&str, usize> = BTreeMap::new();
    let mut read = 0;
    for (text, theirs) in texts.iter().zip(&theirs) {
        match (duration::parse(text), theirs) {
            (Err(_), None) => {}
            (Ok(ours), Some(theirs)) => {
                assert_eq!(ours.as_nanos().to_string(), *theirs, "{text:?}");
                read += 1;
            }
            (Err(message), Some(theirs)) => {
                let reason = if text.starts_with('-') {
                    "a negative sign"
                } else if theirs.len() > 25 || theirs.parse::<u128>().unwrap() > hundred_years {
                    "more than 100 years"
                } else {
                    panic!("{text:?} is {theirs} ns to others, and not to us: {message}")
                };
                // A message that says something else is as wrong as none.
                let is_said = match reason {
                    "a negative sign" => message.contains("is negative"),
                    _ => message.contains("longer than 100 years"),
                };
                assert!(is_said, "{text:?}: {message}");
                *stricter.entry(reason).or_default() += 1;
            }
            (Ok(ours), None) => panic!("{text:?} is {ours:?} to us, and nothing to others"),
        }
    }
    assert_eq!(
        stricter.keys().copied().collect::<Vec<_>>(),
        sorted(STRICTER_DURATIONS),
        "{stricter:?}"
    );
    assert!(read > 1000, "{read} were read");
}

//! Configurations: what is written is read back, here and by others.

use pki::config::{self, Cluster, Host};
use proptest::prelude::*;
use serde_json::json;

use super::{
    cases, examples,
    settings::{resolve, settings},
};
use crate::{
    mutations::configurations::{difference, facts, read_again},
    support::peer,
};

const ALGORITHMS: &[&str] = &[
    "RSA-2048",
    "RSA-3072",
    "RSA-4096",
    "ECDSA-P256",
    "ECDSA-P384",
];

/// Returns the cluster that a text describes, on this host.
fn read(text: &str, host: &Host) -> Cluster {
    let settings = config::read("test", text.as_bytes()).unwrap().settings;
    Cluster::resolve(settings, host).unwrap().cluster
}

proptest! {
    #![proptest_config(cases(400))]

    /// Wherever it is read: nothing is left open for a host to fill in.
    #[test]
    fn what_was_resolved_is_read_back_on_any_host(
        settings in settings(ALGORITHMS),
        name in proptest::option::of("\\PC{0,10}"),
        address in any::<Option<std::net::IpAddr>>(),
    ) {
        let cluster = resolve(settings);
        let text = cluster.to_yaml();
        let host = Host { node_name: name, addresses: address.into_iter().collect() };
        prop_assert_eq!(&read(&text, &host), &cluster, "{}", text);
        prop_assert_eq!(read(&text, &host).to_yaml(), text, "written again, it is the same text");
    }

    /// What `kubectl get -o json` prints has all but the node's own settings, which come from the host.
    #[test]
    fn a_config_map_says_the_same_as_the_document_in_it(settings in settings(ALGORITHMS), line_ends in any::<bool>()) {
        let cluster = resolve(settings);
        let text = cluster.to_yaml();
        let (_, document) = text.split_once("---\n").unwrap();
        let document = if line_ends { document.replace('\n', "\r\n") } else { document.to_owned() };
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"ClusterConfiguration": document}});
        let host = Host {
            node_name: Some(cluster.node_name.clone()),
            addresses: vec![cluster.advertise_address],
        };
        let read = read(&map.to_string(), &host);
        // An endpoint is written with its port, so only this one is lost.
        let expected = Cluster { bind_port: 6443, ..cluster };
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn others_read_what_is_written_as_it_was_meant() {
    if peer("python").is_none() {
        return;
    }
    let clusters: Vec<_> = examples(settings(ALGORITHMS), 600)
        .into_iter()
        .map(resolve)
        .collect();
    let texts: Vec<_> = clusters.iter().map(Cluster::to_yaml).collect();
    let again = read_again(texts.iter().map(String::as_str)).unwrap();
    for ((cluster, text), theirs) in clusters.iter().zip(&texts).zip(&again) {
        let ours = facts(cluster);
        assert!(ours == *theirs, "{}\n{text}", difference(&ours, theirs));
    }
}

//! Names and addresses in all fields of the configuration and all flags.
//!
//! A row is a name as a JSON string, and the message.

mod tables;

use pki::util::escape::quote;
use tables::{
    ENDPOINTS, FLAGS, NAMES, NO_ADVERTISE_ADDRESSES, NO_CLUSTER_NAMES, NO_DOMAINS, NO_ENDPOINTS,
    NO_HOSTS, NO_NAMES, NO_NODES,
};

use super::config::{NAMED, accepted, cluster, init, refused};
use super::table::{Bench, Ends, Row, errors, rows, words};

/// Returns a row's name, and the same as a scalar of YAML.
fn name(json: &str) -> (String, String) {
    (serde_json::from_str(json).unwrap(), json.to_owned())
}

/// Returns a row for `init` with this flag, and the host's name and address unless it is one of them.
fn flag(argument: String, says: Vec<String>, ends: Ends) -> Row {
    let mut arguments = words("init");
    if matches!(ends, Ends::Accepted(_)) {
        arguments.push("--dry-run".to_owned());
    }
    for given in [
        "--node-name=cp-1",
        "--apiserver-advertise-address=192.0.2.11",
    ] {
        let (name, _) = given.split_once('=').unwrap();
        if !argument.starts_with(name) {
            arguments.push(given.to_owned());
        }
    }
    arguments.push(argument);
    Row {
        file: None,
        input: String::new(),
        arguments,
        says,
        ends,
    }
}

/// Returns whether a flag can hold it as one name: the shell's strings have no NUL, and a comma separates names.
fn fits_a_flag(name: &str) -> bool {
    !name.contains(['\0', ','])
}

#[test]
fn invalid_names_are_refused_in_every_list() {
    let mut bench = Bench::new();
    let no_names = rows(NO_NAMES).map(|(json, reason)| {
        (
            json,
            format!(" is neither an IP address nor a DNS name: {reason}"),
        )
    });
    let no_hosts = rows(NO_HOSTS).map(|(json, kind)| (json, format!(" is {kind}")));
    for (json, reason) in no_names.chain(no_hosts) {
        let (name, yaml) = name(&json);
        let problem = format!("{}{reason}", quote(&name));
        let file = cluster(&format!(
            "apiServer: {{certSANs: [{yaml}]}}\netcd: {{local: {{serverCertSANs: [a, {yaml}], peerCertSANs: [{yaml}]}}}}"
        ));
        let problems = [
            format!("cluster.yaml:3: apiServer.certSANs[0]: {problem}"),
            format!("cluster.yaml:4: etcd.local.serverCertSANs[1]: {problem}"),
            format!("cluster.yaml:4: etcd.local.peerCertSANs[0]: {problem}"),
        ];
        bench.row(
            &json,
            &refused(file, &problems.each_ref().map(String::as_str)),
        );
        if fits_a_flag(&name) {
            let says = errors(&[&format!("--apiserver-cert-extra-sans: {problem}")]);
            bench.row(
                &json,
                &flag(
                    format!("--apiserver-cert-extra-sans={name}"),
                    says,
                    Ends::Refused,
                ),
            );
        }
    }
    bench.assert_kept(201);
}

#[test]
fn names_are_refused_by_their_length() {
    let mut bench = Bench::new();
    let label = "a".repeat(63);
    let long = [&label, &label, &label, &"a".repeat(61)]
        .map(String::as_str)
        .join(".");
    assert_eq!(long.len(), 253);
    let shown = |name: &str| format!("`{}…`", &name[..80]);
    let many = "a".repeat(300);
    for (name, problem) in [
        (
            format!("{long}a"),
            "it has 254 characters, at most 253 are allowed".to_owned(),
        ),
        (
            format!("*.{long}"),
            "it has 253 characters, at most 251 are allowed".to_owned(),
        ),
        (
            many,
            "it has 300 characters, at most 253 are allowed".to_owned(),
        ),
        (
            format!("{label}a.{label}"),
            format!("its label `{label}a` has 64 characters, at most 63 are allowed"),
        ),
    ] {
        let problem = format!(
            "{} is neither an IP address nor a DNS name: {problem}",
            shown(&name)
        );
        let file = cluster(&format!("apiServer: {{certSANs: ['{name}']}}"));
        bench.row(
            &problem,
            &refused(
                file,
                &[&format!("cluster.yaml:3: apiServer.certSANs[0]: {problem}")],
            ),
        );
        let says = errors(&[&format!("--apiserver-cert-extra-sans: {problem}")]);
        bench.row(
            &problem,
            &flag(
                format!("--apiserver-cert-extra-sans={name}"),
                says,
                Ends::Refused,
            ),
        );
    }
    let name = format!("{label}a");
    let problem =
        format!("is not a node name: its label `{name}` has 64 characters, at most 63 are allowed");
    let file = init(&format!("nodeRegistration: {{name: {name}}}"));
    bench.row(
        "nodeRegistration.name",
        &refused(
            file,
            &[&format!(
                "cluster.yaml:3: nodeRegistration.name: `{name}` {problem}"
            )],
        ),
    );
    let domain = &long[..231];
    let problem = format!(
        "{} is not a DNS domain: it has 231 characters, at most 230 are allowed",
        shown(domain)
    );
    let file = cluster(&format!("networking: {{dnsDomain: {domain}}}"));
    bench.row(
        "domain",
        &refused(
            file,
            &[&format!("cluster.yaml:3: networking.dnsDomain: {problem}")],
        ),
    );
    for (name, file, prints) in [
        (
            "253 characters",
            cluster(&format!("apiServer: {{certSANs: [{long}]}}")),
            format!("DNS:{long}, "),
        ),
        (
            "a wildcard of 253",
            cluster(&format!("apiServer: {{certSANs: ['*.{}']}}", &long[2..])),
            format!("DNS:*.{}, ", &long[2..]),
        ),
        (
            "a label of 63",
            cluster(&format!("apiServer: {{certSANs: [{label}]}}")),
            format!("DNS:{label}, "),
        ),
        (
            "a node name of 52",
            init(&format!("nodeRegistration: {{name: {}}}", "a".repeat(52))),
            format!("CN=system:node:{},", "a".repeat(52)),
        ),
        (
            "a domain of 230",
            cluster(&format!("networking: {{dnsDomain: {}}}", &long[..230])),
            format!("DNS:kubernetes.default.svc.{}, ", &long[..230]),
        ),
    ] {
        bench.row(name, &accepted(file, &[], &[&prints]));
    }
    let names: Vec<_> = (0..1000).map(|n| format!("host-{n}.example")).collect();
    let argument = format!("--apiserver-cert-extra-sans={}", names.join(","));
    bench.row(
        "1000 names",
        &flag(
            argument,
            vec![],
            Ends::Accepted(vec!["DNS:host-999.example, ".to_owned()]),
        ),
    );
    bench.assert_kept(16);
}

#[test]
fn valid_names_are_accepted_in_every_list() {
    let mut bench = Bench::new();
    for (json, san) in rows(NAMES) {
        let (name, yaml) = name(&json);
        let file = cluster(&format!(
            "apiServer: {{certSANs: [{yaml}]}}\netcd: {{local: {{serverCertSANs: [{yaml}], peerCertSANs: [{yaml}]}}}}"
        ));
        bench.row(&json, &accepted(file, &[], &[&san]));
        bench.row(
            &json,
            &flag(
                format!("--apiserver-cert-extra-sans={name}"),
                vec![],
                Ends::Accepted(vec![san]),
            ),
        );
    }
    bench.assert_kept(32);
}

#[test]
fn node_names_follow_the_rules_of_kubernetes() {
    let mut bench = Bench::new();
    for (json, reason) in rows(NO_NODES) {
        let (name, yaml) = name(&json);
        let problem = format!("{} is not a node name: {reason}", quote(&name));
        bench.row(
            &json,
            &refused(
                init(&format!("nodeRegistration: {{name: {yaml}}}")),
                &[&format!("cluster.yaml:3: nodeRegistration.name: {problem}")],
            ),
        );
        let says = errors(&[&format!("--node-name: {problem}")]);
        bench.row(
            &json,
            &flag(format!("--node-name={name}"), says, Ends::Refused),
        );
    }
    for (typed, prints) in [
        ("CP-1", "CN=system:node:cp-1,"),
        (" cp-1 ", "CN=system:node:cp-1,"),
        ("a.b.c", "CN=system:node:a.b.c,"),
        ("1a", "CN=system:node:1a,"),
    ] {
        bench.row(
            typed,
            &accepted(
                init(&format!("nodeRegistration: {{name: '{typed}'}}")),
                &[],
                &[prints],
            ),
        );
        bench.row(
            typed,
            &flag(
                format!("--node-name={typed}"),
                vec![],
                Ends::Accepted(vec![prints.to_owned()]),
            ),
        );
    }
    bench.assert_kept(76);
}

#[test]
fn domains_leave_room_for_service_names() {
    let mut bench = Bench::new();
    for (json, reason) in rows(NO_DOMAINS) {
        let (name, yaml) = name(&json);
        let problem = format!("{} is not a DNS domain: {reason}", quote(&name));
        bench.row(
            &json,
            &refused(
                cluster(&format!("networking: {{dnsDomain: {yaml}}}")),
                &[&format!("cluster.yaml:3: networking.dnsDomain: {problem}")],
            ),
        );
        let says = errors(&[&format!("--service-dns-domain: {problem}")]);
        bench.row(
            &json,
            &flag(format!("--service-dns-domain={name}"), says, Ends::Refused),
        );
    }
    bench.assert_kept(38);
}

#[test]
fn endpoints_are_a_host_with_an_optional_port() {
    let mut bench = Bench::new();
    for (json, problem) in rows(NO_ENDPOINTS) {
        let (name, yaml) = name(&json);
        bench.row(
            &json,
            &refused(
                cluster(&format!("controlPlaneEndpoint: {yaml}")),
                &[&format!("cluster.yaml:3: controlPlaneEndpoint: {problem}")],
            ),
        );
        let says = errors(&[&format!("--control-plane-endpoint: {problem}")]);
        bench.row(
            &json,
            &flag(
                format!("--control-plane-endpoint={name}"),
                says,
                Ends::Refused,
            ),
        );
    }
    for (json, server) in rows(ENDPOINTS) {
        let (name, yaml) = name(&json);
        let server = format!("    server: {server}\n");
        bench.row(
            &json,
            &accepted(
                cluster(&format!("controlPlaneEndpoint: {yaml}")),
                &[],
                &[&server],
            ),
        );
        bench.row(
            &json,
            &flag(
                format!("--control-plane-endpoint={name}"),
                vec![],
                Ends::Accepted(vec![server]),
            ),
        );
    }
    bench.assert_kept(118);
}

#[test]
fn advertise_addresses_belong_to_one_host() {
    let mut bench = Bench::new();
    for (json, problem) in rows(NO_ADVERTISE_ADDRESSES) {
        let (name, yaml) = name(&json);
        bench.row(
            &json,
            &refused(
                init(&format!("localAPIEndpoint: {{advertiseAddress: {yaml}}}")),
                &[&format!(
                    "cluster.yaml:3: localAPIEndpoint.advertiseAddress: {problem}"
                )],
            ),
        );
        let says = errors(&[&format!("--apiserver-advertise-address: {problem}")]);
        bench.row(
            &json,
            &flag(
                format!("--apiserver-advertise-address={name}"),
                says,
                Ends::Refused,
            ),
        );
    }
    let loopback = "cluster.yaml:3: localAPIEndpoint.advertiseAddress: `127.0.0.1` is a loopback address, which no other host can reach";
    for (address, says, prints) in [
        ("192.0.2.9", &[][..], "https://192.0.2.9:6443"),
        ("'::ffff:192.0.2.9'", &[], "https://192.0.2.9:6443"),
        ("127.0.0.1", &[loopback], "https://127.0.0.1:6443"),
    ] {
        bench.row(
            address,
            &accepted(
                init(&format!(
                    "localAPIEndpoint: {{advertiseAddress: {address}}}"
                )),
                says,
                &[prints],
            ),
        );
    }
    bench.assert_kept(51);
}

#[test]
fn cluster_names_are_any_visible_text() {
    let mut bench = Bench::new();
    for (json, reason) in rows(NO_CLUSTER_NAMES) {
        let (name, yaml) = name(&json);
        let problem = format!("{} {reason}", quote(&name));
        bench.row(
            &json,
            &refused(
                cluster(&format!("clusterName: {yaml}")),
                &[&format!("cluster.yaml:3: clusterName: {problem}")],
            ),
        );
        let says = errors(&[&format!("--cluster-name: {problem}")]);
        bench.row(
            &json,
            &flag(format!("--cluster-name={name}"), says, Ends::Refused),
        );
    }
    for name in ["Prod EU", "a@b", "a/b", "zoë", "名前", "-", "'"] {
        bench.row(
            name,
            &accepted(cluster(&format!("clusterName: \"{name}\"")), &[], &[NAMED]),
        );
        bench.row(
            name,
            &flag(
                format!("--cluster-name={name}"),
                vec![],
                Ends::Accepted(vec![NAMED.to_owned()]),
            ),
        );
    }
    bench.assert_kept(32);
}

#[test]
fn messages_name_the_flag() {
    let mut bench = Bench::new();
    for (argument, problem) in rows(FLAGS) {
        let (name, _) = argument.split_once('=').unwrap();
        let says = errors(&[&format!("{name}: {problem}")]);
        bench.row(&argument, &flag(argument.clone(), says, Ends::Refused));
    }
    // All problems are reported together in the order of the checks, those of the file last.
    let mut row = refused(
        cluster("clusterName: \"a\\u0007\"\napiServer: {certSANs: [a_b]}"),
        &[
            "--node-name: `CP_1` is not a node name: `_` is not allowed",
            "--service-cidr: `x` is not a network; want address and prefix length, such as `10.96.0.0/12`",
            "cluster.yaml:3: clusterName: `a\\u{7}` has control characters",
            "cluster.yaml:4: apiServer.certSANs[0]: `a_b` is neither an IP address nor a DNS name: `_` is not allowed",
        ],
    );
    row.arguments
        .extend(words("--node-name CP_1 --service-cidr x"));
    bench.row("flags and file", &row);
    // A flag overrides its field, so a wrong value in the field does not matter.
    let mut row = accepted(
        init("nodeRegistration: {name: CP_1}"),
        &[],
        &["CN=system:node:cp-9,"],
    );
    row.arguments.extend(words("--node-name cp-9"));
    bench.row("a flag over a field", &row);
    bench.assert_kept(29);
}

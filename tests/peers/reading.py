"""Reads kubeadm's configuration once more: what each text says, with kubeadm's defaults.

Parses with libyaml, of which the parser of kubeadm and kubectl is a port, and shares no code or rule with what it judges.
What is not a cluster's description is not judged here: the texts have been accepted.

Input: {"host": {"name", "address"}, "texts"}. Output: a list with one object for each text: its facts, or {"error"}.
"""

import ipaddress
import json
import re
import sys
from fractions import Fraction

import yaml

GROUP = "kubeadm.k8s.io/"
NULLS = {"", "~", "null", "Null", "NULL"}
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": Fraction(1, 10**3), "us": Fraction(1, 10**6), "µs": Fraction(1, 10**6), "μs": Fraction(1, 10**6), "ns": Fraction(1, 10**9)}


class Unreadable(Exception):
    pass


def plain(node):
    """Returns a node as dicts, lists, texts and None; no scalar is taken for a number."""
    if isinstance(node, yaml.ScalarNode):
        return None if node.style is None and node.value in NULLS else node.value
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    fields = {}
    for key, value in node.value:
        if plain(key) in fields:
            raise Unreadable(f"{key.value} is there twice")
        fields[plain(key)] = plain(value)
    return fields


def documents(text):
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise Unreadable(" ".join(str(error).split())) from None
    return [plain(node) for node in nodes if node is not None]


def configurations(text):
    """Returns the fields of InitConfiguration and ClusterConfiguration, and whether the latter is older than v1beta4."""
    init, cluster, old = {}, {}, False
    for document in documents(text):
        if not isinstance(document, dict):
            continue
        version, kind = document.get("apiVersion"), document.get("kind")
        if (version, kind) == ("v1", "ConfigMap"):
            return configurations(document["data"]["ClusterConfiguration"])
        if not str(version).startswith(GROUP):
            continue
        if kind == "InitConfiguration":
            init = document
        elif kind == "ClusterConfiguration":
            cluster, old = document, not version.endswith("v1beta4")
    return init, cluster, old


def field(fields, *path):
    for name in path:
        fields = (fields or {}).get(name)
    return fields or None


def nanoseconds(text, hours):
    if text is None:
        return str(hours * 3600 * 10**9)
    text = text.removeprefix("+")
    parts = re.findall(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|[dhms])", text)
    if "".join(number + unit for number, unit in parts) != text:
        raise Unreadable(f"{text!r} is no duration")
    return str(int(sum(Fraction(number) * UNITS[unit] for number, unit in parts) * 10**9))


def address(text):
    found = ipaddress.ip_address(text)
    return str(getattr(found, "ipv4_mapped", None) or found)


def san(text):
    try:
        return "IP:" + address(text)
    except ValueError:
        return "DNS:" + text.lower()


def endpoint(text, port):
    if text is None:
        return None
    host = text
    if text.startswith("["):
        host, port = text[1:].split("]:")
    elif text.count(":") == 1:
        host, port = text.split(":")
    name = san(host)
    return [name, name[4:] if name.startswith("DNS:") else host, int(port)]


def advertised(text, host):
    text = text or "0.0.0.0"
    return address(host["address"] if ipaddress.ip_address(text).is_unspecified else text)


def etcd(fields, old):
    if fields is None:
        return None
    return {
        "endpoints": field(fields, "endpoints") or [],
        "httpEndpoints": (not old and field(fields, "httpEndpoints")) or [],
        "files": [field(fields, name) for name in ("caFile", "certFile", "keyFile")],
    }


def network(text):
    """kubeadm takes leading zeros, and reads decimal numbers."""
    octets = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)\.(\d+)(/.*)", text)
    return str(ipaddress.ip_network(".".join(str(int(o)) for o in octets.groups()[:4]) + octets[5] if octets else text, strict=False))


def facts(text, host):
    init, cluster, old = configurations(text)
    new = {} if old else cluster
    port = int(field(init, "localAPIEndpoint", "bindPort") or 0) or 6443
    subnets = field(cluster, "networking", "serviceSubnet") or "10.96.0.0/12"
    gate = BOOLEANS.get(field(cluster, "featureGates", "PublicKeysECDSA"))
    sans = {
        "apiserverSans": field(cluster, "apiServer", "certSANs"),
        "etcdServerSans": field(cluster, "etcd", "local", "serverCertSANs"),
        "etcdPeerSans": field(cluster, "etcd", "local", "peerCertSANs"),
    }
    return {
        "clusterName": field(cluster, "clusterName") or "kubernetes",
        "nodeName": (field(init, "nodeRegistration", "name") or host["name"]).strip().lower(),
        "advertiseAddress": advertised(field(init, "localAPIEndpoint", "advertiseAddress"), host),
        "bindPort": port,
        "endpoint": endpoint(field(cluster, "controlPlaneEndpoint"), port),
        "serviceSubnets": [network(subnet) for subnet in subnets.split(",")],
        "dnsDomain": (field(cluster, "networking", "dnsDomain") or "cluster.local").lower(),
        **{name: [san(item) for item in items or []] for name, items in sans.items()},
        "externalEtcd": etcd(field(cluster, "etcd", "external"), old),
        "algorithm": {True: "ECDSA-P256", False: "RSA-2048"}.get(gate) or (field(new, "encryptionAlgorithm") or "").upper() or None,
        "validity": nanoseconds(field(new, "certificateValidityPeriod"), 8760),
        "caValidity": nanoseconds(field(new, "caCertificateValidityPeriod"), 87600),
        "certificatesDir": field(cluster, "certificatesDir") or "/etc/kubernetes/pki",
    }


def judged(text, host):
    try:
        return facts(text, host)
    except (Unreadable, ValueError, KeyError, AttributeError, TypeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


request = json.load(sys.stdin)
json.dump([judged(text, request["host"]) for text in request["texts"]], sys.stdout)

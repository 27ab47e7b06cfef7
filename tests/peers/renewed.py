"""Judges trees in which everything was renewed, by the CAs and certificates of the tree they come from.

Every leaf and every client of a kubeconfig verifies under the old tree's CA with the package cryptography, belongs to its key, and
says what the old one says, under another serial number. The CAs are the old ones.

Input: {"original": folder, "trees": [folder, ...]}, each with what lies below /etc/kubernetes.
Output: a list with what is wrong with each tree. No message holds a byte of any file.
"""

import base64
import json
import sys
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store

CAS = {"ca": "ca", "front-proxy-ca": "front-proxy-ca", "etcd": "etcd/ca"}
LEAVES = {
    "apiserver": ("ca", "kubernetes.default.svc"),
    "apiserver-kubelet-client": ("ca", None),
    "front-proxy-client": ("front-proxy-ca", None),
    "etcd/server": ("etcd", "localhost"),
    "etcd/peer": ("etcd", "localhost"),
    "etcd/healthcheck-client": ("etcd", None),
    "apiserver-etcd-client": ("etcd", None),
}
KUBECONFIGS = ["admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf"]
OF_THE_KEY = {x509.SubjectKeyIdentifier.oid}


def certificate(data):
    [one] = x509.load_pem_x509_certificates(data)
    return one


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def said(leaf):
    extensions = [
        (extension.oid.dotted_string, extension.critical, extension.value.public_bytes())
        for extension in leaf.extensions
        if extension.oid not in OF_THE_KEY
    ]
    return leaf.issuer.public_bytes(), leaf.subject.public_bytes(), leaf.signature_algorithm_oid, sorted(extensions)


def kubeconfig(path):
    document = yaml.load(path.read_bytes(), yaml.CSafeLoader)
    [cluster], [user] = document["clusters"], document["users"]
    fields = (
        cluster["cluster"]["certificate-authority-data"],
        user["user"]["client-certificate-data"],
        user["user"]["client-key-data"],
    )
    return [base64.b64decode(field, validate=True) for field in fields]


def pairs(folder):
    """Yields name, CA, name to be served under, certificate and key of everything that is renewed."""
    for base, (ca, host) in LEAVES.items():
        path = folder / "pki" / base
        yield base, ca, host, path.with_name(path.name + ".crt").read_bytes(), path.with_name(path.name + ".key").read_bytes()
    for name in KUBECONFIGS:
        _, crt, key = kubeconfig(folder / name)
        yield name, "ca", None, crt, key


def judge(folder, original, old):
    for ca in CAS.values():
        if not is_same_pair(folder / "pki" / ca, original / "pki" / ca):
            yield f"{ca} is another one"
    authority = (original / "pki/ca.crt").read_bytes()
    for name in KUBECONFIGS:
        if certificate(kubeconfig(folder / name)[0]) != certificate(authority):
            yield f"{name} trusts another CA"
    for name, ca, host, crt, key in pairs(folder):
        leaf = certificate(crt)
        if spki(leaf.public_key()) != spki(serialization.load_pem_private_key(key, None).public_key()):
            yield f"{name} has another one's key"
        store = Store([certificate((original / "pki" / f"{CAS[ca]}.crt").read_bytes())])
        if host:
            PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host)).verify(leaf, [])
        else:
            policies = {"ca_policy": ExtensionPolicy.webpki_defaults_ca(), "ee_policy": ExtensionPolicy.permit_all()}
            PolicyBuilder().store(store).extension_policies(**policies).build_client_verifier().verify(leaf, [])
        if said(leaf) != said(old[name]):
            yield f"{name} says something else than before"
        if leaf.serial_number == old[name].serial_number:
            yield f"{name} is the old one"


def is_same_pair(one, other):
    certificates = [certificate(path.with_name(path.name + ".crt").read_bytes()) for path in (one, other)]
    keys = [path.with_name(path.name + ".key").read_bytes() for path in (one, other)]
    publics = [spki(serialization.load_pem_private_key(key, None).public_key()) for key in keys]
    return certificates[0] == certificates[1] and publics[0] == publics[1]


def judged(folder, original, old):
    problems = []
    try:
        problems.extend(judge(folder, original, old))
    except Exception as error:
        # Its text may quote a file.
        problems.append(f"the judge gave up with {type(error).__name__}")
    return problems


request = json.load(sys.stdin)
original = Path(request["original"])
old = {name: certificate(crt) for name, _, _, crt, _ in pairs(original)}
json.dump([judged(Path(folder), original, old) for folder in request["trees"]], sys.stdout)

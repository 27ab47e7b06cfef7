"""Verifies certificates with the x509.verification of the Python package cryptography.

Input: a JSON list of rows {name, certificate, ca, other_ca, client, server_names}. Every row is verified under `ca` for
what it is good for, and must be refused under `other_ca`, for a wrong name, and for what it is not good for.
Output: one line a verdict that was not the expected one, then "N accepted, N refused".
"""

import ipaddress
import json
import sys

from cryptography import x509
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

count = {"accepted": 0, "refused": 0}
wrong = 0


def load(path):
    with open(path, "rb") as file:
        return x509.load_pem_x509_certificate(file.read())


def server(certificate, ca, name):
    try:
        subject = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        subject = x509.DNSName(name)
    PolicyBuilder().store(Store([ca])).build_server_verifier(subject).verify(certificate, [])


def client(certificate, ca):
    # The clients of Kubernetes have no alternative name, which the default policy for leaves demands. The policy that
    # permits everything does not look at the usage, so this does.
    verifier = (
        PolicyBuilder()
        .store(Store([ca]))
        .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    verifier.verify(certificate, [])
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if x509.ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
        raise VerificationError("no clientAuth among the extended key usages")


def expect(verdict, what, verify, *arguments):
    global wrong
    try:
        verify(*arguments)
        actual, reason = "accepted", ""
    except VerificationError as error:
        actual, reason = "refused", f": {error}"
    if actual == verdict:
        count[actual] += 1
    else:
        wrong += 1
        print(f"{what}: {actual}{reason}")


for row in json.load(sys.stdin):
    name, certificate, ca, other_ca = row["name"], load(row["certificate"]), load(row["ca"]), load(row["other_ca"])
    for host in row["server_names"]:
        expect("accepted", f"{name} as server {host}", server, certificate, ca, host)
        expect("refused", f"{name} as server {host} under another CA", server, certificate, other_ca, host)
    if row["server_names"]:
        expect("refused", f"{name} as another server", server, certificate, ca, "api.example.org")
        expect("refused", f"{name} as another address", server, certificate, ca, "192.0.2.12")
    expect("accepted" if row["client"] else "refused", f"{name} as client", client, certificate, ca)
    expect("refused", f"{name} as client under another CA", client, certificate, other_ca)

print(f"{count['accepted']} accepted, {count['refused']} refused")
sys.exit(1 if wrong else 0)

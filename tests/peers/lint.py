"""Lints certificates by RFC 5280 with pkilint.

Input: a JSON object of name to PEM file. Output: a JSON list of [name, severity, code, offending value] for everything
of at least the severity WARNING.
"""

import json
import sys

from pkilint import loader
from pkilint.pkix import certificate, extension, name
from pkilint.validation import ValidationFindingSeverity

# As pkilint's own lint_pkix_cert puts it together.
LINTER = certificate.create_pkix_certificate_validator_container(
    certificate.create_decoding_validators(name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS),
    [
        certificate.create_issuer_validator_container([]),
        certificate.create_validity_validator_container(),
        certificate.create_subject_validator_container([]),
        certificate.create_extensions_validator_container([]),
        certificate.create_spki_validator_container([]),
    ],
)


def lint(label, path):
    with open(path) as file:
        document = loader.load_pem_certificate(file.read(), label)
    for result in LINTER.validate(document.root):
        for description in result.finding_descriptions:
            finding = description.finding
            # A smaller number is more severe.
            if finding.severity <= ValidationFindingSeverity.WARNING:
                value = str(result.node.pdu) if result.node.name == "dNSName" else result.node.name
                yield [label, finding.severity.name, finding.code, value]


findings = [finding for label, path in json.load(sys.stdin).items() for finding in lint(label, path)]
json.dump(findings, sys.stdout)

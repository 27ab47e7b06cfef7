"""Compares kubeconfigs as others read them: PyYAML, and Kubernetes, whose YAML takes other plain scalars for numbers.

Input: a list of rows. {"same": [before, after]}: the two say the same; scheme and host of a server may differ in case, and what
is in the fields that hold PEM is compared elsewhere. {"renewed": [before, after]}: they differ in the client certificate and
key of the current user and the CA data of the current cluster, and in nothing else, types and order of fields included.
Output: a list of {"pyyaml", "kubernetes"}, what is wrong with the row to either, or null. No message holds a value.
"""

import json
import re
import sys
from urllib.parse import urlsplit

import yaml

MAY_CHANGE = {
    "user": {"client-certificate-data", "client-key-data"},
    "cluster": {"certificate-authority-data"},
}
PEM = set.union(*MAY_CHANGE.values())


class Kubernetes(yaml.CSafeLoader):
    """Resolves plain scalars as `resolve` in sigs.k8s.io/yaml/goyaml.v2 does."""

    yaml_implicit_resolvers = {None: [("!plain", re.compile(""))]}

    WORDS = {
        **dict.fromkeys("y Y yes Yes YES true True TRUE on On ON".split(), True),
        **dict.fromkeys("n N no No NO false False FALSE off Off OFF".split(), False),
        **dict.fromkeys(["", "~", "null", "Null", "NULL"]),
    }
    FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
    # Go's base 0: a zero in front is enough to make it octal.
    INTEGER = re.compile(r"([-+]?)(?:(0[xX][0-9a-fA-F]+)|(0[bB][01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")

    def plain(self, node):
        text = node.value
        if text in self.WORDS:
            return self.WORDS[text]
        if re.fullmatch(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", text):
            return float(text.lower().replace(".", ""))
        if not re.match("[-+.0-9]", text):
            return text
        number = text if text.startswith(".") else text.replace("_", "")
        found = self.INTEGER.fullmatch(number)
        if found:
            sign, hexadecimal, binary, octal, decimal = found.groups()
            for digits, base in (hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10):
                if digits is not None:
                    return int(sign + digits, base)
        return float(number) if self.FLOAT.fullmatch(number) else text


Kubernetes.add_constructor("!plain", Kubernetes.plain)
READERS = {"pyyaml": yaml.CSafeLoader, "kubernetes": Kubernetes}


class Different(Exception):
    pass


def load(text, reader):
    # client-go, too, takes JSON for JSON; libyaml reads a few characters of it as line breaks.
    if text.startswith("{"):
        return json.loads(text)
    try:
        return yaml.load(text, Loader=reader)
    except yaml.YAMLError as error:
        # Its text quotes the document.
        raise Different(f"not read: {type(error).__name__}") from None


# client-go ignores every other field of a document, and takes a missing version and kind for these.
DEFAULTS = {"apiVersion": "v1", "kind": "Config"}
FIELDS = [*DEFAULTS, "preferences", "clusters", "users", "contexts", "current-context", "extensions"]


def normal(document):
    """The document as client-go knows it, with every server's scheme and host in lower case and without the contents of PEM."""
    document = {**DEFAULTS, **document}
    document = {field: document[field] for field in FIELDS if field in document}
    for kind in MAY_CHANGE:
        for entry in document.get(kind + "s") or []:
            fields = entry.get(kind) or {}
            fields.update((field, "") for field in PEM & fields.keys())
            if isinstance(fields.get("server"), str):
                url = urlsplit(fields["server"])
                fields["server"] = url._replace(netloc=url.netloc.lower()).geturl()
    return document


def kind(value, reader):
    # All numbers are one kind to JSON, which Kubernetes makes of YAML before it looks at it.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "number" if is_number and reader is Kubernetes else type(value).__name__


def compare(before, after, reader, skip=frozenset(), path="document"):
    if path in skip:
        return
    if kind(before, reader) != kind(after, reader):
        raise Different(f"{path}: {kind(before, reader)} became {kind(after, reader)}")
    if isinstance(before, dict):
        # What may change may also come.
        fields = [[key for key in fields if f"{path}.{key}" not in skip] for fields in (before, after)]
        if fields[0] != fields[1]:
            raise Different(f"{path}: other fields, or in another order")
        for key in fields[0]:
            compare(before[key], after[key], reader, skip, f"{path}.{key}")
    elif isinstance(before, list):
        if len(before) != len(after):
            raise Different(f"{path}: {len(before)} items became {len(after)}")
        for index, pair in enumerate(zip(before, after)):
            compare(*pair, reader, skip, f"{path}[{index}]")
    elif isinstance(before, float) or isinstance(after, float):
        if float(before) != float(after) and before == before:
            raise Different(f"{path}: another value")
    elif before != after:
        raise Different(f"{path}: another value")


def index(entries, name):
    return next(place for place, entry in enumerate(entries) if str(entry["name"]) == str(name))


def changeable(document):
    """The paths of what a renewal may change."""
    contexts = document["contexts"]
    context = contexts[index(contexts, document["current-context"])]["context"]
    return {
        f"document.{kind}s[{index(document[kind + 's'], context[kind])}].{kind}.{field}"
        for kind, fields in MAY_CHANGE.items()
        for field in fields
    }


def judge(row, reader):
    try:
        if "same" in row:
            before, after = (normal(load(text, reader)) for text in row["same"])
            compare(before, after, reader)
        else:
            before, after = (load(text, reader) for text in row["renewed"])
            compare(before, after, reader, changeable(before))
    except Different as error:
        return str(error)
    except (AttributeError, KeyError, TypeError, StopIteration, ValueError) as error:
        return f"no kubeconfig: {type(error).__name__}"


rows = json.load(sys.stdin)
json.dump([{name: judge(row, reader) for name, reader in READERS.items()} for row in rows], sys.stdout)

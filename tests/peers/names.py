"""Says what single texts are: addresses by the module `ipaddress`, names by the regular expressions of Kubernetes, durations by
Go's grammar.

The expressions are those of k8s.io/apimachinery/pkg/util/validation/validation.go: DNS-1123 subdomain, wildcard subdomain.

Input: {"names", "durations"}, lists of texts.
Output: {"names": a list of {"address": [octets in hexadecimal, what is special about it]}, "name" or null,
"durations": a list of nanoseconds as text, or null}.
"""

import ipaddress
import json
import re
import sys
from fractions import Fraction

LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = LABEL + r"(\." + LABEL + ")*"
NAME = re.compile(rf"(\*\.)?{SUBDOMAIN}")
LONGEST = 253

# Go's units in nanoseconds, and days.
UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86400 * 10**9,
}
PART = re.compile("([0-9]+[.]?[0-9]*|[.][0-9]+)(" + "|".join(UNITS) + ")")


def name(text):
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        # kubeadm puts a name into lower case before it judges it; whatever is not ASCII matches in neither.
        lower = text.lower() if text.isascii() else text
        return "name" if len(lower) <= LONGEST and NAME.fullmatch(lower) else None
    zone = getattr(address, "scope_id", None)
    address = getattr(address, "ipv4_mapped", None) or address
    special = {
        "a zone": zone is not None,
        "an unspecified address": address.is_unspecified,
        "a multicast address": address.is_multicast,
        "the broadcast address": str(address) == "255.255.255.255",
    }
    return {"address": [address.packed.hex(), [what for what, is_so in special.items() if is_so]]}


def duration(text):
    """Returns what Go's time.ParseDuration makes of a text, without the limit of its 64 bits."""
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return "0"
    total, end = 0, 0
    for part in PART.finditer(rest):
        if part.start() != end:
            return None
        # Every part is cut to whole nanoseconds.
        total += int(Fraction(part[1]) * UNITS[part[2]])
        end = part.end()
    return str(sign * total) if rest and end == len(rest) else None


request = json.load(sys.stdin)
answer = {
    "names": [name(text) for text in request["names"]],
    "durations": [duration(text) for text in request["durations"]],
}
json.dump(answer, sys.stdout)

"""Judges trees: what is old, what is new, and whether every pair, chain and kubeconfig is whole.

Knows kubeadm's files and the names that a transaction uses beside them, and shares no code with what writes them. Each leaf is
verified with the package cryptography, each kubeconfig is parsed with PyYAML.

Input: one JSON object a line.
  {"do": "remember", "tree"}   takes the tree for the old one, to which all later ones are compared
  {"do": "judge", "tree", "selection", "settled", "wanted"}
The selection says what the command replaces: "all", "apiserver", "init", "none", "request" (makes a key and a request for the API
server beside its pair), or a folder with the tree that has to come out; the old tree may then lack files.
"settled" demands that nothing is pending and nothing left over. Output: one JSON object a line, {"state", "problems"}; the
state is old, new, some (rows of "all" were left out), commit or undo (pending), renamed (pending, and every file is in place) or
between.
No message holds a byte of any file.
"""

import base64
import functools
import hashlib
import json
import os
import re
import stat
import sys
from collections import namedtuple

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store

TOP = "etc/kubernetes/"
STATE = TOP + ".pki/"
GENERATIONS = STATE + "generations/"
LEDGER, RECORD, HOLDER = STATE + "ledger.jsonl", STATE + "cluster.yaml", TOP + "pki/.pki-lock"
SEGMENT = re.compile(re.escape(STATE) + r"ledger-(\d+)\.jsonl$")
JOURNALS = {"commit": TOP + "pki/.pki-journal.commit", "undo": TOP + "pki/.pki-journal.undo"}
ROOTS = {"certificates": TOP + "pki/", "kubeconfigs": TOP, "state": STATE}

CAS = ["ca", "front-proxy-ca", "etcd/ca"]
# pair: (CA, name to be served under or None, is a client)
LEAVES = {
    "apiserver": ("ca", "kubernetes.default.svc", False),
    "apiserver-kubelet-client": ("ca", None, True),
    "front-proxy-client": ("front-proxy-ca", None, True),
    "etcd/server": ("etcd/ca", "localhost", True),
    "etcd/peer": ("etcd/ca", "localhost", True),
    "etcd/healthcheck-client": ("etcd/ca", None, True),
    "apiserver-etcd-client": ("etcd/ca", None, True),
}
KUBECONFIGS = [
    TOP + name
    for name in ("admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf")
]
SERVER = "https://192.0.2.11:6443"


def pair(base):
    return [f"{TOP}pki/{base}.key", f"{TOP}pki/{base}.crt"]


SA_KEY, SA_PUB = TOP + "pki/sa.key", TOP + "pki/sa.pub"
PINNED = [name for ca in CAS for name in pair(ca)] + [SA_KEY, SA_PUB]
RENEWED = [name for leaf in LEAVES for name in pair(leaf)] + KUBECONFIGS
FILES = PINNED + RENEWED
# What waits for its certificate: a request, and a new key for it.
REQUEST, WAITING_KEY = TOP + "pki/apiserver.csr", TOP + "pki/apiserver.csr.key"
REQUESTS = [REQUEST, WAITING_KEY]
HELD_DIRECTORIES = [TOP.rstrip("/"), TOP + "pki", TOP + "pki/etcd"]
LEFT_OVER = re.compile(r"\.(.+)\.pki-(new|old)$")
GENERATION = re.compile(r"\d{8}T\d{6}Z-[a-z]+(-certs)?(-\d+)?$")
MAY_BE_LEFT_OVER = {*FILES, *REQUESTS, RECORD, JOURNALS["commit"]}

# The one in C is ten times as fast.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

File = namedtuple("File", "bytes mode inode modified links")


class Wrong(Exception):
    pass


class Snapshot:
    """All that lies below a folder."""

    def __init__(self, folder):
        self.files, self.directories, self.problems = {}, {}, []
        self.walk(folder, "")

    def walk(self, folder, prefix):
        for entry in os.scandir(folder):
            name, status = prefix + entry.name, entry.stat(follow_symlinks=False)
            if status.st_uid != os.geteuid():
                self.problems.append(f"{name} belongs to somebody else")
            if stat.S_ISDIR(status.st_mode):
                self.directories[name] = (stat.S_IMODE(status.st_mode), status.st_ino)
                self.walk(entry.path, name + "/")
            elif stat.S_ISREG(status.st_mode):
                with open(entry.path, "rb") as file:
                    self.files[name] = File(
                        file.read(), stat.S_IMODE(status.st_mode), status.st_ino, status.st_mtime_ns, status.st_nlink
                    )
            else:
                self.problems.append(f"{name} is neither a file nor a directory")


# What is wrong with some bytes; trees have most of theirs in common, so the answers are kept.


@functools.lru_cache(4096)
def certificate(data):
    certificates = x509.load_pem_x509_certificates(data)
    if len(certificates) != 1 or certificates[0].public_bytes(serialization.Encoding.PEM) != data:
        raise Wrong("is not exactly one certificate")
    return certificates[0]


def public_bytes(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@functools.lru_cache(4096)
def public_of(data):
    """The public half of a private key."""
    if data.count(b"-----BEGIN") != 1 or not data.endswith(b" KEY-----\n"):
        raise Wrong("is not exactly one key")
    return public_bytes(serialization.load_pem_private_key(data, None).public_key())


@functools.lru_cache(4096)
def request_key(data):
    """The public key of a request, whose signature is verified."""
    request = x509.load_pem_x509_csr(data)
    if not request.is_signature_valid or request.public_bytes(serialization.Encoding.PEM) != data:
        raise Wrong("is not exactly one request that its key has signed")
    return public_bytes(request.public_key())


@functools.lru_cache(4096)
def verified(leaf, ca, host, is_client):
    leaf, store = certificate(leaf), Store([certificate(ca)])
    if host:
        PolicyBuilder().store(store).build_server_verifier(x509.DNSName(host)).verify(leaf, [])
    if is_client:
        # The clients of Kubernetes have no alternative name; the policy that permits that does not look at the usage.
        policies = {"ca_policy": ExtensionPolicy.webpki_defaults_ca(), "ee_policy": ExtensionPolicy.permit_all()}
        PolicyBuilder().store(store).extension_policies(**policies).build_client_verifier().verify(leaf, [])
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if x509.ExtendedKeyUsageOID.CLIENT_AUTH not in usages:
            raise Wrong("is no client certificate")


@functools.lru_cache(4096)
def kubeconfig(data):
    document = yaml.load(data, LOADER)
    [cluster], [user], [context] = document["clusters"], document["users"], document["contexts"]
    names = (context["context"]["cluster"], context["context"]["user"], context["name"])
    if names != (cluster["name"], user["name"], document["current-context"]):
        raise Wrong("does not name its own parts")
    ca, client, key = (
        base64.b64decode(data, validate=True)
        for data in (
            cluster["cluster"]["certificate-authority-data"],
            user["user"]["client-certificate-data"],
            user["user"]["client-key-data"],
        )
    )
    certificate(ca)
    if public_bytes(certificate(client).public_key()) != public_of(key):
        raise Wrong("has a client key that is not its certificate's")
    verified(client, ca, None, True)
    return cluster["cluster"]["server"], ca, client


def whole_file(name, data):
    """Raises something if the file is not one whole file of its kind."""
    if name.endswith(".crt"):
        certificate(data)
    elif name.endswith(".key"):
        public_of(data)
    elif name.endswith(".csr"):
        request_key(data)
    elif name.endswith(".pub"):
        serialization.load_pem_public_key(data)
    elif name.endswith(".conf"):
        kubeconfig(data)
    elif name.endswith(".jsonl"):
        ledger(data)
    elif name.endswith(".yaml"):
        if not yaml.load(data, LOADER):
            raise Wrong("is empty")


@functools.lru_cache(256)
def ledger(data):
    if data and not data.endswith(b"\n"):
        raise Wrong("ends within a line")
    lines = [json.loads(line) for line in data.split(b"\n")[:-1]]
    return frozenset(line["fingerprint"].replace(":", "").lower() for line in lines), len(lines)


def wrong(what, check, *arguments):
    """Returns what is wrong, without the text of errors that may quote the file."""
    try:
        check(*arguments)
        return []
    except Wrong as error:
        return [f"{what} {error}"]
    except Exception as error:
        return [f"{what}: {type(error).__name__}"]


def with_merged_ledger(files):
    """Returns the files with the segments of the ledger where they belong."""
    files, segments = dict(files), []
    for name in list(files):
        if match := SEGMENT.match(name):
            segments.append((int(match[1]), files.pop(name)))
    for offset, data in sorted(segments):
        ledger = files.get(LEDGER, b"")
        if len(ledger) < offset or not (data.startswith(ledger[offset:]) or ledger[offset:].startswith(data)):
            raise Wrong("a segment of the ledger does not fit")
        if len(ledger) < offset + len(data):
            files[LEDGER] = ledger[:offset] + data
    return files


def whole_tree(files, old):
    """Says what is wrong with a tree, given as the bytes of each file."""
    problems = [f"{name} is missing" for name in FILES if name not in files]
    if problems:
        return problems

    def fit(key, public):
        if public_of(files[key]) != public:
            raise Wrong("is not the key of its certificate")

    def same_ca(name):
        server, ca, _ = kubeconfig(files[name])
        if ca != files[TOP + "pki/ca.crt"]:
            raise Wrong("has another CA than ca.crt")
        if server != (kubeconfig(old[name].bytes)[0] if name in old else SERVER):
            raise Wrong("has another server")

    for name in FILES:
        problems += wrong(name, whole_file, name, files[name])
    if problems:
        return problems
    for base in [*CAS, *LEAVES]:
        key, crt = pair(base)
        problems += wrong(key, fit, key, public_bytes(certificate(files[crt]).public_key()))
    problems += wrong(SA_KEY, fit, SA_KEY, public_bytes(serialization.load_pem_public_key(files[SA_PUB])))
    for name in REQUESTS:
        problems += wrong(name, whole_file, name, files[name]) if name in files else []
    if REQUEST in files and WAITING_KEY in files and not problems:
        problems += wrong(WAITING_KEY, fit, WAITING_KEY, request_key(files[REQUEST]))
    for base, (ca, host, is_client) in LEAVES.items():
        crt, ca = pair(base)[1], pair(ca)[1]
        problems += wrong(f"{crt} under {ca}", verified, files[crt], files[ca], host, is_client)
    for name in KUBECONFIGS:
        problems += wrong(name, same_ca, name)
    if LEDGER in files and not problems:
        known, _ = ledger(files[LEDGER])
        certificates = [files[name] for name in FILES if name.endswith(".crt")]
        certificates += [kubeconfig(files[name])[2] for name in KUBECONFIGS]
        for data in certificates:
            der = certificate(data).public_bytes(serialization.Encoding.DER)
            if hashlib.sha256(der).hexdigest() not in known:
                problems.append("the ledger lacks a certificate of the tree")
                break
    else:
        problems += [] if problems else ["there is no ledger"]
    return problems


def litter_and_strangers(now):
    """Returns the names of what a killed run left, and of what no run may leave."""
    known = {*FILES, *REQUESTS, LEDGER, RECORD, *JOURNALS.values()}
    leftovers, strangers = [], []
    inside = [name.removeprefix(GENERATIONS) for name in now.files if name.startswith(GENERATIONS)]
    finished = {name.partition("/")[0] for name in inside if name.endswith("/manifest.json")}
    for name in now.files:
        folder, _, last = name.rpartition("/")
        match = LEFT_OVER.match(last)
        meant = match and f"{folder}/{match[1]}"
        if meant and (meant in MAY_BE_LEFT_OVER or SEGMENT.match(meant)) or name == HOLDER or SEGMENT.match(name):
            leftovers.append(name)
        elif name not in known and name.removeprefix(GENERATIONS) not in inside:
            strangers.append(name)
    allowed = {"etc", *HELD_DIRECTORIES, STATE.rstrip("/"), GENERATIONS.rstrip("/")}
    for name in now.directories:
        generation = name.removeprefix(GENERATIONS)
        # The old one that is being removed, and the new one that is being made, go by names of their own.
        passing = generation == ".new" or generation.startswith(".old-")
        if name.startswith(GENERATIONS) and (passing or generation not in finished):
            leftovers.append(name)
        if name.startswith(GENERATIONS) and not GENERATION.match(generation.removeprefix(".old-")) and generation != ".new":
            strangers.append(name)
        elif not name.startswith(GENERATIONS) and name not in allowed:
            strangers.append(name)
    return sorted(leftovers), sorted(strangers)


def is_manifest(name):
    return name.startswith(GENERATIONS) and name.endswith("/manifest.json") and "/.new/" not in name and "/.old-" not in name


def generations(now, old):
    """Says what is wrong with the finished generations: old ones are untouched, and the next one has what was replaced."""
    problems, added = [], []
    for name, file in now.files.items():
        if not is_manifest(name):
            continue
        folder = name.removesuffix("manifest.json")
        try:
            manifest = json.loads(file.bytes)
            stored = [(ROOTS[entry["file"]["root"]] + entry["file"]["path"], entry["stored"]) for entry in manifest["files"]]
        except Exception as error:
            problems.append(f"{name}: {type(error).__name__}")
            continue
        if name not in old.files:
            added.append((manifest["sequence"], folder, stored))
        for _, copy in stored:
            if copy is None:
                continue
            if folder + copy not in now.files:
                problems.append(f"{folder}{copy} is missing")
            else:
                problems += wrong(folder + copy, whole_file, copy, now.files[folder + copy].bytes)
        beside = {entry for entry in now.files if entry.startswith(folder)}
        if beside != {name, *(folder + copy for _, copy in stored if copy)}:
            problems.append(f"{folder} has files that its manifest does not name")
    last = [json.loads(file.bytes)["sequence"] for name, file in old.files.items() if is_manifest(name)]
    for sequence, folder, stored in added:
        # Runs that followed the first one have replaced something else.
        for name, copy in stored if sequence == max(last, default=0) + 1 else []:
            before = old.files.get(name)
            kept = now.files.get(folder + copy) if copy else None
            if (before and before.bytes) != (kept and kept.bytes):
                problems.append(f"{folder}{copy} is not the file that was replaced")
    return problems


def modes(now, old, settled):
    """Says which modes are wrong: only certificates may be read by others, from their first byte on."""
    problems = []
    for name, file in now.files.items():
        match = LEFT_OVER.match(name.rpartition("/")[2])
        plain = match[1] if match else name.rpartition("/")[2]
        public = plain.endswith(".crt") and not name.startswith(STATE)
        # The old file keeps the mode that it was found with for as long as it is the old file.
        untouched = not settled and any(file.inode == before.inode for before in old.files.values())
        pinned = name in PINNED and name in old.files and file.mode == old.files[name].mode
        wanted = {0o600, 0o644} if public else {0o600}
        if settled or name in FILES:
            wanted = {0o644} if public else {0o600}
        if file.mode not in wanted and not untouched and not pinned:
            problems.append(f"{name} has mode {file.mode:04o}")
        if b"PRIVATE KEY" in file.bytes and not plain.endswith(".key"):
            problems.append(f"{name} holds a key")
        if settled and file.links != 1:
            problems.append(f"{name} has {file.links} names")
    for name, (mode, _) in now.directories.items():
        private = (name + "/").startswith(STATE)
        if mode & (0o077 if private else 0o022) or settled and mode != (0o700 if private else 0o755):
            problems.append(f"{name} has mode {mode:04o}")
    return problems


def pending(now):
    """Returns the direction of the pending journal, its files, and the tree that finishing it will give."""
    found = [direction for direction, name in JOURNALS.items() if name in now.files]
    files = {name: file.bytes for name, file in now.files.items()}
    if not found:
        return None, {}, files, True
    if len(found) > 1:
        raise Wrong("there are two journals")
    [direction] = found
    journal = json.loads(now.files[JOURNALS[direction]].bytes)
    entries = {ROOTS[entry["file"]["root"]] + entry["file"]["path"]: entry["old"] is not None for entry in journal["files"]}
    finished = True
    for name, existed in entries.items():
        folder, _, last = name.rpartition("/")
        staged, kept = f"{folder}/.{last}.pki-new", f"{folder}/.{last}.pki-old"
        if direction == "commit" and staged in files:
            files[name], finished = files[staged], False
        elif direction == "undo" and kept in files:
            files[name] = files[kept]
        elif direction == "undo" and not existed:
            files.pop(name, None)
    return direction, entries, files, finished


def replaced(old, selection, wanted):
    """Returns what a command replaces; what waits is removed after the commit, so it is neither old nor new."""
    due = {
        "init": {*FILES, LEDGER, RECORD},
        "all": {*RENEWED, LEDGER},
        "apiserver": {*pair("apiserver"), LEDGER},
        "request": {*REQUESTS},
        "none": set(),
    }.get(selection)
    if due is None:
        return {name for name, data in wanted.items() if name not in old.files or old.files[name].bytes != data}
    return due


def compare(files, old, selection, wanted):
    """Returns old, new, some or between, for a tree given as the bytes of each file."""
    relevant = [*FILES, LEDGER, RECORD, *(REQUESTS if selection == "request" else [])]
    before = {name: old.files[name].bytes for name in relevant if name in old.files}
    after = {name: files[name] for name in relevant if name in files}
    if before == after:
        return "old"
    changed = {name for name in relevant if before.get(name) != after.get(name)}
    due = replaced(old, selection, wanted)
    if any(after.get(name) != wanted[name] for name in due if name in wanted):
        return "between"
    if changed == due:
        return "new"
    return "some" if selection == "all" and LEDGER in changed and changed < due else "between"


def judge(tree, old, selection, settled, wanted):
    now = Snapshot(tree)
    problems = list(now.problems)
    try:
        direction, entries, files, finished = pending(now)
    except Exception as error:
        return failed(f"the journal: {error if isinstance(error, Wrong) else type(error).__name__}")
    try:
        files = with_merged_ledger(files)
    except Wrong as error:
        return failed(str(error))
    outcome = compare(files, old, selection, wanted)
    if outcome == "between":
        state = "between"
    elif direction == "commit":
        state = "renamed" if finished else "commit"
        if outcome != "new":
            problems.append("the journal promises the old tree")
    elif direction == "undo":
        state = "undo"
        if outcome != "old":
            problems.append("the journal does not give the old tree back")
    else:
        state = outcome
    if state == "between":
        problems.append("the tree is neither the old one nor the new one")
    lacks_files = selection == "init" or wanted
    broken = [] if lacks_files and outcome == "old" else whole_tree(files, old.files)
    problems += broken
    # Whatever is pending: each file by itself is whole, and is the old one or the new one.
    for name in [*FILES, LEDGER, RECORD]:
        present, before = now.files.get(name), old.files.get(name)
        data = present and present.bytes
        if name == LEDGER:
            # It only grows, up to what the segments say.
            old_ledger = before.bytes if before else b""
            if old_ledger.startswith(data or b"") or files.get(name, b"").startswith(data or b""):
                continue
        if data in (before and before.bytes, files.get(name)):
            continue
        if direction == "undo" and name in entries and data is not None:
            problems += wrong(name, whole_file, name, data)
        else:
            problems.append(f"{name} is neither the old file nor the new one")
    if LEDGER in old.files and not files.get(LEDGER, b"").startswith(old.files[LEDGER].bytes):
        problems.append("the ledger lost a line")
    if selection != "init":
        for name in set(PINNED) - replaced(old, selection, wanted):
            if now.files.get(name) != old.files[name]:
                problems.append(f"{name} was touched")
        for name in HELD_DIRECTORIES:
            if now.directories.get(name, (0, 0))[1] != old.directories[name][1]:
                problems.append(f"{name} is another directory")
        if selection in ("all", "apiserver") and outcome == "new" and not broken:
            for name in [pair("apiserver")[1]] if selection == "apiserver" else [pair(leaf)[1] for leaf in LEAVES]:
                if certificate(files[name]).serial_number == certificate(old.files[name].bytes).serial_number:
                    problems.append(f"{name} has the old serial number")
    leftovers, strangers = litter_and_strangers(now)
    problems += [f"{name} does not belong here" for name in strangers]
    problems += modes(now, old, settled)
    problems += generations(now, old)
    if settled:
        problems += [f"{name} is left over" for name in leftovers]
        if direction:
            problems.append(f"a journal is pending: {direction}")
    return {"state": state, "problems": problems, "leftovers": leftovers, "ledger": ledger_lines(files)}


def failed(why):
    return {"state": "between", "problems": [why], "leftovers": [], "ledger": None}


def ledger_lines(files):
    try:
        return ledger(files.get(LEDGER, b""))[1]
    except Exception:
        return None


def main():
    old = None
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "remember":
            old, answer = Snapshot(order["tree"]), {}
        else:
            selection, wanted = order["selection"], {}
            if "/" in selection:
                wanted = {name: file.bytes for name, file in Snapshot(selection).files.items() if name in FILES}
            try:
                answer = judge(order["tree"], old, selection, order["settled"], wanted)
            except Exception as error:
                # A judge that fails has not acquitted; the message may quote a file, the place does not.
                answer = failed(f"the judge failed: {type(error).__name__}, line {error.__traceback__.tb_next.tb_lineno}")
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

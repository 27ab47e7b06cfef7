"""Reads and writes the Secret `kubeadm-certs` with the packages PyYAML and cryptography.

joining.py read KEY < objects.yaml    prints the decrypted files as JSON, base64
joining.py write KEY < files.json     prints the Secret, in YAML
"""

import base64
import json
import os
import sys

import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def read(cipher):
    objects = {}
    for item in yaml.safe_load_all(sys.stdin):
        objects.setdefault((item["kind"], item["metadata"]["name"]), item)
    data = objects["Secret", "kubeadm-certs"]["data"]
    files = {}
    for name, value in data.items():
        value = base64.b64decode(value, validate=True)
        files[name] = cipher.decrypt(value[:12], value[12:], None) if value else b""
    nonces = {value[:16] for value in data.values()}
    assert len(nonces) == len(data), "a nonce is used twice"
    json.dump({name: base64.b64encode(file).decode() for name, file in files.items()}, sys.stdout)


def write(cipher):
    data = {}
    for name, file in json.load(sys.stdin).items():
        nonce = os.urandom(12)
        value = nonce + cipher.encrypt(nonce, base64.b64decode(file), None)
        data[name] = base64.b64encode(value).decode()
    metadata = {"name": "kubeadm-certs", "namespace": "kube-system"}
    yaml.safe_dump({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}, sys.stdout)


if __name__ == "__main__":
    command, key = sys.argv[1:]
    {"read": read, "write": write}[command](AESGCM(bytes.fromhex(key)))

"""Shakes hands over TLS in memory, both sides verifying strictly, with Python's ssl module.

Input: a JSON list of rows {server, client} where each side is {name, certificate, key, ca} and `ca` is what the other
side trusts; `host` is the name the client asks for. For every row the handshake must succeed, and must fail without a client
certificate, with the client's certificate under another CA (`other_ca`), and under another host name.
Output: one line a surprise, then one line "CLIENT -> SERVER" a handshake, with the subject that the server saw.
"""

import json
import ssl
import sys


def handshake(server_side, client_side, host, client_ca=None, anonymous=False):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(server_side["certificate"], server_side["key"])
    server.load_verify_locations(client_ca or client_side["ca"])
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(server_side["ca"])
    if not anonymous:
        client.load_cert_chain(client_side["certificate"], client_side["key"])
    for context in (server, client):
        context.verify_flags |= ssl.VERIFY_X509_STRICT

    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(ends)
    while waiting:
        before = len(waiting), to_server.pending, to_client.pending
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass
        if before == (len(waiting), to_server.pending, to_client.pending):
            raise RuntimeError("the handshake does not go on")
    return ends[1].getpeercert()["subject"]


surprises = 0


def expect_refusal(what, *arguments, **keywords):
    global surprises
    try:
        handshake(*arguments, **keywords)
    except ssl.SSLError:
        return
    surprises += 1
    print(f"{what}: the handshake succeeded")


for row in json.load(sys.stdin):
    server, client, host = row["server"], row["client"], row["host"]
    what = f"{client['name']} -> {server['name']}"
    try:
        subject = handshake(server, client, host)
    except ssl.SSLError as error:
        surprises += 1
        print(f"{what}: {error}")
        continue
    expect_refusal(f"{what} without a certificate", server, client, host, anonymous=True)
    expect_refusal(f"{what} under another CA", server, client, host, client_ca=client["other_ca"])
    expect_refusal(f"{what} as another host", server, client, "api.example.org")
    print(what, "".join(f"/{key}={value}" for relative in subject for key, value in relative))

sys.exit(1 if surprises else 0)

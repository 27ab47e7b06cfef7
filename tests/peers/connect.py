"""Connects to an etcd member over TLS again and again until standard input is closed.

Arguments: PORT CA CERTIFICATE KEY. Each connection is a handshake, a GET of /health and a close. Output: the line "connected"
after the first success, and at the end one JSON object with the number of connections that were served and that failed, the
first reasons, and the serial numbers that were served, in order. Bounded in count and time.
"""

import http.client
import json
import ssl
import sys
import threading
import time

MOST_CONNECTIONS = 20_000
MOST_SECONDS = 50

port, ca, certificate, key = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)

stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()

served, failed, reasons, serials = 0, 0, [], []
end = time.monotonic() + MOST_SECONDS
while not stop.is_set() and served + failed < MOST_CONNECTIONS and time.monotonic() < end:
    connection = http.client.HTTPSConnection("127.0.0.1", int(port), context=context, timeout=5)
    try:
        connection.connect()
        serial = connection.sock.getpeercert()["serialNumber"]
        connection.request("GET", "/health")
        response = connection.getresponse()
        if response.status != 200 or b"true" not in response.read():
            raise OSError(f"status {response.status}")
    except (OSError, http.client.HTTPException) as error:
        failed += 1
        if len(reasons) < 5:
            reasons.append(str(error))
        continue
    finally:
        connection.close()
    served += 1
    if not serials or serials[-1] != serial:
        serials.append(serial)
    if served == 1:
        print("connected", flush=True)

print(json.dumps({"served": served, "failed": failed, "reasons": reasons, "serials": serials}), flush=True)

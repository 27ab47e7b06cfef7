"""Connects to an etcd member over TLS, again and again in two threads, until standard input is closed.

Arguments: PORT CA CERTIFICATE KEY. A connection is a handshake, a GET of /health and a close. Output: the line "true" after the
first success; for each line of input one JSON object with the serial number that a new connection was served, or with the
reason why it failed; at the end one with the number of connections that were served and that failed, the first reasons, and the
serial numbers that were served, each once.
"""

import http.client
import json
import ssl
import sys
import threading

THREADS = 2

port, ca, certificate, key = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)


def connect():
    """Returns the serial number that was served, or the reason for a failure."""
    connection = http.client.HTTPSConnection("127.0.0.1", int(port), context=context)
    try:
        connection.connect()
        serial = connection.sock.getpeercert()["serialNumber"]
        connection.request("GET", "/health")
        response = connection.getresponse()
        if response.status != 200 or b"true" not in response.read():
            raise OSError(f"status {response.status}")
        return serial, None
    except (OSError, http.client.HTTPException) as error:
        return None, str(error)
    finally:
        connection.close()


results = [connect()]
if results[0][1]:
    sys.exit(results[0][1])
print("true", flush=True)

stop = threading.Event()


def work():
    while not stop.is_set():
        results.append(connect())


threads = [threading.Thread(target=work, daemon=True) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for _ in sys.stdin:
    serial, reason = connect()
    results.append((serial, reason))
    print(json.dumps({"serial": serial, "reason": reason}), flush=True)
stop.set()
for thread in threads:
    thread.join()

reasons = [reason for _, reason in results if reason]
report = {
    "served": len(results) - len(reasons),
    "failed": len(reasons),
    "reasons": reasons[:5],
    "serials": sorted({serial for serial, _ in results if serial}),
}
print(json.dumps(report), flush=True)

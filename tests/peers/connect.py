"""Connects to an etcd member over TLS at a steady rate, for a time that is given, or until standard input is closed.

Arguments: PORT CA CERTIFICATE KEY RATE SECONDS, the rate in connections a second. Each connection is a handshake, a GET of
/health and a close, handed to one of eight threads when its time has come. Output: the line "connected" after the first
success, and at the end one JSON object with the number of connections that were served and that failed, the first reasons, the
serial numbers that were served, each once, and the milliseconds that the slowest connection took.
"""

import concurrent.futures
import http.client
import json
import ssl
import sys
import threading
import time

THREADS = 8
PATIENCE = 20

port, ca, certificate, key, rate, seconds = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(certificate, key)


def connect(_):
    """Returns the serial number that was served, or the reason for a failure, and the time that it took."""
    began = time.monotonic()
    connection = http.client.HTTPSConnection("127.0.0.1", int(port), context=context, timeout=PATIENCE)
    try:
        connection.connect()
        serial = connection.sock.getpeercert()["serialNumber"]
        connection.request("GET", "/health")
        response = connection.getresponse()
        if response.status != 200 or b"true" not in response.read():
            raise OSError(f"status {response.status}")
        return serial, None, time.monotonic() - began
    except (OSError, http.client.HTTPException) as error:
        return None, str(error), time.monotonic() - began
    finally:
        connection.close()


first = connect(None)
if first[1]:
    sys.exit(first[1])
print("connected", flush=True)

stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
results = [first]
with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
    began, pending = time.monotonic(), []
    for number in range(round(float(rate) * float(seconds))):
        if stop.wait(max(0, began + number / float(rate) - time.monotonic())):
            break
        pending.append(pool.submit(connect, number))
    results += [future.result() for future in pending]

reasons = [reason for _, reason, _ in results if reason]
report = {
    "served": len(results) - len(reasons),
    "failed": len(reasons),
    "reasons": reasons[:5],
    "serials": sorted({serial for serial, _, _ in results if serial}),
    "slowest": round(1000 * max(took for _, _, took in results)),
}
print(json.dumps(report), flush=True)

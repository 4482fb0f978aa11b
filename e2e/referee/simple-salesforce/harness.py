"""What the scenarios of simple-salesforce share: the org, the way to it, and the steps.

    python NAME.py '{"url": ...}'      the line that `tidegate emulator serve --json` prints

Its logins go to https://<domain>.salesforce.com and nowhere else, so a small CONNECT proxy leads every tunnel to the
emulator's TLS port, whose certificate names those hosts too. Import this before simple_salesforce: it sets the CA.
"""

import json
import os
import socket
import sys
import threading
import traceback

ORG = json.loads(sys.argv[1])
HOST, PORT = ORG["tls_url"].removeprefix("https://").split(":")
STEPS = []


def step(run):
    STEPS.append(run)
    return run


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def tunnel(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(4096)
        if not data:
            return
        head += data
    upstream = socket.create_connection((HOST, int(PORT)))
    connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    threading.Thread(target=pump, args=(connection, upstream), daemon=True).start()
    pump(upstream, connection)


def proxy():
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            connection, _ = server.accept()
            threading.Thread(target=tunnel, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}"


os.environ["REQUESTS_CA_BUNDLE"] = ORG["ca_file"]
PROXIES = {"https": proxy()}


def finish(scenario):
    """Runs the steps in their order, says how it went and ends the program."""
    failed = 0
    for run in STEPS:
        try:
            run()
        except Exception:
            failed += 1
            print(f"{scenario}: {run.__name__}: FAILED", file=sys.stderr)
            traceback.print_exc()
    print(f"{scenario}: {len(STEPS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)

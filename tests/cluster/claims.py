"""Reads the claims back from the bucket with the NATS protocol by hand: nothing here is the library's."""

import base64
import json
import socket
from urllib.parse import urlsplit


def read_claims(url, prefix, bucket, tokens):
    """{token: who claimed its tick}; None where the bucket has no such key."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(b'CONNECT {"verbose":false}\r\nSUB _INBOX.trial 1\r\n')
        stream = connection.makefile("rb")
        return {token: _ask(connection, stream, bucket, f"$KV.{bucket}.{prefix}.{token}") for token in tokens}


def _ask(connection, stream, bucket, subject):
    body = json.dumps({"last_by_subj": subject}).encode()
    request = f"PUB $JS.API.STREAM.MSG.GET.KV_{bucket} _INBOX.trial {len(body)}\r\n".encode()
    connection.sendall(request + body + b"\r\n")
    while True:
        words = stream.readline().split()
        if not words:
            raise ConnectionError("the server has hung up")
        if words[0] == b"PING":
            connection.sendall(b"PONG\r\n")
        elif words[0] == b"-ERR":
            raise ConnectionError(b" ".join(words).decode())
        elif words[0] == b"MSG":
            answer = json.loads(stream.read(int(words[-1]) + len(b"\r\n")))
            message = answer.get("message")
            if message is None and answer["error"]["code"] != 404:
                raise ConnectionError(answer["error"]["description"])
            # The owner, and then a hash of the schedule.
            return base64.b64decode(message["data"]).decode().split(" ")[0] if message else None

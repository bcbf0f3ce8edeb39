"""A server that logs in as MySQL 8 does (caching_sha2_password) and answers every statement with OK.

It proves the login and nothing of MySQL's SQL. `is_known`: the password is in the server's cache, so the scramble is
enough; else it is sent whole, under the server's RSA key.
"""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PLUGIN = b"caching_sha2_password"
OK = b"\x00\x00\x00\x02\x00\x00\x00"


class MySql8:
    """Listens on a free loopback port; `logins` says how each went."""

    def __init__(self, password: str, is_known: bool) -> None:
        self._password, self._is_known = password.encode(), is_known
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.logins: list[str] = []
        self.statements: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                made, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(made,), daemon=True).start()

    def _serve(self, made: socket.socket) -> None:
        with made:
            nonce = bytes(one % 127 + 1 for one in os.urandom(20))
            capabilities = 0xFFFFFFFF & ~0x0800 & ~0x01000000      # neither TLS nor OK instead of EOF
            self._send(made, 0, b"\x0a8.0.36\x00" + struct.pack("<I", 7) + nonce[:8] + b"\x00"
                       + struct.pack("<H", capabilities & 0xFFFF) + b"\xff" + struct.pack("<HH", 2, capabilities >> 16)
                       + bytes([21]) + bytes(10) + nonce[8:] + b"\x00" + PLUGIN + b"\x00")
            number, answer = self._read(made)
            user = answer[32:].split(b"\x00", 1)
            scramble = user[1][1:1 + user[1][0]]
            if not self._log_in(made, number + 1, scramble, nonce):
                return
            while True:
                number, request = self._read(made)
                if not request or request[0] == 1:
                    return
                self.statements.append(request[1:].decode("utf-8", "replace"))
                self._send(made, number + 1, OK)

    def _log_in(self, made: socket.socket, number: int, scramble: bytes, nonce: bytes) -> bool:
        if self._is_known:
            is_right, how = scramble == _scramble(self._password, nonce), "scramble"
            if is_right:
                self._send(made, number, b"\x01\x03")
                number += 1
        else:
            self._send(made, number, b"\x01\x04")
            number, asked = self._read(made)
            assert asked == b"\x02", "the server's key is asked for"
            self._send(made, number + 1, b"\x01" + self._key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
            number, sealed = self._read(made)
            plain = self._key.decrypt(sealed, padding.OAEP(
                padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
            told = bytes(one ^ nonce[at % 20] for at, one in enumerate(plain))
            is_right, how, number = told == self._password + b"\x00", "whole password under RSA", number + 1
        self.logins.append(f"{how}: {'right' if is_right else 'wrong'}")
        self._send(made, number, OK if is_right else b"\xff" + struct.pack("<H", 1045)
                   + b"#28000Access denied for user 'trader'@'localhost' (using password: YES)")
        return is_right

    @staticmethod
    def _send(made: socket.socket, number: int, payload: bytes) -> None:
        made.sendall(struct.pack("<I", len(payload))[:3] + bytes([number]) + payload)

    @staticmethod
    def _read(made: socket.socket) -> tuple[int, bytes]:
        head = made.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return 0, b""
        return head[3], made.recv(int.from_bytes(head[:3], "little"), socket.MSG_WAITALL)


def _scramble(password: bytes, nonce: bytes) -> bytes:
    first = hashlib.sha256(password).digest()
    second = hashlib.sha256(hashlib.sha256(first).digest() + nonce).digest()
    return bytes(one ^ other for one, other in zip(first, second, strict=True))

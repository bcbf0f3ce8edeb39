"""A certificate authority for one test, and TLS servers on loopback that present what it signed."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Authority:
    """Signs server certificates; `file` is what a client has to trust."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        builder = x509.CertificateBuilder().subject_name(self._name).issuer_name(self._name)
        made = builder.public_key(self._key.public_key()).serial_number(1).not_valid_before(NOW - DAY).not_valid_after(
            NOW + DAY).add_extension(x509.BasicConstraints(True, None), critical=True).sign(self._key, hashes.SHA256())
        self.file = folder / "authority.pem"
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def server(self, name: str, host: str = "127.0.0.1", days: int = 1, own: bool = False) -> ssl.SSLContext:
        """A server's context: for `host`, valid for `days` from now; `own`: signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternative = x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject if own else self._name)
        made = builder.public_key(key.public_key()).serial_number(2).not_valid_before(NOW - 3 * DAY).not_valid_after(
            NOW + days * DAY).add_extension(x509.SubjectAlternativeName([alternative]), critical=False).sign(
                key if own else self._key, hashes.SHA256())
        file = self._folder / f"{name}.pem"
        file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None, answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers each connection with these bytes; its port and what it was sent (after TLS)."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    raw, _ = listener.accept()
                except TimeoutError:
                    continue
                except OSError:
                    return
                raw.settimeout(2)
                with contextlib.suppress(OSError), (
                        context.wrap_socket(raw, server_side=True) if context else raw) as connection:
                    heard.append(connection.recv(65_536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], heard
        finally:
            stop.set()
            thread.join(3)

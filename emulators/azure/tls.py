"""A throw-away certificate authority, and the certificate of this machine's loopback that it vouches for."""

import ssl
import tempfile
from pathlib import Path

import trustme


class LocalTls:
    """`ca_file` is what a client must trust; it is there until `close`."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="local-azure-")
        authority = trustme.CA()
        self.ca_file = Path(self._directory.name) / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(self.context)

    def close(self) -> None:
        """Remove the file."""
        self._directory.cleanup()

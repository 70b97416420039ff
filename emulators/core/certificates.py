"""A throw-away certificate authority, and the certificate of this machine's loopback that it vouches for."""

from pathlib import Path

import trustme


def issue_certificate(ca_file: Path) -> trustme.LeafCert:
    """The certificate of `localhost` and its addresses; `ca_file` (PEM) is written, for clients to trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    return authority.issue_cert("localhost", "127.0.0.1", "::1")

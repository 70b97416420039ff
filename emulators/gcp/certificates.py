"""A throw-away authority and a certificate of localhost, for clients that insist on TLS."""

from pathlib import Path


def make_certificate(directory: Path) -> tuple[Path, tuple[bytes, bytes]]:
    """(the authority's file, (private key, certificate chain) of localhost and 127.0.0.1), all in PEM."""
    import trustme  # noqa: PLC0415  # loaded where TLS is asked for

    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    path = directory / "local-gcp-ca.pem"
    authority.cert_pem.write_to_path(str(path))
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return path, (issued.private_key_pem.bytes(), chain)

"""The certificate of localhost in the form that gRPC takes."""

from pathlib import Path


def make_certificate(directory: Path) -> tuple[Path, tuple[bytes, bytes]]:
    """(the authority's file, (private key, certificate chain) of localhost and 127.0.0.1), all in PEM."""
    from emulators.core.certificates import issue_certificate  # noqa: PLC0415  # loaded where TLS is asked for

    ca_file = directory / "local-gcp-ca.pem"
    issued = issue_certificate(ca_file)
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return ca_file, (issued.private_key_pem.bytes(), chain)

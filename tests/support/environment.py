"""What of the environment says something about this machine or its user, and so must not reach a test."""

from collections.abc import Mapping

_PREFIXES = ("AWS_", "AZURE_", "GCP_", "GOOGLE_", "FINFLEET_", "OPENFINOPS_", "CLOUDSDK_")
_PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FTP_PROXY"}
_CERTIFICATES = {
    "CURL_CA_BUNDLE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HTTPLIB2_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
}
_LIBPQ = {
    "PGAPPNAME",
    "PGDATABASE",
    "PGHOST",
    "PGOPTIONS",
    "PGPASSFILE",
    "PGPASSWORD",
    "PGPORT",
    "PGSERVICE",
    "PGSSLMODE",
    "PGUSER",
}
# Without what is compiled of them, every program that a test starts compiles all of its modules anew.
_COMPILING = {"PYTHONDONTWRITEBYTECODE"}


def of_this_machine(environment: Mapping[str, str]) -> set[str]:
    """The names in an environment that a test must not see: proxies, certificates, clouds, libpq, and our own."""
    names = _PROXIES | _CERTIFICATES | _LIBPQ | _COMPILING
    return {name for name in environment if name.upper() in names or name.upper().startswith(_PREFIXES)}

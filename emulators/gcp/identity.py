"""Service accounts: their keys, the tokens they sign themselves, and those that the token endpoint gives out."""

# mypy: disallow-untyped-calls=False
# google-auth has few types.

import base64
import json
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from emulators.gcp.errors import GoogleError, bad_credentials

TOKEN_SECONDS = 3600
_GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address
_SKEW_SECONDS = 10


class Identities:
    """The service accounts that were made here, and the access tokens that are in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, tuple[str, bytes]] = {}
        self._tokens: dict[str, tuple[str, float]] = {}
        self.token_uri = ""

    def credentials_file(self, project: str, directory: Path, name: str = "finfleet") -> Path:
        """Make a service account with a key of its own; gives the file as Google's console downloads it."""
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  # loaded when a key is made
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415  # loaded when a key is made

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        email = f"{name}@{project}.iam.gserviceaccount.com"
        key_id = secrets.token_hex(20)
        with self._lock:
            self._keys[key_id] = (email, public)
        path = directory / f"{project}-{name}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._document(project, email, key_id, private.decode()), indent=2))
        return path

    def revoke(self, email: str) -> None:
        """Delete every key of a service account, and its tokens."""
        with self._lock:
            self._keys = {key_id: held for key_id, held in self._keys.items() if held[0] != email}
            self._tokens = {token: held for token, held in self._tokens.items() if held[0] != email}

    def issue(self, email: str, seconds: float = TOKEN_SECONDS) -> str:
        """An access token of a service account."""
        token = f"ya29.local-{secrets.token_urlsafe(32)}"
        with self._lock:
            self._tokens[token] = (email, time.time() + seconds)
        return token

    def granted(self, assertion: str) -> str:
        """The service account of a signed assertion, as the token endpoint checks it.

        Raises:
            GoogleError: INVALID_ARGUMENT with Google's OAuth words: the signature, audience or time does not hold.
        """
        try:
            return self._signed(assertion, [self.token_uri, _GOOGLE_TOKEN_URI])[0]
        except ValueError as refused:
            raise GoogleError("INVALID_ARGUMENT", f"Invalid JWT: {refused}", rest_reason="invalid_grant") from None

    def verify(self, authorization: str, service: str) -> str:
        """The caller of a request to a service by its `Authorization` header.

        Raises:
            GoogleError: UNAUTHENTICATED: a token that is unknown, expired, or signed by nobody or for another service.
        """
        token = authorization.removeprefix("Bearer ").strip()
        with self._lock:
            held = self._tokens.get(token)
        if held is not None:
            if held[1] < time.time():
                raise bad_credentials("the token has expired")
            return held[0]
        if token.count(".") != 2:  # noqa: PLR2004  # a signed token has three parts
            raise bad_credentials("not a token of this server")
        try:
            email, claims = self._signed(token, None)
        except ValueError as refused:
            raise bad_credentials(str(refused)) from None
        self._for_service(claims, service)
        return email

    def _for_service(self, claims: dict[str, Any], service: str) -> None:
        """A self-signed token is for one service by its audience, or for all that its scope opens."""
        audience = claims.get("aud", "").rstrip("/")
        if audience and audience != f"https://{service}.googleapis.com":
            raise bad_credentials(f"the audience {audience} is not this service's")
        if not audience and not claims.get("scope"):
            raise bad_credentials("neither audience nor scope")

    def _signed(self, token: str, audiences: list[str] | None) -> tuple[str, dict[str, Any]]:
        from google.auth import jwt  # noqa: PLC0415  # loaded when a token is to be verified

        key_id = str(jwt.decode_header(token).get("kid", ""))
        with self._lock:
            held = self._keys.get(key_id)
        if held is None:
            raise ValueError("no such key")
        claims: dict[str, Any] = jwt.decode(
            token, certs={key_id: held[1]}, audience=audiences, clock_skew_in_seconds=_SKEW_SECONDS
        )
        if claims.get("iss") != held[0] or claims["exp"] - claims["iat"] > TOKEN_SECONDS + _SKEW_SECONDS:
            raise ValueError("the token must be short-lived, and of the key's own account")
        return held[0], claims

    def _document(self, project: str, email: str, key_id: str, private: str) -> dict[str, str]:
        number = str(int.from_bytes(base64.b16decode(key_id[:16].upper())))
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": key_id,
            "private_key": private,
            "client_email": email,
            "client_id": number,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": self.token_uri,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "universe_domain": "googleapis.com",
        }

"""The directory: tenants, applications and their secrets, and the tokens that are given for them."""

import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jwt

DEFAULT_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
_ALGORITHM = "HS256"
_GENERATION = "xms_local_generation"
_NAMES = uuid.UUID("0c1a9c2e-5d0b-4a53-9c57-7f0f5f4d2a11")


@dataclass
class Application:
    """An application of one tenant. `secrets` maps each secret to whether it has expired."""

    tenant: str
    client_id: str
    object_id: str
    secrets: dict[str, bool] = field(default_factory=dict)
    assertions: set[str] = field(default_factory=set)


class Directory:
    """Every tenant. `lifetime` is that of a token in seconds and may be changed at run time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.lifetime = 3600
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._applications: dict[tuple[str, str], Application] = {}
        self._generation = 0

    def application(self, tenant: str = DEFAULT_TENANT, name: str = "finfleet") -> Application:
        """The application `name` of a tenant; it is registered, with one secret, when it is first asked for."""
        tenant = tenant.lower()
        client_id = str(uuid.uuid5(_NAMES, f"{tenant}/{name}"))
        with self._lock:
            found = self._applications.get((tenant, client_id))
            if found is None:
                found = Application(tenant, client_id, str(uuid.uuid5(_NAMES, f"{tenant}/{name}/principal")))
                found.secrets[secrets.token_urlsafe(30)] = False
                self._applications[tenant, client_id] = found
            return found

    def credentials(self, tenant: str = DEFAULT_TENANT, name: str = "finfleet") -> dict[str, str]:
        """`tenant_id`, `client_id`, `client_secret` that are good now."""
        application = self.application(tenant, name)
        with self._lock:
            good = next((secret for secret, expired in application.secrets.items() if not expired), None)
            if good is None:
                good = secrets.token_urlsafe(30)
                application.secrets[good] = False
        return {"tenant_id": application.tenant, "client_id": application.client_id, "client_secret": good}

    def federate(self, assertion: str, tenant: str = DEFAULT_TENANT, name: str = "finfleet") -> Application:
        """Accept `assertion`, the token of a workload identity, in the place of a secret."""
        application = self.application(tenant, name)
        application.assertions.add(assertion)
        return application

    def expire_secrets(self, tenant: str = DEFAULT_TENANT, name: str = "finfleet") -> None:
        """Let every secret of an application that there is now expire; tokens already given stay good."""
        application = self.application(tenant, name)
        with self._lock:
            application.secrets = dict.fromkeys(application.secrets, True)

    def expire_tokens(self) -> None:
        """Let every token given so far expire."""
        with self._lock:
            self._generation += 1

    def knows(self, tenant: str) -> bool:
        """Whether there is such a tenant."""
        with self._lock:
            return any(of == tenant.lower() for of, _ in self._applications)

    def find(self, tenant: str, client_id: str) -> Application | None:
        """The application with that id, where the tenant has it."""
        with self._lock:
            return self._applications.get((tenant.lower(), client_id.lower()))

    def give_token(self, application: Application, audience: str) -> tuple[str, int]:
        """(access token, seconds that it lasts)."""
        now = int(self._clock())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{application.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime,
            "appid": application.client_id,
            "idtyp": "app",
            "oid": application.object_id,
            "sub": application.object_id,
            "tid": application.tenant,
            "ver": "1.0",
            "uti": secrets.token_urlsafe(16),
            _GENERATION: self._generation,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), self.lifetime

    def read_token(self, token: str) -> tuple[dict[str, Any], bool] | None:
        """(claims, whether it has expired), or None for what was not given here."""
        unchecked = {"verify_exp": False, "verify_aud": False, "verify_nbf": False, "verify_iat": False}
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=[_ALGORITHM], options=unchecked)  # type: ignore[arg-type]  # a plain dict
        except jwt.InvalidTokenError:
            return None
        expired = claims["exp"] <= self._clock() or claims[_GENERATION] != self._generation
        return claims, expired

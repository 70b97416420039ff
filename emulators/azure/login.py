"""The token endpoint: what `azure-identity` asks for, and Entra's refusals."""

import re
import uuid
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from emulators.azure.directory import Application, Directory
from emulators.azure.errors import LoginError, json_reply
from emulators.azure.operations import Operation
from emulators.azure.places import LOGS, service_of
from emulators.azure.request import AzureRequest
from emulators.core.reply import Reply

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TENANT = r"(?P<tenant>[0-9a-zA-Z.-]+)"
_UNAUTHORIZED = 401


class Login:
    """Gives tokens to the applications of a directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def operations(self) -> list[Operation]:
        """What it serves."""
        well_known = rf"/{_TENANT}(/v2\.0)?/\.well-known/openid-configuration"
        return [
            Operation("login:configuration", "GET", re.compile(well_known), self._configuration),
            Operation("login:token", "POST", re.compile(rf"/{_TENANT}/oauth2/v2\.0/token"), self._token),
        ]

    def _configuration(self, request: AzureRequest) -> Reply:
        tenant = request.parts["tenant"]
        if not self._directory.knows(tenant):
            raise _refusal(400, "invalid_tenant", 90002, _no_tenant(tenant))
        base = f"{request.base}/{tenant}"
        return json_reply(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_types_supported": ["code", "id_token", "token"],
                "scopes_supported": ["openid"],
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "tenant_region_scope": "EU",
            }
        )

    def _token(self, request: AzureRequest) -> Reply:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        grant = form.get("grant_type", "")
        if grant != "client_credentials":
            text = f"The app requested an unsupported grant type '{grant}'."
            raise _refusal(400, "unsupported_grant_type", 70003, text)
        application = self._known(request.parts["tenant"], form.get("client_id", ""))
        _authenticate(application, form)
        token, lasts = self._directory.give_token(application, _audience(request, form, application))
        return json_reply(
            {"token_type": "Bearer", "expires_in": lasts, "ext_expires_in": lasts, "access_token": token},
            headers={"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"},
        )

    def _known(self, tenant: str, client_id: str) -> Application:
        if not self._directory.knows(tenant):
            raise _refusal(400, "invalid_request", 90002, _no_tenant(tenant))
        found = self._directory.find(tenant, client_id)
        if found is None:
            text = (
                f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen "
                "if the application has not been installed by the administrator of the tenant or consented to by any "
                "user in the tenant. You may have sent your authentication request to the wrong tenant."
            )
            raise _refusal(400, "unauthorized_client", 700016, text)
        return found


def _authenticate(application: Application, form: dict[str, str]) -> None:
    if "client_assertion" in form:
        if form.get("client_assertion_type") != _ASSERTION or form["client_assertion"] not in application.assertions:
            text = "No matching federated identity record found for presented assertion subject."
            raise _refusal(_UNAUTHORIZED, "invalid_client", 700213, text)
        return
    if "client_secret" not in form:
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise _refusal(_UNAUTHORIZED, "invalid_client", 7000218, text)
    expired = application.secrets.get(form["client_secret"])
    if expired is None:
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{application.client_id}'."
        )
        raise _refusal(_UNAUTHORIZED, "invalid_client", 7000215, text)
    if expired:
        text = (
            f"The provided client secret keys for app '{application.client_id}' are expired. Visit the Azure portal "
            "to create new keys for your app, or consider using certificate credentials for added security."
        )
        raise _refusal(_UNAUTHORIZED, "invalid_client", 7000222, text)


def _audience(request: AzureRequest, form: dict[str, str], application: Application) -> str:
    scope = form.get("scope", "")
    if not scope.endswith("/.default"):
        text = (
            f"The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid: the "
            "client credentials flow needs the resource with the suffix /.default."
        )
        raise _refusal(400, "invalid_scope", 1002012, text)
    resource = scope.removesuffix("/.default")
    # The logs client takes its endpoint for the audience: here that is this server.
    if service_of(resource) is None and resource.rstrip("/") != request.base:
        text = (
            f"The resource principal named {resource} was not found in the tenant named {application.tenant}. This "
            "can happen if the application has not been installed by the administrator of the tenant or consented to "
            "by any user in the tenant. You might have sent your authentication request to the wrong tenant."
        )
        raise _refusal(400, "invalid_resource", 500011, text)
    return resource


def audience_service(audience: str, base: str) -> str | None:
    """The service for which tokens of `audience` are; this server's own address stands for the logs."""
    return LOGS if audience.rstrip("/") == base else service_of(audience)


def _no_tenant(tenant: str) -> str:
    return (
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
        "correct cloud. Check with your subscription administrator, this may happen if there are no active "
        "subscriptions for the tenant."
    )


def _refusal(status: int, error: str, number: int, text: str) -> LoginError:
    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ}"
    return LoginError(status, error, number, text, trace=str(uuid.uuid4()), stamp=stamp)

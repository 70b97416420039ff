"""google.cloud.billing.v1: CloudCatalog and CloudBilling."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from google.cloud import billing_v1

from emulators.gcp import paging
from emulators.gcp.billing.accounts import Account, Accounts
from emulators.gcp.billing.catalog import CURRENCIES, Catalog, Sku
from emulators.gcp.errors import GoogleError, invalid, permission_denied
from emulators.gcp.projects import Projects
from emulators.gcp.rpc import Method

PAGE = 5000
_NANOS = 1_000_000_000
_GLOBAL = "global"
_UNITS = {
    "h": ("hour", "s", "second", 3600.0),
    "s": ("second", "s", "second", 1.0),
    "GiBy": ("gibibyte", "By", "byte", 2.0**30),
    "TiBy": ("tebibyte", "By", "byte", 2.0**40),
    "GiBy.h": ("gibibyte hour", "By.s", "byte second", 2.0**30 * 3600),
    "GiBy.s": ("gibibyte second", "By.s", "byte second", 2.0**30),
    "GiBy.mo": ("gibibyte month", "By.s", "byte second", 2.0**30 * 2_592_000),
    "count": ("count", "count", "count", 1.0),
}

_ServicesResponse = billing_v1.ListServicesResponse.pb()
_SkusResponse = billing_v1.ListSkusResponse.pb()
_AccountsResponse = billing_v1.ListBillingAccountsResponse.pb()
_ProjectsResponse = billing_v1.ListProjectBillingInfoResponse.pb()
_Account = billing_v1.BillingAccount.pb()
_ProjectInfo = billing_v1.ProjectBillingInfo.pb()
_Geo = billing_v1.GeoTaxonomy.Type


class Billing:
    """Answers from the catalogue and the accounts."""

    def __init__(self, catalog: Catalog, accounts: Accounts, projects: Projects, clock: Callable[[], float]) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._projects = projects
        self._clock = clock

    def methods(self) -> list[Method]:
        """What is served."""
        catalog, billing = "google.cloud.billing.v1.CloudCatalog", "google.cloud.billing.v1.CloudBilling"

        def method(service: str, name: str, request: Any, permission: str, answer: Callable[[Any], Any]) -> Method:
            of_project = name == "GetProjectBillingInfo"
            project = (lambda asked: asked.name) if of_project else (lambda _: "")
            return Method(service, name, f"cloudbilling:{name}", request.pb(), permission, project, answer)

        return [
            method(catalog, "ListServices", billing_v1.ListServicesRequest, "", self.list_services),
            method(catalog, "ListSkus", billing_v1.ListSkusRequest, "", self.list_skus),
            method(
                billing,
                "GetProjectBillingInfo",
                billing_v1.GetProjectBillingInfoRequest,
                "resourcemanager.projects.get",
                self.project_info,
            ),
            method(
                billing,
                "ListBillingAccounts",
                billing_v1.ListBillingAccountsRequest,
                "billing.accounts.list",
                self.list_accounts,
            ),
            method(
                billing,
                "GetBillingAccount",
                billing_v1.GetBillingAccountRequest,
                "billing.accounts.get",
                lambda request: _account(self._account(request.name)),
            ),
            method(
                billing,
                "ListProjectBillingInfo",
                billing_v1.ListProjectBillingInfoRequest,
                "billing.resourceAssociations.list",
                self.list_projects,
            ),
        ]

    def list_services(self, request: Any) -> Any:
        """A page of services."""
        response = _ServicesResponse()
        for service in _page(request, self._catalog.services(), response):
            response.services.add(
                name=f"services/{service.service_id}",
                service_id=service.service_id,
                display_name=service.name,
                business_entity_name="businessEntities/GCP",
            )
        return response

    def list_skus(self, request: Any) -> Any:
        """A page of the SKUs of a service, priced in the currency that was asked for."""
        service = self._catalog.service(request.parent.removeprefix("services/"))
        if service is None:
            raise GoogleError("NOT_FOUND", f"Service {request.parent} not found.")
        currency = request.currency_code or "USD"
        if currency not in CURRENCIES:
            raise invalid(f'Invalid currency code "{currency}".')
        response = _SkusResponse()
        for sku in _page(request, self._catalog.skus(service.service_id), response):
            _fill_sku(response.skus.add(), sku, service.name, currency, int(self._clock()))
        return response

    def project_info(self, request: Any) -> Any:
        """Which account pays for a project."""
        return self._info(self._projects.id_of(request.name))

    def list_accounts(self, request: Any) -> Any:
        """A page of accounts."""
        response = _AccountsResponse()
        for account in _page(request, self._accounts.all(), response):
            response.billing_accounts.append(_account(account))
        return response

    def list_projects(self, request: Any) -> Any:
        """A page of the projects of an account."""
        account = self._account(request.name)
        response = _ProjectsResponse()
        for project in _page(request, self._accounts.projects(account.account_id), response):
            response.project_billing_info.append(self._info(project))
        return response

    def _info(self, project: str) -> Any:
        account = self._accounts.of(project)
        return _ProjectInfo(
            name=f"projects/{project}/billingInfo",
            project_id=project,
            billing_account_name=f"billingAccounts/{account.account_id}" if account else "",
            billing_enabled=account is not None and account.is_open,
        )

    def _account(self, name: str) -> Account:
        for account in self._accounts.all():
            if name == f"billingAccounts/{account.account_id}":
                return account
        raise permission_denied("billing.accounts.get", name)


def _page(request: Any, items: list[Any], response: Any) -> list[Any]:
    """The items of this page; the token of the next goes into the response."""
    first = paging.position(request)[0]
    last = first + min(request.page_size or PAGE, PAGE)
    if last < len(items):
        response.next_page_token = paging.token(request, last)
    return items[first:last]


def _account(account: Account) -> Any:
    return _Account(
        name=f"billingAccounts/{account.account_id}",
        open_=account.is_open,
        display_name=account.display_name,
        currency_code=account.currency,
    )


def _fill_sku(message: Any, sku: Sku, service: str, currency: str, now: int) -> None:
    message.name = f"services/{sku.service_id}/skus/{sku.sku_id}"
    message.sku_id = sku.sku_id
    message.description = sku.description
    category = message.category
    category.service_display_name, category.resource_family = service, sku.family
    category.resource_group, category.usage_type = sku.group, sku.usage_type
    message.service_regions.extend(sku.regions or (_GLOBAL,))
    message.service_provider_name = "Google"
    geo = _Geo.GLOBAL if not sku.regions else _Geo.REGIONAL if len(sku.regions) == 1 else _Geo.MULTI_REGIONAL
    message.geo_taxonomy.type_ = geo
    message.geo_taxonomy.regions.extend(sku.regions)
    info = message.pricing_info.add(currency_conversion_rate=float(CURRENCIES[currency]))
    info.effective_time.seconds = now - now % 3600
    expression = info.pricing_expression
    words, base, base_words, factor = _UNITS[sku.unit]
    expression.usage_unit, expression.usage_unit_description = sku.unit, words
    expression.base_unit, expression.base_unit_description = base, base_words
    expression.base_unit_conversion_factor, expression.display_quantity = factor, 1.0
    for start, price in sku.tiers:
        tier = expression.tiered_rates.add(start_usage_amount=start)
        _fill_money(tier.unit_price, price * CURRENCIES[currency], currency)


def _fill_money(message: Any, amount: Decimal, currency: str) -> None:
    nanos = int((amount * _NANOS).to_integral_value())
    message.currency_code, message.units, message.nanos = currency, nanos // _NANOS, nanos % _NANOS

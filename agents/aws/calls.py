"""The one way to ask AWS: metered, limited, and with errors in our words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from agents.aws.errors import Asked, ExpiredCredentials, translate_errors
from agents.aws.events import asking
from agents.aws.session import AwsSession, account_of
from agents.aws.settings import AwsSettings
from agents.core.context import Context
from agents.core.spend import charge


@dataclass(frozen=True)
class _Request:
    service: str
    operation: str
    region: str
    units: int
    parameters: dict[str, Any]


class AwsCalls:
    """What one collection asks of one account in one region.

    Every method raises telemetry.errors.CollectionError and its kinds, nothing else.
    """

    def __init__(self, context: Context, region: str) -> None:
        self.context = context
        self.region = region
        self._account = account_of(context.shared, context.account)

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` ...: the second part of every ARN."""
        return self._session().partition(self.region)

    @property
    def account_id(self) -> str:
        """AWS's number of the account, asked for once: some listings do not tell it."""
        return self._account.number(lambda: str(self.call("sts", "GetCallerIdentity")["Account"]))

    def call(
        self, service: str, operation: str, *, units: int = 1, region: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """The answer to one call, for instance ``call("ec2", "DescribeInstances", MaxResults=1000)``.

        ``units`` is what it is paid by, where it is. Expired credentials are renewed, once, where they can be.
        """
        request = _Request(service, operation, region or self.region, units, parameters)
        session = self._session()
        try:
            return self._send(session, request)
        except ExpiredCredentials:
            if not session.renewable:
                raise
            return self._send(self._account.renew(session), request)

    def pages(
        self,
        service: str,
        operation: str,
        *,
        page_size: int | None = None,
        units: int = 1,
        region: str | None = None,
        **parameters: Any,
    ) -> Iterator[dict[str, Any]]:
        """The answers to as many calls as there are pages, each made when it is asked for."""
        from botocore.paginate import Paginator  # noqa: PLC0415 - an SDK is loaded where it is used

        asked = Asked(self.context, service, operation, region or self.region)
        session = self._session()
        with translate_errors(asked):
            model = session.client(service, asked.region).meta.service_model.operation_model(operation)
            paginator = Paginator(
                partial(self.call, service, operation, units=units, region=region),
                session.pagination(service, operation),
                model,
            )
            pages = iter(paginator.paginate(PaginationConfig={"PageSize": page_size}, **parameters))
        while True:
            with translate_errors(asked):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def _send(self, session: AwsSession, request: _Request) -> dict[str, Any]:
        self.context.check_deadline()
        self._charge(request)
        with translate_errors(Asked(self.context, request.service, request.operation, request.region)):
            client = session.client(request.service, request.region)
            method = getattr(client, _snake(client, request.operation))
            with asking(self.context, request.units):
                return cast("dict[str, Any]", method(**request.parameters))

    def _charge(self, request: _Request) -> None:
        """BudgetReached where the account's budget of the day does not hold the price of the call."""
        section = self.context.shared.settings.section(AwsSettings)
        price = self.context.meter.price(f"{request.service}:{request.operation}", request.units)
        if section is not None and section.budget_usd_per_day is not None and price:
            shared = self.context.shared
            account = f"aws/{self.context.account.name}"
            charge(shared.spend, account, price, section.budget_usd_per_day, shared.now())

    def _session(self) -> AwsSession:
        with translate_errors(Asked(self.context, "sts", "(session)", self.region)):
            return self._account.session()


def _snake(client: Any, operation: str) -> str:
    """boto3's name of the method: DescribeInstances is describe_instances."""
    names: dict[str, str] = client.meta.method_to_api_mapping
    return next(method for method, name in names.items() if name == operation)

"""The one way to call AWS: what it adds to agents.core.calls."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, cast

from agents.aws.api_call import AwsCall
from agents.aws.errors import translate
from agents.aws.session import AwsSession, account_of
from agents.aws.settings import AwsSettings
from agents.core.calls import Calls
from agents.core.context import Context
from telemetry.errors import CollectionError, Unavailable


class AwsCalls(Calls[AwsSession, AwsCall]):
    """What one collection asks of one account in one region."""

    #: botocore tries again itself: agents.aws.events meters and limits each of its attempts.
    attempts: ClassVar[int] = 1
    provider: ClassVar[str] = "aws"

    def __init__(self, context: Context, region: str) -> None:
        self._account = account_of(context.shared, context.account)
        super().__init__(context, self._account)
        self.region = region

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` ...: the second part of every ARN."""
        return self.session.partition(self.region)

    @property
    def account_id(self) -> str:
        """AWS's number of the account, asked for once: some listings do not tell it."""
        return self._account.number(self._ask_number)

    def _ask_number(self) -> str:
        number = self.call("sts", "GetCallerIdentity").get("Account")
        if not isinstance(number, str) or not number:
            raise Unavailable("sts:GetCallerIdentity: the answer has no Account: it is asked for anew")
        return number

    def call(
        self, service: str, operation: str, *, units: int = 1, region: str | None = None, **parameters: Any
    ) -> dict[str, Any]:
        """The answer to one call, for instance ``call("ec2", "DescribeInstances", MaxResults=1000)``.

        ``units`` is what it is paid by, where it is. Expired credentials are renewed, once, where they can be.
        """
        call = AwsCall(self.context, f"{service}:{operation}", region or self.region, units)

        def prepare(session: AwsSession) -> Any:
            self.charge(call.api, units)
            client = session.client(service, call.region)
            return getattr(client, _snake(client, operation))

        return self.make(lambda _: call, prepare, lambda method: cast("dict[str, Any]", method(**parameters)))

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

        call = AwsCall(self.context, f"{service}:{operation}", region or self.region, units)
        session = self.session
        with self.translating(call):
            model = session.client(service, call.region).meta.service_model.operation_model(operation)
            paginator = Paginator(
                partial(self.call, service, operation, units=units, region=region),
                session.pagination(service, operation),
                model,
            )
            pages = iter(paginator.paginate(PaginationConfig={"PageSize": page_size}, **parameters))
        while True:
            with self.translating(call):
                page = next(pages, None)
            if page is None:
                return
            yield page

    @property
    def session(self) -> AwsSession:
        """The account's session."""
        with self.translating(AwsCall(self.context, "sts:(session)", self.region)):
            return super().session

    @property
    def budget(self) -> Decimal | None:
        """``aws.budget_usd_per_day``."""
        section = self.context.shared.settings.section(AwsSettings)
        return section.budget_usd_per_day if section is not None else None

    def translate(self, error: Exception, call: AwsCall) -> CollectionError:
        """See agents.aws.errors."""
        return translate(error, call)

    def wait_for_turn(self, call: AwsCall) -> None:
        """Nothing: each attempt of botocore's waits for its own, see agents.aws.events."""

    def renewable(self, session: AwsSession) -> bool:
        """Written-down keys stay what they are."""
        return session.renewable


def _snake(client: Any, operation: str) -> str:
    """boto3's name of the method: DescribeInstances is describe_instances."""
    names: dict[str, str] = client.meta.method_to_api_mapping
    return next(method for method, name in names.items() if name == operation)

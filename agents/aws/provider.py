"""AWS as a provider."""

from __future__ import annotations

from agents.aws.settings import AwsSettings
from agents.core.provider import Provider


class Aws(Provider):
    """Amazon Web Services, by boto3."""

    name = "aws"
    title = "AWS"
    bills_as = ("AWS", "Amazon Web Services")
    settings = AwsSettings
    services = "agents.aws.services"
    permissions = "agents.aws.permissions"
    sdk = ("boto3", "botocore")
    install = "finfleet[aws]"

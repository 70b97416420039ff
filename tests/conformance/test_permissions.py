"""The documents of permissions: current, and for AWS a policy that IAM would take, by a linter that others wrote."""

import json
import re
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from agents.aws.permissions import BUCKET, FOLDER, NEEDS_NONE
from agents.core.permissions import document, documented_providers, file_name, permission_of
from agents.core.service import services

_DOCUMENTS = Path(__file__).parents[2] / "docs" / "permissions"
_KNOWN = Path(str(distribution("cfn-lint").locate_file("cfnlint/data/AdditionalSpecs/Policies.json")))
"""Every action of IAM, with the kinds of resources that it can be allowed on. It comes with moto, and is not imported:
that takes a second."""


@pytest.fixture(scope="module")
def statements() -> list[dict[str, Any]]:
    policy = json.loads(document("aws"))
    assert policy.keys() == {"Version", "Statement"}
    assert policy["Version"] == "2012-10-17"
    return list(policy["Statement"])


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    return dict(json.loads(_KNOWN.read_text(encoding="utf-8")))


def test_aws_has_one() -> None:
    assert "aws" in documented_providers()


@pytest.mark.parametrize("provider", documented_providers())
def test_the_document_is_current(provider: str) -> None:
    kept = (_DOCUMENTS / file_name(provider)).read_text(encoding="utf-8")
    assert kept == document(provider), f"finfleet permissions {provider} > docs/permissions/{file_name(provider)}"


def test_a_provider_without_one_calls_permissions_as_its_apis() -> None:
    assert permission_of("generic", "host:Read") == "host:Read"
    assert permission_of("aws", "s3:ListBuckets") == "s3:ListAllMyBuckets"
    with pytest.raises(LookupError, match="generic has no document of permissions; there are: aws"):
        document("generic")


def test_every_statement_has_the_form_that_iam_asks_for(statements: list[dict[str, Any]]) -> None:
    names = [statement["Sid"] for statement in statements]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in names)
    for statement in statements:
        assert statement.keys() - {"Condition"} == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert len(set(statement["Action"])) == len(statement["Action"]) > 0
        assert len(set(statement["Resource"])) == len(statement["Resource"]) > 0
    # What a customer-managed policy may hold, white space apart.
    assert len(re.sub(r"\s", "", document("aws"))) <= 6144


def test_iam_knows_every_action_and_the_resources_that_it_is_allowed_on(
    statements: list[dict[str, Any]], known: dict[str, Any]
) -> None:
    for statement in statements:
        kinds: set[str] = set()
        for action in statement["Action"]:
            service, name = action.split(":")
            assert name.lower() in {one.lower() for one in known[service]["Actions"]}, action
            formats = _formats(known[service], name)
            if statement["Resource"] == ["*"]:
                continue
            assert formats, f"{action} can be allowed on * alone"
            fitting = {one for one in statement["Resource"] if any(_fits(one, form) for form in formats)}
            assert fitting, f"{action} would be allowed on nothing"
            kinds |= fitting
        assert kinds == set() if statement["Resource"] == ["*"] else kinds == set(statement["Resource"])


def test_a_service_alone_is_allowed_what_it_says(statements: list[dict[str, Any]]) -> None:
    """Statements of other services can be left out."""
    for (provider, name), service in services().items():
        if provider == "aws":
            sid = name.title().replace("_", "")
            own = [one for one in statements if one["Sid"] in {sid, f"{sid}ListBucket", f"{sid}Resources"}]
            allowed = {action for statement in own for action in statement["Action"]}
            assert allowed == set(service.permissions) - NEEDS_NONE


def test_exports_of_bills_are_read_in_their_folder_alone(statements: list[dict[str, Any]]) -> None:
    """Whoever forgets to fill in the names has allowed nothing, and not everything."""
    about = [one for one in statements if {"s3:ListBucket", "s3:GetObject"} & set(one["Action"])]
    assert {action for one in about for action in one["Action"]} == {"s3:ListBucket", "s3:GetObject"}
    for one in about:
        if one["Action"] == ["s3:ListBucket"]:
            assert one["Resource"] == [f"arn:*:s3:::{BUCKET}"]
            assert one["Condition"] == {"StringLike": {"s3:prefix": [f"{FOLDER}/*"]}}
        else:
            assert one["Resource"] == [f"arn:*:s3:::{BUCKET}/{FOLDER}/*"]
            assert "Condition" not in one


def _formats(service: dict[str, Any], action: str) -> list[str]:
    """ARNs as regular expressions, with the names of variables for their values."""
    kinds = next(found for name, found in service["Actions"].items() if name.lower() == action.lower())
    return [form for kind in (kinds or {}).get("Resources", ()) for form in service["Resources"][kind]["ARNFormats"]]


def _fits(resource: str, form: str) -> bool:
    """Whether the pattern covers every ARN of the format."""
    named = resource.replace(f"{BUCKET}/{FOLDER}/*", "*").replace(BUCKET, "*")
    return _parts(named) == _parts(re.sub(r"\$\{\w+\}|\.\*", "*", form))


def _parts(arn: str) -> Iterable[str]:
    return re.sub(r"/\*(/\*)*$", "/*", arn).split(":", 5)

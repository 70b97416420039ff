"""The Retail Prices API of the local Azure."""

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from emulators.azure import LocalAzure

_VM = "armRegionName eq 'eastus' and armSkuName eq 'Standard_D2s_v5'"


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        azure.limits.prices = (1_000_000, 1)
        yield azure


@pytest.fixture
def client(azure: LocalAzure) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=azure.ca_file)
    with httpx.Client(base_url=azure.endpoints["prices"], verify=context) as client:
        yield client
    azure.prices.page_size = 1000


def ask(client: httpx.Client, text: str = "", **more: str) -> Any:
    answer = client.get("/api/retail/prices", params={**({"$filter": text} if text else {}), **more})
    return answer.raise_for_status().json()


def prices(found: Any) -> list[tuple[str, str, str, float]]:
    return sorted((i["productName"], i["skuName"], i["type"], i["retailPrice"]) for i in found["Items"])


def test_one_size_is_sold_in_many_forms_and_needs_no_token(client: httpx.Client) -> None:
    found = ask(client, _VM)
    assert (found["BillingCurrency"], found["NextPageLink"]) == ("USD", None)
    assert found["Count"] == len(found["Items"]) == 11
    now = [item for item in found["Items"] if item["type"] == "Consumption" and "effectiveEndDate" not in item]
    forms = {(item["productName"].rpartition(" Series")[2], item["skuName"]): item["retailPrice"] for item in now}
    assert forms["", "D2s v5"] == 0.096
    assert forms[" Windows", "D2s v5"] == 0.188
    assert forms["", "D2s v5 Spot"] < forms["", "D2s v5"]
    assert forms["", "D2s v5 Low Priority"] < forms["", "D2s v5"]
    reserved = {i["reservationTerm"]: i["retailPrice"] for i in found["Items"] if i["type"] == "Reservation"}
    assert set(reserved) == {"1 Year", "3 Years"}
    assert reserved["1 Year"] > 500  # for the whole term, whatever its unit says


@pytest.mark.parametrize(
    ("text", "test"),
    [
        (f"{_VM} and priceType eq 'Reservation'", lambda item: item["type"] == "Reservation"),
        (f"{_VM} and contains(meterName, 'Spot')", lambda item: "Spot" in item["meterName"]),
        (f"{_VM} and skuName ne 'D2s v5'", lambda item: item["skuName"] != "D2s v5"),
        (
            "(armRegionName eq 'eastus' or armRegionName eq 'uksouth') and serviceName eq 'Functions'",
            lambda item: item["serviceName"] == "Functions" and item["armRegionName"] in {"eastus", "uksouth"},
        ),
        ("serviceName eq 'Storage' and endswith(skuName, 'GRS')", lambda item: item["skuName"] == "Hot GRS"),
    ],
)
def test_filters_are_really_evaluated(azure: LocalAzure, client: httpx.Client, text: str, test: Any) -> None:
    found = ask(client, text)["Items"]
    assert all(test(item) for item in found)
    everything = ask(client, " and ".join(text.split(" and ")[:2])) if text.startswith(_VM) else None
    assert found
    if everything is not None:
        assert len(found) == sum(test(item) for item in everything["Items"]) < everything["Count"]


@pytest.mark.parametrize(
    "text",
    [
        "armRegionName = 'eastus'",
        "colour eq 'red'",
        "armSkuName in ('Standard_D2s_v5')",
        "not contains(productName, 'Windows')",
        "retailPrice gt 1",
        "armRegionName eq 'eastus",
        " or ".join(f"armSkuName eq 'S{n}'" for n in range(21)),
    ],
)
def test_what_the_api_does_not_take_is_refused(client: httpx.Client, text: str) -> None:
    answer = client.get("/api/retail/prices", params={"$filter": text})
    assert answer.status_code == 400
    assert answer.json() == {"Error": {"Code": "BadRequest", "Message": "Invalid OData parameters supplied"}}


def test_values_are_told_apart_by_case_but_for_an_old_version(client: httpx.Client) -> None:
    text = "serviceName eq 'functions' and armRegionName eq 'eastus'"
    assert ask(client, text)["Items"] == []
    assert ask(client, text, **{"api-version": "2021-10-01-preview"})["Count"] == 4
    assert client.get("/api/retail/prices", params={"api-version": "1999-01-01"}).status_code == 400


def test_another_currency_and_the_savings_plans(client: httpx.Client) -> None:
    text = f"{_VM} and priceType eq 'Consumption'"
    dollars, euros = ask(client, text), ask(client, text, currencyCode="'EUR'")
    assert {item["currencyCode"] for item in euros["Items"]} == {"EUR"}
    for one, other in zip(prices(dollars), prices(euros), strict=True):
        assert other[3] == pytest.approx(one[3] * 0.9012, abs=1e-6)
    assert client.get("/api/retail/prices", params={"currencyCode": "XXX"}).status_code == 400
    assert not any("savingsPlan" in item for item in dollars["Items"])
    newer = ask(client, text, **{"api-version": "2023-01-01-preview"})
    assert any("savingsPlan" in item for item in newer["Items"])


def test_pages(azure: LocalAzure, client: httpx.Client) -> None:
    everything = ask(client, "armRegionName eq 'eastus'", currencyCode="EUR")
    azure.prices.page_size = 25
    azure.reset_calls()
    page = ask(client, "armRegionName eq 'eastus'", currencyCode="EUR")
    items = page["Items"]
    while page["NextPageLink"]:
        assert page["Count"] == 25
        page = client.get(page["NextPageLink"]).json()
        items += page["Items"]
    assert items == everything["Items"]
    assert azure.calls() == {"retailprices:items": -(-everything["Count"] // 25)}


def test_a_size_without_a_price(client: httpx.Client) -> None:
    assert ask(client, "armSkuName eq 'Standard_D2als_v6'")["Items"] == []


def test_throttled() -> None:
    with LocalAzure() as azure:
        azure.limits.prices = (1, 600)
        context = ssl.create_default_context(cafile=azure.ca_file)
        with httpx.Client(base_url=azure.url, verify=context) as client:
            assert client.get("/api/retail/prices").status_code == 200
            answer = client.get("/api/retail/prices")
        assert (answer.status_code, answer.headers["retry-after"] > "0") == (429, True)

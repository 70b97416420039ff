"""Files of a synthetic bill, as AWS lays out CUR 2.0: hourly and by resource, with maps of tags."""

from __future__ import annotations

from pathlib import Path

import duckdb

from agents.core.bills.layouts import Columns, Layout

HOURS = 720
FILES = 10
"""Of each format."""
TYPES = {
    "line_item_usage_start_date": "timestamptz",
    "line_item_usage_end_date": "timestamptz",
    "bill_billing_period_start_date": "timestamptz",
    "bill_billing_period_end_date": "timestamptz",
    "line_item_usage_amount": "numeric",
    "line_item_unblended_cost": "numeric",
    "line_item_blended_cost": "numeric",
    "pricing_public_on_demand_cost": "numeric",
    "savings_plan_savings_plan_effective_cost": "numeric",
    "resource_tags": "jsonb",
    "product": "jsonb",
}
"""In a table of Postgres; all others are text."""
_ROWS = """
SELECT 'li' || lpad(i::VARCHAR, 30, '0') AS identity_line_item_id,
       strftime(t, '%Y-%m-%dT%H:%M:%SZ') || '/' || strftime(t + INTERVAL 1 HOUR, '%Y-%m-%dT%H:%M:%SZ')
           AS identity_time_interval,
       'Anniversary' AS bill_bill_type, '123456789012' AS bill_payer_account_id, 'AWS' AS bill_billing_entity,
       TIMESTAMP '2026-05-01' AS bill_billing_period_start_date, TIMESTAMP '2026-06-01' AS bill_billing_period_end_date,
       '' AS bill_invoice_id, lpad((r % 50)::VARCHAR, 12, '1') AS line_item_usage_account_id,
       'account ' || (r % 50) AS line_item_usage_account_name,
       CASE WHEN r % 7 = 0 THEN 'SavingsPlanCoveredUsage' ELSE 'Usage' END AS line_item_line_item_type,
       t AS line_item_usage_start_date, t + INTERVAL 1 HOUR AS line_item_usage_end_date,
       ['AmazonEC2', 'AmazonS3', 'AmazonRDS', 'AWSLambda', 'AmazonCloudWatch'][r % 5 + 1] AS line_item_product_code,
       'USE1-BoxUsage:m5.' || (r % 60) || 'xlarge' AS line_item_usage_type,
       'RunInstances:' || (r % 9) AS line_item_operation, 'us-east-1' || chr((97 + r % 4)::INT)
           AS line_item_availability_zone,
       'arn:aws:ec2:us-east-1:123456789012:instance/i-' || lpad(r::VARCHAR, 17, '0') AS line_item_resource_id,
       1.0::DOUBLE AS line_item_usage_amount, 'USD' AS line_item_currency_code, '0.0' || (r % 97)
           AS line_item_unblended_rate,
       (r % 97) / 1000.0::DOUBLE * (1 + hash(i) % 1000 / 1e7) AS line_item_unblended_cost,
       (r % 97) / 1000.0::DOUBLE AS line_item_blended_cost,
       '$0.0' || (r % 97) || ' per On Demand Linux m5.' || (r % 60) || 'xlarge Instance Hour'
           AS line_item_line_item_description,
       'Amazon Web Services, Inc.' AS line_item_legal_entity, 'Hrs' AS pricing_unit, 'OnDemand' AS pricing_term,
       (r % 97) / 900.0::DOUBLE AS pricing_public_on_demand_cost, 'ABCDEFGHIJKL.' || (r % 60) AS product_sku,
       'us-east-1' AS product_region_code, 'Compute Instance' AS product_product_family,
       CASE WHEN r % 7 = 0 THEN 'arn:aws:savingsplans::123456789012:savingsplan/sp-' || (r % 3) END
           AS savings_plan_savings_plan_arn,
       CASE WHEN r % 7 = 0 THEN (r % 97) / 1200.0::DOUBLE END AS savings_plan_savings_plan_effective_cost,
       MAP(['user_team', 'user_env'], ['team ' || (r % 20), ['prod', 'dev'][r % 2 + 1]]) AS resource_tags,
       MAP(['instance_type', 'operating_system'], ['m5.' || (r % 60) || 'xlarge', 'Linux']) AS product
  FROM (SELECT i, i % {resources} AS r, TIMESTAMP '2026-05-01' + to_hours((i // {resources})::INT) AS t
          FROM range({start}, {end}) AS lines(i))
"""


def write_bill(folder: Path, lines: int) -> None:
    """Write so many lines twice: as Parquet, and as CSV in gzip."""
    connection = duckdb.connect(config={"memory_limit": "600MB", "preserve_insertion_order": False})
    resources, step = max(1, lines // HOURS), -(-lines // FILES)
    for number, start in enumerate(range(0, lines, step)):
        rows = _ROWS.format(resources=resources, start=start, end=min(lines, start + step))
        name = folder / f"cur-{number:05}"
        connection.execute(f"COPY ({rows}) TO '{name}.snappy.parquet' (FORMAT parquet, COMPRESSION snappy)")
        flat = "* REPLACE (to_json(resource_tags) AS resource_tags, to_json(product) AS product)"
        connection.execute(
            f"COPY (SELECT {flat} FROM '{name}.snappy.parquet')"  # noqa: S608 - our own
            f" TO '{name}.csv.gz' (FORMAT csv, HEADER, COMPRESSION gzip)"
        )
    connection.close()


def layout(columns: Columns) -> Layout:
    """Of these files; every column but the ids of lines is used."""
    text = columns.text
    return Layout(
        start=text("line_item_usage_start_date"),
        end=text("line_item_usage_end_date"),
        currency=text("line_item_currency_code"),
        fields={
            "charge_type": text("line_item_line_item_type"),
            "charge_description": text("line_item_line_item_description"),
            "service_name": text("line_item_product_code"),
            "sub_account_id": text("line_item_usage_account_id"),
            "sub_account_name": text("line_item_usage_account_name"),
            "region_id": text("product_region_code"),
            "resource_id": text("line_item_resource_id"),
            "sku_id": text("product_sku"),
            "unit": text("pricing_unit"),
            "availability_zone": text("line_item_availability_zone"),
            "invoice_id": text("bill_invoice_id"),
            "commitment_discount_id": text("savings_plan_savings_plan_arn"),
        },
        numbers={
            "billed_cost": text("line_item_unblended_cost"),
            "effective_cost": text("savings_plan_savings_plan_effective_cost", "line_item_unblended_cost"),
            "list_cost": text("pricing_public_on_demand_cost"),
            "quantity": text("line_item_usage_amount"),
        },
        amounts={"BlendedCost": text("line_item_blended_cost")},
        tags=text("resource_tags"),
        details={
            "UsageType": text("line_item_usage_type"),
            "Operation": text("line_item_operation"),
            "Term": text("pricing_term"),
            "ProductFamily": text("product_product_family"),
            "Product": text("product"),
            "LegalEntity": text("line_item_legal_entity"),
            "PayerAccount": text("bill_payer_account_id"),
            "BillType": text("bill_bill_type"),
        },
    )

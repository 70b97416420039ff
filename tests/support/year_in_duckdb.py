"""What each question about the year comes to, by DuckDB over the rows of the seed: nothing of the views is in it.

Each names the columns that it computes, and the rest of what it is asked with. What is left out of the columns follows
from these: changes and percentages, which a test reckons by itself.
"""

# ruff: noqa: S608, E501 - statements of ours, as wide as they are

from __future__ import annotations

from typing import NamedTuple

from storage.questions import Given

SINCE, UNTIL = "2025-04-01", "2026-04-01"
_YEAR = Given(since=SINCE, until=UNTIL)
_MARCH = Given(since="2026-03-01", until=UNTIL)
_WITHOUT = "coalesce(sum(lines) FILTER ({0} IS NULL), 0) AS without_{0}"
_BILLED, _EFFECTIVE = _WITHOUT.format("billed_cost"), _WITHOUT.format("effective_cost")
_BOTH = "sum(billed_cost) AS billed_cost, sum(effective_cost) AS effective_cost"
_IN_MARCH = "FROM bill WHERE day >= '2026-03-01' AND day < '2026-04-01'"
_ALIKE = "regexp_replace(lower(tags['team']), '[^a-z0-9]', '', 'g')"
_STATUS = """CASE WHEN commitment_discount_status <> '' THEN commitment_discount_status
WHEN charge_type = 'SavingsPlanRecurringFee' THEN 'Unused' ELSE '' END"""
_TOLD = "(pricing_category <> '' OR commitment_discount_id <> '')"
_CUT = "CASE WHEN day >= '2026-03-01' THEN 'now' ELSE 'then' END"
_FORMERLY = "FROM bill WHERE day >= '2026-01-29' AND day < '2026-04-01'"
"""As many days before March."""


class Reckoned(NamedTuple):
    """A question, and DuckDB's answer."""

    name: str
    given: Given
    query: str


def _grouped(name: str, given: Given, keys: str, sums: str, where: str = "FROM bill") -> Reckoned:
    return Reckoned(name, given, f"SELECT {keys}, {sums} {where} GROUP BY ALL")


def _monthly(name: str, given: Given, key: str, value: str, where: str = "FROM bill", *, more: str = "") -> Reckoned:
    """By month; what was there the month before, and is not any more, is told of too."""
    return Reckoned(
        name,
        given,
        f"""
        WITH told AS (SELECT month, provider, {value} AS {key}, currency AS billing_currency, {_BOTH}, {_BILLED},
                             {_EFFECTIVE}{more} {where} GROUP BY ALL),
             next AS (SELECT * REPLACE ((month + INTERVAL 1 MONTH)::DATE AS month) FROM told WHERE month < '2026-03-01')
        SELECT * FROM told
         UNION ALL
        SELECT month, provider, {key}, billing_currency, NULL, NULL, 0, 0{", NULL" if more else ""}
          FROM next AS n
         WHERE NOT EXISTS (SELECT 1 FROM told AS t WHERE (t.month, t.provider, t.billing_currency)
                               = (n.month, n.provider, n.billing_currency) AND t.{key} IS NOT DISTINCT FROM n.{key})""",
    )


def _by(name: str, by: str, column: str, given: Given = _YEAR) -> Reckoned:
    return _monthly(name, given_by(given, by), "item", column, more=", bool_or(estimated) AS estimated")


def given_by(given: Given, by: str) -> Given:
    return Given(since=given.since, until=given.until, by=by)


def _charges(name: str, condition: str) -> Reckoned:
    keys = (
        "month, provider, sub_account_id, service_name, charge_type, charge_description, currency AS billing_currency"
    )
    return _grouped(name, _YEAR, keys, f"{_BOTH}, sum(lines) AS lines, {_BILLED}", f"FROM bill WHERE {condition}")


def _moved(name: str, key: str, where: str) -> Reckoned:
    return Reckoned(
        name,
        _MARCH,
        f"""
        SELECT provider, {key}, currency AS billing_currency,
               sum(billed_cost) FILTER ({_CUT} = 'now') AS billed_cost,
               sum(billed_cost) FILTER ({_CUT} = 'then') AS former_cost
          {_FORMERLY} {where}
         GROUP BY ALL HAVING count(billed_cost) > 0""",
    )


def _new(name: str, key: str, where: str) -> Reckoned:
    return Reckoned(
        name,
        _MARCH,
        f"""
        SELECT CASE WHEN is_new THEN 'new' ELSE 'gone' END AS what, * EXCLUDE (is_new, is_gone, cost),
               CASE WHEN is_new THEN cost END AS billed_cost, CASE WHEN is_gone THEN cost END AS former_cost
          FROM (SELECT provider, {key}, currency AS billing_currency, min(day) AS first_day, max(day) AS last_day,
                       sum(billed_cost) AS cost, bool_and({_CUT} = 'now') AS is_new, bool_and({_CUT} = 'then') AS is_gone
                  {_FORMERLY} {where} GROUP BY ALL)
         WHERE is_new <> is_gone""",
    )


def _count_of(name: str, metric: str) -> Reckoned:
    return Reckoned(
        name,
        _MARCH,
        f"""
        WITH counted AS (SELECT resource, sum(total) AS count, count(DISTINCT day) AS days_measured
                           FROM metrics WHERE metric = '{metric}' AND day >= '2026-03-01' GROUP BY resource),
             billed AS (SELECT resource_id, currency, sum(effective_cost) AS effective_cost, {_EFFECTIVE}
                          {_IN_MARCH} AND provider = 'aws' AND charge_category = 'Usage' GROUP BY ALL)
        SELECT 'arn:aws:ec2:eu-1:111:thing/' || resource AS resource_id, currency AS billing_currency, effective_cost,
               count::DECIMAL(38, 12) AS count, days_measured, without_effective_cost
          FROM counted LEFT JOIN billed ON resource_id = resource""",
    )


RECKONED = (
    _by("monthly_costs", "service", "service_name"),
    _by("monthly_costs", "account", "sub_account_id"),
    _by("monthly_costs", "region", "region_id"),
    _by("monthly_costs", "provider", "''"),
    _by("monthly_costs", "charge_category", "charge_category"),
    _by("monthly_costs", "configured_account", "account"),
    _monthly("monthly_costs_by_category", _YEAR, "service_category", "service_category"),
    _monthly("monthly_costs_by_tag", Given(since=SINCE, until=UNTIL, tag="team"), "tag_value", "tags['team']"),
    _monthly("monthly_costs_by_tag", Given(since=SINCE, until=UNTIL, tag="team=web-shop"), "tag_value", "tags['team']",
             "FROM bill WHERE tags['team'] = 'web-shop'"),
    _grouped("daily_costs", _YEAR, "day, provider, service_name AS item, currency AS billing_currency",
             f"{_BOTH}, {_BILLED}, {_EFFECTIVE}, bool_or(estimated) AS estimated"),
    Reckoned("month_to_date", Given(until="2026-03-21"), """
        SELECT DATE '2026-03-01' AS month, DATE '2026-03-20' AS through, provider, service_name AS item,
               currency AS billing_currency,
               sum(billed_cost) FILTER (day >= '2026-03-01') AS billed_cost,
               sum(billed_cost) FILTER (day < '2026-02-21') AS former_cost,
               sum(billed_cost) FILTER (day < '2026-03-01') AS former_month_cost,
               coalesce(sum(lines) FILTER (billed_cost IS NULL AND day >= '2026-03-01'), 0) AS without_billed_cost
          FROM bill WHERE day >= '2026-02-01' AND day < '2026-03-21' GROUP BY ALL"""),
    _grouped("top_resources", _MARCH,
             "provider, sub_account_id, service_name, region_id, resource_id, currency AS billing_currency",
             f"{_BOTH}, {_BILLED}, {_EFFECTIVE}", _IN_MARCH),
    _moved("top_movers", "service_name AS item", ""),
    _moved("resource_movers", "service_name, resource_id", "AND resource_id <> ''"),
    _new("new_and_gone", "service_name AS item", ""),
    _new("new_and_gone_resources", "resource_id", "AND resource_id <> ''"),
    Reckoned("why_costs_changed", _MARCH, f"""
        SELECT provider, service_name AS item, currency AS billing_currency,
               coalesce(sum(billed_cost) FILTER ({_CUT} = 'now'), 0) AS billed_cost,
               coalesce(sum(billed_cost) FILTER ({_CUT} = 'then'), 0) AS former_cost,
               0::DECIMAL AS restatement, {_BILLED}
          {_FORMERLY} GROUP BY ALL"""),
    _grouped("costs_by_sku", _MARCH,
             "provider, service_name, sku_id, charge_description, currency AS billing_currency, unit",
             f"sum(quantity) AS quantity, {_BOTH}, sum(list_cost) AS list_cost, sum(contracted_cost) AS contracted_cost",
             _IN_MARCH),
    _grouped("costs_by_zone", _MARCH,
             "provider, sub_account_id, region_id, availability_zone, currency AS billing_currency",
             f"{_BOTH}, {_BILLED}, {_EFFECTIVE}", _IN_MARCH),
    _grouped("costs_by_service_and_region", _MARCH,
             "provider, service_name, region_id, sub_account_id, currency AS billing_currency",
             f"{_BOTH}, {_BILLED}, {_EFFECTIVE}", _IN_MARCH),
    _grouped("costs_by_breakdown", _YEAR,
             "breakdown, month, provider, account,"
             " CASE breakdown WHEN 'region' THEN region_id ELSE tags['team'] END AS value, currency AS billing_currency",
             f"{_BOTH}, {_BILLED}, {_EFFECTIVE}", "FROM told WHERE newest AND breakdown <> ''"),
    _grouped("usage_by_month", _YEAR, "month, provider, service_name, unit",
             "sum(quantity) AS quantity, coalesce(sum(lines) FILTER (quantity IS NULL), 0) AS without_quantity",
             "FROM bill WHERE charge_category = 'Usage'"),
    _grouped("cash_and_accrual", _YEAR, "month, provider, currency AS billing_currency",
             f"{_BOTH}, {_BILLED}, {_EFFECTIVE}"),
    _grouped("invoices", _YEAR, "invoice_month, provider, sub_account_id, invoice_id, currency AS billing_currency",
             f"sum(billed_cost) AS billed_cost, sum(lines) AS lines, {_BILLED}"),
    _grouped("late_charges", _YEAR,
             "month, invoice_month, provider, service_name, charge_category, currency AS billing_currency",
             f"sum(billed_cost) AS billed_cost, sum(lines) AS lines, {_BILLED}",
             "FROM bill WHERE invoice_month <> month"),
    _charges("credits", "charge_category = 'Credit'"),
    _charges("tax", "charge_category = 'Tax'"),
    _charges("purchases", "charge_category = 'Purchase'"),
    _charges("refunds", "charge_type = 'Refund'"),
    _charges("corrections", "charge_class = 'Correction'"),
    _grouped("charge_categories", _YEAR, "month, provider, charge_category, currency AS billing_currency",
             f"{_BOTH}, sum(lines) AS lines, {_BILLED}, {_EFFECTIVE}"),
    _grouped("marketplace", _YEAR,
             "month, provider, coalesce(details['ServiceProviderName'], details['LegalEntity']) AS service_provider,"
             " details['HostProviderName'] AS host_provider, service_name, currency AS billing_currency",
             f"{_BOTH}, sum(lines) AS lines, {_BILLED}", "FROM bill WHERE service_name IN ('Vendor''s Tool', 'Other Tool')"),
    Reckoned("restatements", _YEAR, """
        WITH sums AS (SELECT month, provider, account, window_start, attempt, service_name, currency,
                             sum(billed_cost) AS cost, min(settled_on) AS settled_on
                        FROM (SELECT * REPLACE (date_trunc('month', window_start)::DATE AS month) FROM told WHERE breakdown = '')
                       GROUP BY ALL),
             both_sides AS (SELECT coalesce(b.month, a.month) AS month, coalesce(b.provider, a.provider) AS provider,
                              coalesce(b.account, a.account) AS account,
                              coalesce(b.service_name, a.service_name) AS service_name,
                              coalesce(b.currency, a.currency) AS currency,
                              coalesce(b.window_start, a.window_start) AS window_start,
                              coalesce(b.cost, 0) - coalesce(a.cost, 0) AS change
                         FROM (SELECT * FROM sums WHERE attempt = 2) AS b
                         FULL JOIN (SELECT s.* FROM sums AS s WHERE attempt = 1 AND EXISTS (
                                        SELECT 1 FROM sums AS o WHERE o.attempt = 2 AND o.account = s.account
                                           AND o.window_start = s.window_start)) AS a
                           ON (a.account, a.window_start, a.service_name, a.currency)
                              = (b.account, b.window_start, b.service_name, b.currency))
        SELECT month, provider, account, service_name, currency AS billing_currency, sum(change) AS change
          FROM both_sides GROUP BY ALL"""),
    _grouped("commitment_coverage", _YEAR, "month, provider, service_name, currency AS billing_currency",
             f"sum(effective_cost) FILTER ({_TOLD} AND commitment_discount_id <> '') AS covered_cost,"
             f" sum(effective_cost) FILTER ({_TOLD} AND commitment_discount_id = '') AS uncovered_cost,"
             f" sum(effective_cost) FILTER (NOT {_TOLD}) AS unknown_cost, {_EFFECTIVE}",
             f"FROM bill WHERE charge_category = 'Usage' AND {_STATUS} <> 'Unused'"),
    _grouped("commitment_utilisation", _YEAR, "month, provider, commitment_discount_id, currency AS billing_currency",
             f"sum(effective_cost) FILTER ({_STATUS} = 'Used') AS used_cost,"
             f" sum(effective_cost) FILTER ({_STATUS} = 'Unused') AS unused_cost,"
             f" sum(effective_cost) FILTER ({_STATUS} = '' AND charge_category <> 'Purchase') AS unknown_cost",
             "FROM bill WHERE commitment_discount_id <> ''"),
    _grouped("commitment_unused", _YEAR,
             "day, provider, sub_account_id, commitment_discount_id, currency AS billing_currency",
             f"sum(effective_cost) AS effective_cost, {_EFFECTIVE}",
             f"FROM bill WHERE commitment_discount_id <> '' AND {_STATUS} = 'Unused'"),
    _grouped("commitment_expiry", _YEAR, "provider, commitment_discount_id, currency AS billing_currency",
             "max(details['x_CommitmentDiscountEnd'])[:10]::DATE AS ends_on, min(day) AS first_day,"
             " max(day) AS last_day, DATE '2026-03-31' - max(day) AS quiet_days, sum(effective_cost) AS effective_cost",
             "FROM bill WHERE commitment_discount_id <> ''"),
    Reckoned("effective_savings_rate", _YEAR, """
        WITH grouped AS (SELECT month, provider, currency, day, sub_account_id, service_name, region_id, invoice_month,
                                invoice_id, account, window_start,
                                count(*) = count(list_cost) AND count(*) = count(effective_cost) AS whole,
                                count(*) - count(contracted_cost) AS uncontracted, sum(list_cost) AS list_cost,
                                sum(contracted_cost) AS contracted_cost, sum(effective_cost) AS effective_cost
                           FROM bill WHERE charge_category = 'Usage' GROUP BY ALL)
        SELECT month, provider, currency AS billing_currency, sum(list_cost) FILTER (whole) AS list_cost,
               CASE WHEN coalesce(sum(uncontracted) FILTER (whole), 0) = 0
                    THEN sum(contracted_cost) FILTER (whole) END AS contracted_cost,
               sum(effective_cost) FILTER (whole) AS effective_cost,
               sum(effective_cost) FILTER (NOT whole) AS left_out_cost
          FROM grouped GROUP BY ALL"""),
    _grouped("discounts_by_service", _MARCH, "provider, service_name, currency AS billing_currency",
             f"sum(list_cost) AS list_cost, sum(contracted_cost) AS contracted_cost, {_BOTH}, {_BILLED}, {_EFFECTIVE},"
             f" {_WITHOUT.format('list_cost')}, {_WITHOUT.format('contracted_cost')}", _IN_MARCH),
    _grouped("data_transfer", _YEAR,
             "provider, service_name, charge_description, sku_id, region_id, currency AS billing_currency, unit",
             f"sum(quantity) AS quantity, {_BOTH}, {_BILLED}", "FROM bill WHERE charge_description = 'data transfer out'"),
    _grouped("storage_by_class", _YEAR,
             "provider, service_name, charge_description AS class, currency AS billing_currency, unit",
             f"sum(quantity) AS quantity, {_BOTH}, {_BILLED}", "FROM bill WHERE service_category = 'Storage'"),
    _grouped("unit_costs", _YEAR, "month, provider, service_name, unit, currency AS billing_currency",
             "sum(quantity) FILTER (effective_cost IS NOT NULL) AS quantity,"
             " sum(effective_cost) FILTER (quantity IS NOT NULL) AS effective_cost,"
             " coalesce(sum(lines) FILTER (effective_cost IS NULL OR quantity IS NULL), 0) AS left_out_lines",
             "FROM bill WHERE charge_category = 'Usage'"),
    _count_of("cost_per_invocation", "invocations"),
    _count_of("cost_per_request", "requests"),
    _count_of("cost_per_prediction", "prediction_count"),
    Reckoned("cost_per_stored_gb", _MARCH, f"""
        WITH held AS (SELECT resource, day, total / 1000000000 AS gigabytes FROM metrics
                       WHERE metric = 'size_bytes' AND day >= '2026-03-01'),
             sizes AS (SELECT resource, sum(gigabytes)::DECIMAL(38, 12) AS gigabyte_days, count(*) AS days_measured
                         FROM held GROUP BY resource),
             billed AS (SELECT resource_id, currency, sum(effective_cost) AS effective_cost, {_EFFECTIVE}
                          FROM bill JOIN held ON resource = resource_id AND held.day = bill.day
                         WHERE charge_category = 'Usage' GROUP BY ALL)
        SELECT 'arn:aws:ec2:eu-1:111:thing/' || resource AS resource_id, currency AS billing_currency, effective_cost,
               gigabyte_days, days_measured, without_effective_cost
          FROM sizes LEFT JOIN billed ON resource_id = resource"""),
    Reckoned("cost_per_core_hour", _MARCH, f"""
        WITH cores AS (SELECT * FROM (VALUES ('compute-0', 2), ('compute-1', 4), ('compute-2', 8), ('compute-3', NULL),
                                             ('compute-4', NULL)) AS c (machine, cores)),
             billed AS (SELECT resource_id, currency, sum(effective_cost) AS cost, sum(quantity) AS hours,
                               bool_and(effective_cost IS NOT NULL AND quantity IS NOT NULL) AS whole
                          {_IN_MARCH} AND charge_category = 'Usage' AND unit = 'Hours' GROUP BY ALL),
             machines AS (SELECT billed.*, CASE WHEN whole THEN cores END AS known
                            FROM billed JOIN cores ON machine = resource_id)
        SELECT 'aws' AS provider, currency AS billing_currency, count(*) FILTER (known IS NOT NULL) AS machines,
               sum(hours * known) AS core_hours, sum(cost) FILTER (known IS NOT NULL) AS effective_cost,
               count(*) FILTER (known IS NULL) AS machines_left_out, sum(cost) FILTER (known IS NULL) AS left_out_cost
          FROM machines GROUP BY ALL"""),
    Reckoned("idle_resources", Given(since="2026-03-18", until=UNTIL), """
        WITH billed AS (SELECT resource_id, currency, sum(billed_cost) AS billed_cost FROM bill
                         WHERE day >= '2026-03-18' GROUP BY ALL)
        SELECT verdict, 'arn:aws:ec2:eu-1:111:thing/' || machine AS resource_id, currency AS billing_currency, billed_cost
          FROM (VALUES ('idle', 'compute-0'), ('refused', 'compute-1'), ('refused', 'compute-4')) AS v (verdict, machine)
          LEFT JOIN billed ON resource_id = machine"""),
    Reckoned("oversized_resources", Given(since="2026-03-18", until=UNTIL), """
        WITH billed AS (SELECT resource_id, currency, sum(billed_cost) AS billed_cost FROM bill
                         WHERE day >= '2026-03-18' GROUP BY ALL)
        SELECT verdict, 'arn:aws:ec2:eu-1:111:thing/' || machine AS resource_id, currency AS billing_currency, billed_cost
          FROM (VALUES ('oversized', 'compute-0'), ('oversized', 'compute-1'), ('oversized', 'compute-3'),
                       ('refused', 'compute-4')) AS v (verdict, machine)
          LEFT JOIN billed ON resource_id = machine"""),
    Reckoned("untagged_costs", _YEAR, """
        SELECT provider, sub_account_id, service_name, currency AS billing_currency,
               sum(billed_cost) FILTER (coalesce(tags['team'], '') = '') AS billed_cost, sum(billed_cost) AS of_all,
               count(DISTINCT resource_id) FILTER (coalesce(tags['team'], '') = '' AND resource_id <> '') AS resources,
               coalesce(sum(lines) FILTER (coalesce(tags['team'], '') = '' AND billed_cost IS NULL), 0)
                   AS without_billed_cost
          FROM bill WHERE charge_category = 'Usage'
         GROUP BY ALL HAVING bool_or(coalesce(tags['team'], '') = '')"""),
    Reckoned("tag_spellings", _YEAR, f"""
        SELECT {_ALIKE} AS spelling, tags['team'] AS tag_value, currency AS billing_currency,
               sum(billed_cost) AS billed_cost, sum(lines) AS lines, min(day) AS first_day, max(day) AS last_day
          FROM bill WHERE {_ALIKE} = 'webshop' GROUP BY ALL"""),
    Reckoned("tag_coverage", _YEAR, """
        WITH keys AS (SELECT provider, currency, unnest(map_keys(tags)) AS tag_key, tags, billed_cost, lines
                        FROM bill WHERE charge_category = 'Usage')
        SELECT provider, tag_key, currency AS billing_currency, sum(billed_cost) AS billed_cost,
               (SELECT sum(billed_cost) FROM bill AS b WHERE charge_category = 'Usage' AND b.currency = keys.currency
                   AND b.provider = keys.provider) AS of_all,
               count(DISTINCT tags[tag_key]) AS values, sum(lines) AS lines
          FROM keys WHERE tags[tag_key] <> '' GROUP BY ALL"""),
    _grouped("accounts", _YEAR, "provider, account, sub_account_id, currency AS billing_currency",
             f"{_BOTH}, min(day) AS first_day, max(day) AS last_day, count(DISTINCT day) AS days_with_charges,"
             " count(DISTINCT service_name) AS services"),
    _grouped("estimated_costs", _YEAR, "month, provider, currency AS billing_currency",
             "sum(billed_cost) FILTER (NOT estimated) AS final_cost,"
             " sum(billed_cost) FILTER (estimated) AS estimated_cost,"
             " sum(billed_cost) FILTER (estimated IS NULL) AS unknown_cost"),
    Reckoned("sources", _MARCH, """
        SELECT DISTINCT provider, sub_account_id, target, count(DISTINCT day) AS days, min(day) AS first_day,
               max(day) AS last_day, counts
          FROM told WHERE newest AND breakdown = '' AND day >= '2026-03-01' GROUP BY ALL"""),
    Reckoned("reconciliation", _YEAR, """
        WITH files AS (SELECT provider, sub_account_id, window_start AS month, currency, sum(billed_cost) AS file_cost,
                              sum(billed_cost) FILTER (invoice_id <> '') AS invoice_cost
                         FROM told WHERE newest AND breakdown = '' AND target LIKE '%/bill_files' GROUP BY ALL),
             apis AS (SELECT provider, sub_account_id, month, currency, sum(billed_cost) AS api_cost
                        FROM told WHERE newest AND breakdown = '' AND target LIKE '%/cost' GROUP BY ALL)
        SELECT coalesce(f.month, a.month) AS month, coalesce(f.provider, a.provider) AS provider,
               coalesce(f.sub_account_id, a.sub_account_id) AS sub_account_id,
               coalesce(f.currency, a.currency) AS billing_currency, file_cost, api_cost, invoice_cost,
               file_cost - api_cost AS difference
          FROM files AS f FULL JOIN apis AS a
            ON (f.provider, f.sub_account_id, f.month, f.currency) = (a.provider, a.sub_account_id, a.month, a.currency)"""),
)  # fmt: skip

-- title = "What an hour of a core costs, by kind of machine"
-- answers = "Which kinds of machines are dear for their cores? The bill by hours of each machine, times the cores that are known of it; a machine of which they are not known is left out, and counted."
-- span = "1 months"
-- reads = ["bill"]
-- order = "the greatest cost first"
-- slow = "reads every line of the bill of its days, since the summaries of days have no resource"
-- columns = ["provider", "type", "billing_currency", "machines", "core_hours", "effective_cost", "unit_cost", "machines_left_out", "left_out_cost"]
-- [meanings]
-- type = "text: The kind of machine in the provider's words."
-- machines = "count: Machines in the sums."
-- core_hours = "hours: Hours that were billed, times the cores (vcpus) of each; null where of none they are known."
-- effective_cost = "money: Of the lines by the hour of these machines."
-- unit_cost = "money: effective_cost of an hour of a core, to 10 decimals."
-- machines_left_out = "count: Machines of this kind of which the cores are not known, or a line does not tell cost or hours."
-- left_out_cost = "money: effective_cost of those; null where there are none."
WITH billed AS (
    SELECT l.provider, k.resource_id, l.billing_currency, sum(l.effective_cost) AS cost,
           sum(l.consumed_quantity) AS hours,
           bool_and(l.effective_cost IS NOT NULL AND l.consumed_quantity IS NOT NULL) AS whole
      FROM {lines|%(from)s|%(to)s} AS l
      JOIN {resource_keys} AS k ON k.provider = l.provider AND k.key = lower(l.resource_id)
     WHERE l.charge_category = 'Usage' AND l.consumed_unit ~* '^(1 )?(hours?|hrs?|h)$'
     GROUP BY l.provider, k.resource_id, l.billing_currency
),
machines AS (
    SELECT b.*, r.type, CASE WHEN b.whole THEN r.cores END AS cores
      FROM billed AS b
      JOIN (
            SELECT provider, resource_id, min(type) AS type,
                   min(CASE WHEN jsonb_typeof(attributes -> 'vcpus') = 'number'
                            THEN (attributes ->> 'vcpus')::numeric END) AS cores
              FROM reporting.resources
             GROUP BY provider, resource_id
           ) AS r ON (r.provider, r.resource_id) = (b.provider, b.resource_id)
)
SELECT provider, type, billing_currency, count(*) FILTER (WHERE cores IS NOT NULL) AS machines,
       sum(hours * cores) AS core_hours, sum(cost) FILTER (WHERE cores IS NOT NULL) AS effective_cost,
       round(sum(cost) FILTER (WHERE cores IS NOT NULL) / nullif(sum(hours * cores), 0), 10) AS unit_cost,
       count(*) FILTER (WHERE cores IS NULL) AS machines_left_out,
       sum(cost) FILTER (WHERE cores IS NULL) AS left_out_cost
  FROM machines
 GROUP BY provider, type, billing_currency
 ORDER BY sum(cost) DESC NULLS LAST, provider, type, billing_currency

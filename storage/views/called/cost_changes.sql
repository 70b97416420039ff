CREATE FUNCTION reporting.cost_changes(
    before daterange DEFAULT NULL,
    after daterange DEFAULT NULL,
    per text[] DEFAULT '{service_name}',
    known_before timestamp with time zone DEFAULT 'infinity',
    known_after timestamp with time zone DEFAULT 'infinity',
    run_before uuid DEFAULT NULL,
    run_after uuid DEFAULT NULL,
    cost text DEFAULT 'billed_cost'
)
RETURNS TABLE (
    provider text, account text, sub_account_id text, service_name text, region_id text, resource_id text, sku_id text,
    charge_category text, billing_currency text, cost_before numeric, cost_after numeric, difference numeric,
    restatement numeric, usage numeric, rate numeric, mix numeric, new numeric, gone numeric, usage_or_rate numeric,
    restated_usage numeric, restated_rate numeric, restated_mix numeric, restated_new numeric, restated_gone numeric,
    restated_usage_or_rate numeric, without_cost_before bigint, without_cost_after bigint,
    days_before bigint, days_after bigint
)
-- Without sorts, since Postgres expects a few hundred lines, and would sort half a million by texts.
LANGUAGE plpgsql STABLE SET work_mem = '64MB' SET enable_sort = off
-- Three bills are added up by item: the one before (b), the one before as it is known after (r), and the one after (a).
-- From each to the next the difference is split, and what is left of it by each part is the next part's, so nothing is
-- lost by rounding.
AS $$
#variable_conflict use_column
DECLARE
    known constant text[] :=
        '{provider,account,sub_account_id,service_name,region_id,resource_id,sku_id,charge_category}';
    costs constant text[] := '{billed_cost,effective_cost,list_cost,contracted_cost}';
    of_runs constant boolean := run_before IS NOT NULL OR run_after IS NOT NULL;
    from_b timestamptz := lower(before)::timestamp AT TIME ZONE 'UTC';
    to_b timestamptz := upper(before)::timestamp AT TIME ZONE 'UTC';
    from_a timestamptz := lower(after)::timestamp AT TIME ZONE 'UTC';
    to_a timestamptz := upper(after)::timestamp AT TIME ZONE 'UTC';
    same boolean;
    gone_lines bigint;
BEGIN
    IF per IS NULL OR per = '{}' OR NOT per <@ known THEN
        RAISE EXCEPTION 'cost_changes: per is %, and has to be some of %',
            per, known
            USING ERRCODE = 'invalid_parameter_value', HINT = 'per => ''{service_name,resource_id}''';
    ELSIF cost IS NULL OR cost <> ALL (costs) THEN
        RAISE EXCEPTION 'cost_changes: cost is %, and has to be one of %', cost, costs
            USING ERRCODE = 'invalid_parameter_value', HINT = 'cost => ''effective_cost''';
    ELSIF of_runs AND (run_before IS NULL OR run_after IS NULL OR before IS NOT NULL OR after IS NOT NULL) THEN
        RAISE EXCEPTION 'cost_changes: two versions are told by run_before and run_after, without before and after'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The runs are in reporting.bill_versions.';
    ELSIF NOT of_runs AND (
        known_before IS NULL OR known_after IS NULL OR coalesce(isempty(before), true) OR coalesce(isempty(after), true)
        OR num_nulls(from_b, to_b, from_a, to_a) > 0
    ) THEN
        RAISE EXCEPTION 'cost_changes: before (%) and after (%) have to be ranges of days with two ends', before, after
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'before => ''[2026-09-01,2026-10-01)'', after => ''[2026-10-01,2026-11-01)''';
    END IF;

    -- Sums do not tell a quantity: rather nothing than a part of it.
    SELECT count(*)
      INTO gone_lines
      FROM reporting.bill_versions AS v
     WHERE v.kept <> 'lines'
       AND (
               v.run_id IN (run_before, run_after)
               OR (
                      v.first_day < upper(before) AND v.last_day >= lower(before)
                      AND (
                              tstzrange(v.known_from, v.known_until) @> known_before
                              OR tstzrange(v.known_from, v.known_until) @> known_after
                          )
                  )
               OR (
                      v.first_day < upper(after) AND v.last_day >= lower(after)
                      AND tstzrange(v.known_from, v.known_until) @> known_after
                  )
           );
    IF gone_lines > 0 THEN
        RAISE EXCEPTION 'cost_changes: of % versions of bills the lines are not kept any more', gone_lines
            USING ERRCODE = 'no_data_found',
                  HINT = 'reporting.cost_history_by_service has their sums. They are kept for retention.history.';
    END IF;

    IF of_runs THEN
        -- Of one window all that differs is a restatement, as far as the former version told of its day and account.
        SELECT count(DISTINCT (v.provider, v.account, v.region, v.service, v.window_start)) = 1, count(*)
          INTO same, gone_lines
          FROM reporting.bill_versions AS v
         WHERE v.run_id IN (run_before, run_after);
        IF gone_lines < 2 - (run_before = run_after)::integer THEN
            RAISE EXCEPTION 'cost_changes: run_before (%) and run_after (%) are not both versions of a bill',
                run_before, run_after
                USING ERRCODE = 'no_data_found', HINT = 'The runs are in reporting.bill_versions.';
        END IF;
    ELSE
        same := before = after;
    END IF;

    RETURN QUERY
    -- Each line is read once, and is of any of the three.
    WITH told AS (
        SELECT v.*, f.b, CASE WHEN known_before = known_after THEN f.b WHEN same THEN f.a ELSE f.r END AS r, f.a
          FROM reporting.cost_versions AS v
         CROSS JOIN LATERAL (
                   SELECT v.charge_period_start >= from_b AND v.charge_period_start < to_b AS in_b,
                          v.charge_period_start >= from_a AND v.charge_period_start < to_a AS in_a,
                          v.known_from <= known_before AND (v.known_until > known_before OR v.known_until IS NULL)
                              AND v.counted @> known_before AS known_b,
                          v.known_from <= known_after AND (v.known_until > known_after OR v.known_until IS NULL)
                              AND v.counted @> known_after AS known_a
               ) AS k
         CROSS JOIN LATERAL (
                   SELECT k.in_b AND k.known_b AS b, k.in_b AND k.known_a AS r, k.in_a AND k.known_a AS a
               ) AS f
         WHERE NOT of_runs
           AND (
                   v.first_day < upper(before) AND v.last_day >= lower(before)
                   OR v.first_day < upper(after) AND v.last_day >= lower(after)
                   OR v.first_day IS NULL
               )
           AND (
                   v.known_from <= known_before AND (v.known_until > known_before OR v.known_until IS NULL)
                   OR v.known_from <= known_after AND (v.known_until > known_after OR v.known_until IS NULL)
               )
           AND v.charge_period_start >= least(from_b, from_a) AND v.charge_period_start < greatest(to_b, to_a)
           AND (f.b OR f.r OR f.a)
         UNION ALL
        SELECT v.*, v.run_id = run_before, v.run_id = CASE WHEN same THEN run_after ELSE run_before END,
               v.run_id = run_after
          FROM reporting.cost_versions AS v
         WHERE of_runs AND v.run_id IN (run_before, run_after)
    ),
    -- In one pass: by item, and by account and day. What only the bill before as it is known after has, is apart by
    -- account and day, since those decide what becomes of it.
    found AS MATERIALIZED (
        SELECT t.provider, i.account, i.sub_account_id, i.service_name, i.region_id, i.resource_id, i.sku_id,
               i.charge_category, t.billing_currency, i.item, i.own_account, i.own_day, t.sub_account_id AS whose,
               i.day, t.b, t.r, t.a, grouping(i.item) = 0 AS is_item,
               sum(m.money) AS money,
               sum(m.quantity) AS quantity,
               bool_and(m.money IS NOT NULL AND m.quantity IS NOT NULL) AS known,
               min(m.unit) AS first_unit, max(m.unit) AS last_unit,
               coalesce(sum(t.lines) FILTER (WHERE m.money IS NULL), 0) AS without
          FROM told AS t
         CROSS JOIN LATERAL (
                   SELECT CASE cost
                              WHEN 'billed_cost' THEN t.billed_cost
                              WHEN 'effective_cost' THEN t.effective_cost
                              WHEN 'list_cost' THEN t.list_cost
                              ELSE t.contracted_cost
                          END AS money,
                          coalesce(t.consumed_quantity, t.pricing_quantity) AS quantity,
                          CASE WHEN t.consumed_quantity IS NULL THEN t.pricing_unit ELSE t.consumed_unit END AS unit
               ) AS m
         CROSS JOIN LATERAL (SELECT (t.charge_period_start AT TIME ZONE 'UTC')::date AS day) AS d
         CROSS JOIN LATERAL (
                   SELECT CASE WHEN 'account' = ANY(per) THEN t.account END AS account,
                          CASE WHEN 'sub_account_id' = ANY(per) THEN t.sub_account_id END AS sub_account_id,
                          CASE WHEN 'service_name' = ANY(per) THEN t.service_name END AS service_name,
                          CASE WHEN 'region_id' = ANY(per) THEN t.region_id END AS region_id,
                          CASE WHEN 'resource_id' = ANY(per) THEN t.resource_id END AS resource_id,
                          CASE WHEN 'sku_id' = ANY(per) THEN t.sku_id END AS sku_id,
                          CASE WHEN 'charge_category' = ANY(per) THEN t.charge_category END AS charge_category,
                          concat_ws(
                              E'\x1f', t.service_name, t.region_id,
                              coalesce(nullif(t.sku_id, ''), t.charge_description), t.charge_category,
                              t.charge_class, t.charge_type, t.pricing_category,
                              t.commitment_discount_status
                          ) AS item,
                          d.day,
                          CASE WHEN t.r AND NOT t.b THEN t.sub_account_id END AS own_account,
                          CASE WHEN t.r AND NOT t.b THEN d.day END AS own_day
               ) AS i
         GROUP BY GROUPING SETS (
                   (t.provider, i.account, i.sub_account_id, i.service_name, i.region_id, i.resource_id, i.sku_id,
                    i.charge_category, t.billing_currency, i.item, i.own_account, i.own_day, t.b, t.r, t.a),
                   (t.provider, t.sub_account_id, i.day, t.b, t.a)
               )
    ),
    -- What the bill before told nothing of, it can not have restated.
    days AS MATERIALIZED (
        SELECT DISTINCT f.provider, f.whose, f.day FROM found AS f WHERE NOT f.is_item AND f.b
    ),
    sides AS (
        SELECT f.*, f.r AND (f.b OR t.day IS NOT NULL) AS restated
          FROM found AS f
          LEFT JOIN days AS t ON (t.provider, t.whose, t.day) = (f.provider, f.own_account, f.own_day)
         WHERE f.is_item AND (f.b OR f.a OR t.day IS NOT NULL)
    ),
    items AS (
        SELECT s.provider, s.account, s.sub_account_id, s.service_name, s.region_id, s.resource_id, s.sku_id,
               s.charge_category, s.billing_currency, s.item,
               bool_or(s.b) AS in_b, bool_or(s.restated) AS in_r, bool_or(s.a) AS in_a,
               coalesce(sum(s.money) FILTER (WHERE s.b), 0) AS money_b,
               coalesce(sum(s.money) FILTER (WHERE s.restated), 0) AS money_r,
               coalesce(sum(s.money) FILTER (WHERE s.a), 0) AS money_a,
               -- Null where a quantity or a cost of one line is not known, or they are of two units.
               CASE WHEN bool_and(s.known) FILTER (WHERE s.b)
                     AND min(s.first_unit) FILTER (WHERE s.b) = max(s.last_unit) FILTER (WHERE s.b)
                    THEN sum(s.quantity) FILTER (WHERE s.b) END AS quantity_b,
               CASE WHEN bool_and(s.known) FILTER (WHERE s.restated)
                     AND min(s.first_unit) FILTER (WHERE s.restated) = max(s.last_unit) FILTER (WHERE s.restated)
                    THEN sum(s.quantity) FILTER (WHERE s.restated) END AS quantity_r,
               CASE WHEN bool_and(s.known) FILTER (WHERE s.a)
                     AND min(s.first_unit) FILTER (WHERE s.a) = max(s.last_unit) FILTER (WHERE s.a)
                    THEN sum(s.quantity) FILTER (WHERE s.a) END AS quantity_a,
               min(s.first_unit) FILTER (WHERE s.b) AS unit_b,
               min(s.first_unit) FILTER (WHERE s.restated) AS unit_r,
               min(s.first_unit) FILTER (WHERE s.a) AS unit_a,
               coalesce(sum(s.without) FILTER (WHERE s.b), 0) AS without_b,
               coalesce(sum(s.without) FILTER (WHERE s.a), 0) AS without_a
          FROM sides AS s
         GROUP BY s.provider, s.account, s.sub_account_id, s.service_name, s.region_id, s.resource_id, s.sku_id,
                  s.charge_category, s.billing_currency, s.item
    ),
    steps AS (
        SELECT i.provider, i.account, i.sub_account_id, i.service_name, i.region_id, i.resource_id, i.sku_id,
               i.charge_category, i.billing_currency, s.*,
               -- What the later quantity would cost at the former price: a quotient, so it is rounded once.
               CASE WHEN c.unit IS NOT NULL
                    THEN round(s.money_0 * s.quantity_1 / (s.quantity_0 + 0.000000000000000000000), 18) END AS expected,
               c.unit
          FROM items AS i
         CROSS JOIN LATERAL (
                   VALUES (
                       true, i.in_b, i.in_r, i.money_b, i.money_r, i.quantity_b, i.quantity_r, i.unit_b, i.unit_r,
                       i.without_b, 0
                   ), (
                       false, i.in_r, i.in_a, i.money_r, i.money_a, i.quantity_r, i.quantity_a, i.unit_r, i.unit_a,
                       0, i.without_a
                   )
               ) AS s (is_restatement, in_0, in_1, money_0, money_1, quantity_0, quantity_1, unit_0, unit_1,
                       without_0, without_1)
         CROSS JOIN LATERAL (
                   SELECT CASE WHEN s.in_0 AND s.in_1 AND s.quantity_0 <> 0 AND s.quantity_1 IS NOT NULL
                                AND s.unit_0 = s.unit_1
                               THEN s.unit_0 END AS unit
               ) AS c
    ),
    split AS (
        SELECT s.provider, s.account, s.sub_account_id, s.service_name, s.region_id, s.resource_id, s.sku_id,
               s.charge_category, s.billing_currency, s.is_restatement, s.unit,
               sum(s.money_0) AS money_0, sum(s.money_1) AS money_1,
               sum(s.expected) AS expected,
               CASE WHEN s.unit IS NOT NULL AND sum(s.quantity_0) <> 0
                    THEN round(
                             sum(s.money_0) * sum(s.quantity_1) / (sum(s.quantity_0) + 0.000000000000000000000), 18
                         )
                    ELSE sum(s.expected) END AS at_same_mix,
               coalesce(sum(s.money_1) FILTER (WHERE s.in_1 AND NOT s.in_0), 0) AS new,
               coalesce(-sum(s.money_0) FILTER (WHERE s.in_0 AND NOT s.in_1), 0) AS gone,
               coalesce(sum(s.money_1 - s.money_0) FILTER (WHERE s.in_0 AND s.in_1 AND s.unit IS NULL), 0) AS other,
               sum(s.without_0) AS without_0, sum(s.without_1) AS without_1
          FROM steps AS s
         GROUP BY s.provider, s.account, s.sub_account_id, s.service_name, s.region_id, s.resource_id, s.sku_id,
                  s.charge_category, s.billing_currency, s.is_restatement, s.unit
    ),
    parts AS (
        SELECT s.*,
               CASE WHEN s.unit IS NULL THEN 0 ELSE s.at_same_mix - s.money_0 END AS usage,
               CASE WHEN s.unit IS NULL THEN 0 ELSE s.expected - s.at_same_mix END AS mix,
               CASE WHEN s.unit IS NULL THEN 0 ELSE s.money_1 - s.expected END AS rate
          FROM split AS s
    ),
    covered AS (
        SELECT d.provider, count(*) FILTER (WHERE d.b) AS days_b, count(*) FILTER (WHERE d.a) AS days_a
          FROM (
                SELECT f.provider, f.day, bool_or(f.b) AS b, bool_or(f.a) AS a
                  FROM found AS f
                 WHERE NOT f.is_item
                 GROUP BY f.provider, f.day
               ) AS d
         GROUP BY d.provider
    )
    SELECT p.provider, p.account, p.sub_account_id, p.service_name, p.region_id, p.resource_id, p.sku_id,
           p.charge_category, p.billing_currency,
           coalesce(sum(p.money_0) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.money_1) FILTER (WHERE NOT p.is_restatement), 0),
           coalesce(sum(p.money_1) FILTER (WHERE NOT p.is_restatement), 0)
               - coalesce(sum(p.money_0) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.money_1 - p.money_0) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.usage) FILTER (WHERE NOT p.is_restatement), 0),
           coalesce(sum(p.rate) FILTER (WHERE NOT p.is_restatement), 0),
           coalesce(sum(p.mix) FILTER (WHERE NOT p.is_restatement), 0),
           coalesce(sum(p.new) FILTER (WHERE NOT p.is_restatement), 0),
           coalesce(sum(p.gone) FILTER (WHERE NOT p.is_restatement), 0),
           coalesce(sum(p.other) FILTER (WHERE NOT p.is_restatement), 0),
           coalesce(sum(p.usage) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.rate) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.mix) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.new) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.gone) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.other) FILTER (WHERE p.is_restatement), 0),
           coalesce(sum(p.without_0), 0)::bigint, coalesce(sum(p.without_1), 0)::bigint,
           min(c.days_b), min(c.days_a)
      FROM parts AS p
      JOIN covered AS c ON c.provider = p.provider
     GROUP BY p.provider, p.account, p.sub_account_id, p.service_name, p.region_id, p.resource_id, p.sku_id,
              p.charge_category, p.billing_currency;
END
$$;

COMMENT ON FUNCTION reporting.cost_changes IS
    'By what a bill differs from another one, in parts that add up to the difference to the last digit: difference ='
    ' restatement + usage + rate + mix + new + gone + usage_or_rate. Two ranges of days (before, after), each as it was'
    ' known at a time (known_before, known_after), or two versions (run_before, run_after of reporting.bill_versions);'
    ' per says by what: provider, account, sub_account_id, service_name, region_id, resource_id, sku_id,'
    ' charge_category. docs/bill-history.md defines each part.';

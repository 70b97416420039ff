-- Each step looks at the rows of one day alone, so a range of days leads to them.
CREATE VIEW reporting.cost_sources AS
SELECT target, provider, account, region, service, sub_account_id, day, counts,
       CASE WHEN counts OR sub_account_id = '' OR NOT winner_counts THEN '' ELSE winner END AS counted_from,
       CASE
           WHEN counts AND sub_account_id = '' AND delivered AND accounts = 0 AND nameless > 1
               THEN 'another export names no account either: configure one of them if both are of one bill'
           WHEN counts THEN ''
           WHEN sub_account_id = '' AND delivered AND accounts = 0
               THEN 'another export of the same bill names no account that day either, and counts'
           WHEN sub_account_id = '' THEN 'all accounts of this bill are counted from other ones'
           WHEN winner_counts AND winner_delivered AND NOT delivered
               THEN 'it is read from files, and proven to the row'
           WHEN winner_counts AND winner_enabled AND NOT enabled THEN 'it is configured, and this one is not any more'
           WHEN winner_counts AND winner_accounts > accounts THEN 'it bills more accounts that day'
           ELSE 'it comes first by its name'
       END AS reason
  FROM (
        SELECT *,
               first_value(target) OVER same AS winner,
               first_value(counts) OVER same AS winner_counts,
               first_value(enabled) OVER same AS winner_enabled,
               first_value(delivered) OVER same AS winner_delivered,
               first_value(accounts) OVER same AS winner_accounts,
               count(*) FILTER (WHERE counts AND delivered AND sub_account_id = '' AND accounts = 0)
                   OVER (PARTITION BY provider, account, day) AS nameless
          FROM (
                SELECT concat_ws('/', t.provider, t.account, t.region, t.service) AS target,
                       t.provider, t.account, t.region, t.service, t.enabled, t.delivered,
                       s.sub_account_id, s.day, s.counts, coalesce(nullif(s.provider, ''), t.provider) AS biller,
                       count(*) FILTER (WHERE s.sub_account_id <> '') OVER (PARTITION BY s.target_id, s.day) AS accounts
                  FROM (
                        -- A day may lie in two windows of a target whose interval was changed.
                        SELECT target_id, day, sub_account_id, bool_or(counts) AS counts, max(provider) AS provider
                          FROM finfleet.cost_scopes
                         GROUP BY target_id, day, sub_account_id
                       ) AS s
                  JOIN finfleet.targets AS t USING (target_id)
               ) AS u
        WINDOW same AS (PARTITION BY biller, day, lower(sub_account_id) ORDER BY counts DESC, delivered DESC)
       ) AS u;

COMMENT ON VIEW reporting.cost_sources IS
    'Per billed account and day, which target''s bill counts for it in reporting.costs, and which is left out: one'
    ' account configured under two names, a payer and its member, or a bill in FOCUS and the provider''s own, tell of'
    ' the same charges. By the provider''s own'
    ' account id exactly one target counts: one that is read from files and proven to the row before one that asks an'
    ' API, whether it is configured still or not, then one that is configured before one that is not any more, then the'
    ' one whose bill names more accounts that day (the payer), then the first by name. What only one target tells of'
    ' counts, so an API fills the days that the files lack. Charges of a day on the invoice of another month are judged'
    ' by themselves.'
    ' Name a range of day.';
COMMENT ON COLUMN reporting.cost_sources.target IS :'target';
COMMENT ON COLUMN reporting.cost_sources.provider IS :'provider';
COMMENT ON COLUMN reporting.cost_sources.account IS :'asked_account';
COMMENT ON COLUMN reporting.cost_sources.region IS :'region';
COMMENT ON COLUMN reporting.cost_sources.service IS :'service';
COMMENT ON COLUMN reporting.cost_sources.sub_account_id IS
    'The provider''s own id of the billed account, subscription or project; empty for lines that name none: they count'
    ' with the others of their bill.';
COMMENT ON COLUMN reporting.cost_sources.day IS :'charge_day';
COMMENT ON COLUMN reporting.cost_sources.counts IS 'Whether these charges are in reporting.costs.';
COMMENT ON COLUMN reporting.cost_sources.counted_from IS
    'Where they do not count: the target whose bill counts instead; empty where they do.';
COMMENT ON COLUMN reporting.cost_sources.reason IS 
    'Why that one counts, and this one does not; empty where it does, unless nobody can know whether it is of another'
    ' bill.';

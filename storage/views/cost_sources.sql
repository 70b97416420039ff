CREATE VIEW reporting.cost_sources AS
WITH scopes AS (
    -- A day may lie in two windows of a target whose interval was changed.
    SELECT s.target_id, s.day, s.sub_account_id, bool_or(s.counts) AS counts
      FROM finfleet.cost_scopes AS s
     GROUP BY s.target_id, s.day, s.sub_account_id
),
units AS (
    SELECT s.target_id, s.day, s.sub_account_id, s.counts, t.provider, t.account, t.region, t.service, t.enabled,
           count(*) FILTER (WHERE s.sub_account_id <> '') OVER (PARTITION BY s.target_id, s.day) AS accounts
      FROM scopes AS s
      JOIN finfleet.targets AS t USING (target_id)
)
SELECT concat_ws('/', u.provider, u.account, u.region, u.service) AS target,
       u.provider, u.account, u.region, u.service,
       u.sub_account_id, u.day, u.counts,
       concat_ws('/', f.provider, f.account, f.region, f.service) AS counted_from,
       CASE
           WHEN u.counts THEN ''
           WHEN u.sub_account_id = '' THEN 'all accounts of this bill are counted from other ones'
           WHEN f.enabled AND NOT u.enabled THEN 'it is configured, and this one is not any more'
           WHEN f.accounts > u.accounts THEN 'it bills more accounts that day'
           ELSE 'it comes first by its name'
       END AS reason
  FROM units AS u
  LEFT JOIN units AS f
    ON NOT u.counts
   AND u.sub_account_id <> ''
   AND f.counts
   AND f.provider = u.provider
   AND f.day = u.day
   AND lower(f.sub_account_id) = lower(u.sub_account_id);

COMMENT ON VIEW reporting.cost_sources IS
    'Per billed account and day, which target''s bill counts for it in reporting.costs, and which is left out: one'
    ' account configured under two names, or a payer and its member, tell of the same charges. By the provider''s own'
    ' account id exactly one target counts: one that is configured before one that is not any more, then the one whose'
    ' bill names more accounts that day (the payer), then the first by name. What only one target tells of counts.'
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
COMMENT ON COLUMN reporting.cost_sources.reason IS 'Why that one counts, and this one does not; empty where it does.';

-- A part of statements of ours, and of a view.

-- name: bills
-- Which readings are the bill of month m: two texts that differ are of two bills.
coalesce(
    (
        SELECT md5(string_agg(concat_ws(' ', s.target_id, s.window_start, c.settled_run, s.days), ','
                              ORDER BY s.target_id, s.window_start))
          FROM (
                SELECT s.target_id, s.window_start,
                       md5(string_agg(s.day || s.sub_account_id, ',' ORDER BY s.day, s.sub_account_id COLLATE "C")) AS days
                  FROM finfleet.cost_scopes AS s
                 WHERE s.day >= m.month AND s.day < (m.month + interval '1 month')::date AND s.counts
                 GROUP BY s.target_id, s.window_start
               ) AS s
          JOIN finfleet.collections AS c USING (target_id, window_start)
    ),
    ''
)

-- Whose costs each bill is of: those of the first account count once, by the payer or by itself, as they are judged.

INSERT INTO finfleet.cost_scopes (target_id, window_start, day, sub_account_id, counts)
SELECT c.target_id, c.window_start, (c.window_start AT TIME ZONE 'UTC')::date,
       'id-of-' || CASE t.account WHEN 'payer' THEN 'account-00' ELSE t.account END, t.account <> 'payer'
  FROM finfleet.collections AS c
  JOIN finfleet.targets AS t USING (target_id)
 WHERE t.service IN ('cost', 'billing') AND c.settled_run IS NOT NULL

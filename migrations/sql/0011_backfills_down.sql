DROP INDEX finfleet.collections_backfill_idx;
ALTER TABLE finfleet.collections DROP COLUMN backfill_id, DROP COLUMN backfilled_from;
DROP TABLE finfleet.backfill_targets;
DROP TABLE finfleet.backfills;

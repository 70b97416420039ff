-- They read what goes; those of the release that is gone back to are made again by its `finfleet db migrate`.
DROP VIEW IF EXISTS reporting.coverage, reporting.gaps, reporting.collection_cost;
DROP TABLE finfleet.run_days;
DROP TABLE finfleet.folded_windows;

-- Values that cannot be compressed are cut where the pieces that TOAST makes of them are full; what is left over stays in
-- the row. Rows that are there stay as they are: nothing is in the second column of them.
ALTER TABLE finfleet.sealed_points ADD COLUMN more_values double precision[];
ALTER TABLE finfleet.sealed_points ALTER COLUMN more_values SET STORAGE MAIN;
ALTER TABLE finfleet.sealed_points ALTER COLUMN "values" SET STORAGE EXTENDED;

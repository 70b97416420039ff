-- It reads tables that former releases do not have.
DROP VIEW IF EXISTS reporting.bill_days;

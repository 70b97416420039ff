-- Whoever goes back has the views of his release made again.
DROP VIEW IF EXISTS reporting.recommendations, reporting.recommendation_history, reporting.invoices;
DROP TABLE finfleet.recommendations;

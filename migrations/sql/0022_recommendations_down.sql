-- Whoever goes back has its views dropped with it.
DROP TABLE finfleet.recommendations CASCADE;

DROP TABLE finfleet.task_queues;
DROP TABLE finfleet.planned_services;
ALTER TABLE finfleet.processes DROP COLUMN threads;
ALTER TABLE finfleet.targets RESET (fillfactor);

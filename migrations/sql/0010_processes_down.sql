DROP TABLE finfleet.processes;

"""Sources of your own: functions of a script, documents and pages that are polled."""

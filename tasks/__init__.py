"""The Celery application: schedule, planning, collection, publishing, the rate limit of the fleet."""

"""Records to and from Postgres. Knows no Celery and no cloud."""

"""Cloud APIs to records. Knows no Celery, no broker and no SQL."""

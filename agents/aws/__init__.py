"""How AWS is asked: sessions, metered calls, quotas, errors. boto3 is imported at the first call, never before."""

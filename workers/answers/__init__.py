"""Answers to questions as files and on terminals: a table, CSV, JSON, Parquet."""

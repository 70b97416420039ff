"""The vocabulary of finfleet: records, targets, windows, batches and their wire form, errors, settings."""

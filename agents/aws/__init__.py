"""AWS: sessions, metering, error translation."""

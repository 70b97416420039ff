"""This machine as a source: what is read of it, and how often."""

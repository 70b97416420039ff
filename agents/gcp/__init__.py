"""Google Cloud: credentials, clients, calls, and what they say when they fail."""

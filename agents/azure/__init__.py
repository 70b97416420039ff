"""Azure: tenants, subscriptions, and how they are asked."""

"""A seeded year of a fleet, made by Postgres itself: the same in every run, but for the time at which it ends."""

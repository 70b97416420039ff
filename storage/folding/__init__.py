"""Folding: what is old and whole is kept in a small form.

Each module has a function that does a bounded piece of it in one small transaction and says how much it did; 0: nothing
is left. None of them keeps ingest waiting, several processes may run them at once, and one that is killed in the middle
leaves the database as it was before.
"""

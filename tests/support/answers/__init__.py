"""Answers of the local clouds, harmed field by field on the wire, and what may come of a collection that is given one.

`fields` finds what an answer holds and harms it; `clouds` are the clouds with a little of everything; `standing` has a
service with its undisturbed collection; `judge` says what is wrong with a disturbed one.
"""

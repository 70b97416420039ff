"""Anomalies of cost: days whose bill is whole and yet unlike what the days before have led to expect."""

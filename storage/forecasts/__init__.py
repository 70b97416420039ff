"""Forecasts of cost: what a month will come to, with how far such forecasts were off before."""

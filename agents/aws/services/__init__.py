"""Services of AWS."""

"""Invoices, as AWS's Invoicing tells of them."""

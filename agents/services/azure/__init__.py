"""Services of Azure."""

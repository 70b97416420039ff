"""What AWS asks for: its price list, and what a resource costs by it."""

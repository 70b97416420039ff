"""What Azure asks for: its retail prices, and what a resource costs by them."""

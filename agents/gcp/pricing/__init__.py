"""What Google Cloud asks for: its catalog of SKUs, and what a resource costs by it."""

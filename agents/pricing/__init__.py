"""List prices per provider. Unknown stays unknown."""

"""What tests share: servers, databases, environments, waiting."""

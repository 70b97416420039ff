"""Bills that AWS writes into a bucket: their manifests, their files, and what their columns mean."""

"""Bills that providers deliver as files: found by their manifests, read whole, folded, and proven to the row."""

"""Bills that anybody writes in FOCUS, as files in a folder: where they are, and how their versions are told apart."""

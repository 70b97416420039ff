"""The services of files of FOCUS, a file each."""

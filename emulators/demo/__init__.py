"""The demo: the whole pipeline on local clouds, checked count by count."""

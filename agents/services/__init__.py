"""The services, a file each: agents/services/PROVIDER/SERVICE.py. Whatever lies here is found and scheduled."""

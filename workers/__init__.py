"""The processes of the fleet and the command line: the place where everything is put together."""

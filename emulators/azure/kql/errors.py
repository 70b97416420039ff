"""The refusal of a query."""


class KqlError(ValueError):
    """A query that is wrong, or that asks for more than is served; the message names what."""

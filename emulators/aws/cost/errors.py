"""How Cost Explorer refuses."""

from emulators.aws.errors import AwsError


def invalid(message: str) -> AwsError:
    """A request that is not well formed."""
    return AwsError("ValidationException", message)


def too_many(number: int, field: str, most: int) -> AwsError:
    """A list that is too long."""
    return invalid(
        f"1 validation error detected: Value at '{field}' failed to satisfy constraint: "
        f"Member must have length less than or equal to {most}; it has {number}"
    )

"""Number of PyTorch threads, from ``--threads``."""

from trivet.errors import UsageError

__all__ = ["set_threads"]


def set_threads(threads: int | None) -> None:
    """Set the number of threads; None leaves one a core.

    Raises
    ------
    UsageError
        If it is not positive.
    """
    if threads is None:
        return
    if threads < 1:
        raise UsageError(f"--threads is {threads}; expected 1 or more.")
    import torch  # noqa: PLC0415 - heavy

    torch.set_num_threads(threads)

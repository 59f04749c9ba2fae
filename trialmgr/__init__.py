"""One randomised clinical trial an installation. The version stands here and nowhere else."""

__version__ = "0.2.0"

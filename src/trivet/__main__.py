"""``python -m trivet``."""

from trivet.cli import main

main()

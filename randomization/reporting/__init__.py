"""What is told of a randomisation: its balance, and its description in words."""

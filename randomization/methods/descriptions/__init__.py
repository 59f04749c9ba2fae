"""The randomisation in words."""

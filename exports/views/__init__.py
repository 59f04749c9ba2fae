"""The pages about the lock and the releases."""

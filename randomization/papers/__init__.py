"""What this room prints."""

"""Participants: registration, consent, contact details, and their way through the phases of the trial."""

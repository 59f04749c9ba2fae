"""What this room prints: casebooks, blank forms, the audit trail of a participant."""

"""Pages that look across: home and work list, recruitment, CONSORT; the shared theme; rehearsal and demo."""

"""One module a format. Writers know nothing of Django, the database or the study: names and strings in, bytes out."""

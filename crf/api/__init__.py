"""The casebook over HTTP: the same actions, scoping and sight as the pages."""

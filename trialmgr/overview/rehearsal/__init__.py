"""An invented trial: people, participants and their data, sent through the same actions as the pages use."""

"""Days in English as the sites write them: the day before the month."""

DATE_FORMAT = "j F Y"

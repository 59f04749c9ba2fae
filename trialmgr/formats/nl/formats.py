"""Days in Dutch: names of months begin with a small letter."""

SHORT_DATE_FORMAT = "j b Y"
SHORT_DATETIME_FORMAT = "j b Y H:i:s T"
MONTH_DAY_FORMAT = "j b"

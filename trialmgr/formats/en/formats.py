"""Days in English as the sites write them: the day before the month."""

DATE_FORMAT = "j F Y"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M Y H:i:s T"
MONTH_DAY_FORMAT = "j M"

"""How gunicorn serves trialmgr: it reads this file where it is started. Options on its command line go before these."""

# Loaded once, and what its workers read of it they share. Loading opens no connection to the database.
preload_app = True

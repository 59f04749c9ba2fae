"""Users, sites, roles and delegation; who may do what (permissions) and who may see what (visibility)."""

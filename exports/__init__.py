"""Study lock and releases: locked datasets with a manifest that anyone can verify."""

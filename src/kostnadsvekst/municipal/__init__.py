"""Municipal cost systems: arithmetic of unit costs and user groups on a municipality's own numbers."""

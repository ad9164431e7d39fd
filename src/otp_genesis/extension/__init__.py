"""How plugins come in: found, loaded, checked, put into the registries, started and stopped."""

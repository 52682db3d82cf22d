"""Say what would break when a notebook becomes a service, and the mend."""

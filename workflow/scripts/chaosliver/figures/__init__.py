"""Tables and slices to pictures."""

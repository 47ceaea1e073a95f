"""Who is near: one interface, several structures."""

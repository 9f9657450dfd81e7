"""Place and route for an ECP5."""

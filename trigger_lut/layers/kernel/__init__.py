"""The CPU kernel of the table layers."""

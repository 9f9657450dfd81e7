"""One stage per module, named as its rule."""

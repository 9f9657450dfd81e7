"""One stage a module, named as its rule."""

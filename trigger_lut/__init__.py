"""From collider data to trigger firmware that meets a budget and is proven bit-exact."""

__version__ = "0.1.0"

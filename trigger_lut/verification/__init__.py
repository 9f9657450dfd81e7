"""Are all forms of a network the same function? Every evaluation against the integer reference, bit for bit."""

from trigger_lut.verification.run import verify

__all__ = ["verify"]

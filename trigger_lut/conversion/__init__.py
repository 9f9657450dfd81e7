"""From a Keras model to the integer network."""

"""The description of a data set: files, features, labels, trigger."""

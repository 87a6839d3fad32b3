"""Whether what is said of a model is true: faults planted in trained models, and models without any."""

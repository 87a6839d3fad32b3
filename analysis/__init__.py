"""The numbers: spectra of weights, measured by diagnostics, with no service around them."""

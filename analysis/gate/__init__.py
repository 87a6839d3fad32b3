"""The gate: a policy's rules held against a report, and the verdict. Plain dicts in, plain dicts out."""

"""The rank of each module of an adapter, from the measured update, and the adapter with these ranks."""

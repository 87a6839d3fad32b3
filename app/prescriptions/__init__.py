"""Prescriptions of a run: out of its tables when they are asked for, out of the weights by a worker."""

from app.errors import TableMissing
from app.prescriptions.requests import request
from app.prescriptions.rows import add, delete, file_names, find_file, get, listing
from app.prescriptions.tables import FROM_TABLES, FROM_WEIGHTS, compute

__all__ = [
    "FROM_TABLES",
    "FROM_WEIGHTS",
    "TableMissing",
    "add",
    "compute",
    "delete",
    "file_names",
    "find_file",
    "get",
    "listing",
    "request",
]

"""The data folder belongs to the account that the service runs as: weights, reports and webhook secrets lie in it."""

import os
import stat
import sys
from pathlib import Path

OTHERS = 0o077  # what the group and everyone else may not do


def open_data_folder(folder: Path) -> None:
    """Creates the folder for this account alone, or closes it to others, and so all that this process writes later.

    For the entry points of processes: exits with a message where the folder cannot be used.
    """
    os.umask(OTHERS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        status = folder.stat()
        if stat.S_IMODE(status.st_mode) & OTHERS and status.st_uid == os.geteuid():
            folder.chmod(0o700)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(0, "Permission denied")
    except OSError as error:
        sys.exit(f"The data folder {folder} cannot be used: {error.strerror}. Choose another with EIGENSCOPE_DATA_DIR.")

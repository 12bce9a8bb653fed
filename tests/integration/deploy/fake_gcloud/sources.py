"""Sources of functions, as Cloud Build looks at them."""

import hashlib
import re
from pathlib import Path

from fake_gcloud.errors import GcloudError


def uploaded(source: str, entry_point: str) -> str:
    """A hash of the source. Raises when it is none that could be built and served."""
    folder = Path(source)
    if not folder.is_dir():
        raise GcloudError(f"Invalid value for [--source]: Provided directory does not exist: {folder}")
    for needed in ("main.py", "requirements.txt"):
        if not (folder / needed).is_file():
            raise GcloudError(
                f"OperationError: code=3, message=Build failed: missing {needed}, which is required: {folder}"
            )
    if not re.search(rf"^(?:async )?def {entry_point}\(", (folder / "main.py").read_text(), re.MULTILINE):
        raise GcloudError(
            f"OperationError: code=3, message=Build failed: function '{entry_point}' is not defined in main.py"
        )
    digest = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

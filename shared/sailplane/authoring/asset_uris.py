"""URIs of assets: which there can be, and the one form that equal ones have."""

import warnings
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit


def normalized(uri: object) -> str:
    """`uri` as assets keep it: lower scheme, no password, no fragment, no trailing slash, its query sorted.

    What does not look like a URI, or has a scheme `x-...`, stays as it is. Raises `ValueError` for the scheme
    `airflow`, and for a `gs` or `bigquery` URI that names no bucket or table. The rules are Airflow's (AIP-60).
    """
    text = str(uri)
    parts = urlsplit(text)
    scheme = parts.scheme.lower()
    if not scheme or scheme.startswith("x-"):
        return text
    if scheme == "airflow":
        raise ValueError(f"the asset URI {text!r} cannot have the scheme 'airflow', which is reserved; choose another")
    tidy = parts._replace(
        scheme=scheme,
        netloc=_without_password(parts),
        path=parts.path.rstrip("/") or "/",
        query=urlencode(sorted(parse_qsl(parts.query))) if parts.query else "",
        fragment="",
    )
    return urlunsplit(_CHECKS.get(scheme, _unchanged)(tidy))


def has_rules(uri: str) -> bool:
    """True when Sailplane knows what URIs of this scheme look like."""
    return urlsplit(uri).scheme in _CHECKS


def _without_password(parts: SplitResult) -> str:
    if not parts.password:
        return parts.netloc
    place = parts.netloc.rpartition("@")[2]
    warnings.warn(
        f"an asset's URI should not contain a password: the user's name and password before {place!r} are left out",
        UserWarning,
        stacklevel=4,
    )
    return place


def _unchanged(parts: SplitResult) -> SplitResult:
    return parts


def _bucket(parts: SplitResult) -> SplitResult:
    if not parts.netloc:
        raise ValueError(f"the asset URI {urlunsplit(parts)!r} must name a bucket: gs://BUCKET/OBJECT")
    return parts


def _bigquery_table(parts: SplitResult) -> SplitResult:
    steps = parts.path.split("/")
    if not parts.netloc or len(steps) != 3 or not all(steps[1:]):
        raise ValueError(f"the asset URI {urlunsplit(parts)!r} must name a table: bigquery://PROJECT/DATASET/TABLE")
    return parts


_CHECKS: Mapping[str, Callable[[SplitResult], SplitResult]] = {
    "bigquery": _bigquery_table,
    "file": _unchanged,
    "gs": _bucket,
}

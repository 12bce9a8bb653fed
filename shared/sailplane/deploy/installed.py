"""What is installed where Sailplane is deployed from, as the metadata of the distributions say."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet


@dataclass(frozen=True, kw_only=True)
class Installed:
    """One installed distribution."""

    name: str
    version: str
    requires: tuple[Requirement, ...] = ()
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    origin: str | None = None
    """What a requirement has to say so that another machine gets the same: `git+https://...@commit`, `https://...`,
    or `file:///...`, which no other machine has. None: name and version are enough."""


Finder = Callable[[str], Installed | None]
"""The distribution of a name, if it is installed."""


@cache
def installed(name: str) -> Installed | None:
    """The distribution of that name in this interpreter."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    about = distribution.metadata
    return Installed(
        name=about["Name"],
        version=distribution.version,
        requires=tuple(Requirement(line) for line in distribution.requires or ()),
        requires_python=SpecifierSet(str(about.json.get("requires_python", ""))),
        origin=_origin(distribution.read_text("direct_url.json")),
    )


def _origin(direct_url: str | None) -> str | None:
    """From the record that installers write when they were given a URL and not a name (PEP 610)."""
    if direct_url is None:
        return None
    record = json.loads(direct_url)
    url: str = record["url"]
    vcs = record.get("vcs_info")
    if vcs is None:
        return url
    folder = record.get("subdirectory")
    fragment = f"#subdirectory={folder}" if folder else ""
    return f"{vcs['vcs']}+{url}@{vcs['commit_id']}{fragment}"

"""Which packages a function is built with, and in which versions: those that are installed here.

DAG files are read here when they are pushed, and tried here before; so what they were read with flies. The build on
Google Cloud runs `pip install -r requirements.txt` and then `pip check` (from Python 3.14 on, uv does the same).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from sailplane.deploy.installed import Finder, Installed
from sailplane.deploy.requirements_file import Wanted
from sailplane.deploy.runtimes import Runtime
from sailplane.model.errors import SettingsError

SAILPLANE = "sailplane"
YOURS = "your requirements"
_MOST_NAMED = 3


class RequirementsConflict(SettingsError):
    """The version of a package does not suit all who need it."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Who wants which versions of a package."""

    by: str
    requirement: Requirement
    is_extra: bool
    """Wanted for the DAGs only, directly or by what they want; Sailplane's own needs otherwise."""

    def __str__(self) -> str:
        return f"{self.by} want{'s' if self.by != YOURS else ''} {_terms(self.requirement)}"


def pinned_requirements(
    own: Iterable[Requirement],
    wanted: Wanted,
    *,
    runtime: Runtime,
    version: str,
    find: Finder,
    extras: Mapping[str, Sequence[Requirement]] | None = None,
) -> tuple[str, ...]:
    """The lines of `requirements.txt`, sorted: what Sailplane `version` needs and what is wanted beside it.

    `extras` are Sailplane's own: `sailplane[bigquery]` among the wishes stands for what that extra has. Everything
    that is installed here is pinned, with all that it needs. A wish that what is installed does not meet stands as it
    was written. Raises RequirementsConflict, or SettingsError for a package that cannot be had elsewhere.
    """
    applying = [each for each in wanted.requirements if _applies(each, runtime.markers())]
    extra = [meant for each in applying for meant in _meant(each, version, extras or {})]
    walk = _Walk(runtime, find, unmet={_key(each) for each in extra if not _is_met(each, find)})
    for each in own:
        if _applies(each, runtime.markers()):
            walk.visit(Wish(by=SAILPLANE, requirement=each, is_extra=False))
    for each in extra:
        walk.visit(Wish(by=YOURS, requirement=each, is_extra=True))
    return tuple(line for name in sorted(walk.wishes) for line in walk.lines(name))


class _Walk:
    """Follows requirements through the metadata of what is installed."""

    def __init__(self, runtime: Runtime, find: Finder, unmet: set[str]) -> None:
        """`unmet`: packages of which the DAGs want another version than is installed here; pip finds what they need."""
        self.wishes: dict[str, list[Wish]] = defaultdict(list)
        self._runtime = runtime
        self._markers = runtime.markers()
        self._find = find
        self._unmet = unmet
        self._seen: set[tuple[str, str, bool]] = set()

    def visit(self, wish: Wish) -> None:
        """Note the wish, and whatever the package that meets it wishes itself."""
        name = _key(wish.requirement)
        self.wishes[name].append(wish)
        found = None if name in self._unmet else self._find(name)
        if found is None:
            if wish.by == SAILPLANE and name not in self._unmet:
                raise SettingsError(f"{name}, which Sailplane needs, is not installed here; install Sailplane again")
            return
        for part in ("", *sorted(wish.requirement.extras)):
            if (name, part, wish.is_extra) not in self._seen:
                self._seen.add((name, part, wish.is_extra))
                self._visit_needs(found, part, wish.is_extra)

    def _visit_needs(self, found: Installed, part: str, is_extra: bool) -> None:
        """`part`: the extra whose needs are visited; empty for what is always needed."""
        by = f"{found.name} {found.version}"
        for need in found.requires:
            if _applies(need, self._markers, part) and not (part and _applies(need, self._markers)):
                self.visit(Wish(by=by, requirement=need, is_extra=is_extra))

    def lines(self, name: str) -> list[str]:
        """What `requirements.txt` says of a package: a pin, the wishes as they were written, or nothing."""
        wishes = self.wishes[name]
        direct = [each.requirement for each in wishes if each.by == YOURS]
        found = self._find(name)
        if found is None or name in self._unmet:
            self._check_exact(name, wishes)
            return sorted({_without_marker(each) for each in direct})
        self._check_found(found, wishes)
        parts = sorted({part for each in direct for part in each.extras})
        suffix = f"[{','.join(parts)}]" if parts else ""
        if found.origin is not None:
            return [f"{name}{suffix} @ {found.origin}"]
        return [f"{name}{suffix}=={found.version}"]

    def _check_exact(self, name: str, wishes: Sequence[Wish]) -> None:
        """A version that is asked for has to suit everyone else who wants the package."""
        for version, by in _exact_versions(wishes):
            against = _against(version, wishes)
            if against:
                raise RequirementsConflict(f"{by} want {name}=={version}, but {_listed(against)}. {_advice(wishes)}")

    def _check_found(self, found: Installed, wishes: Sequence[Wish]) -> None:
        against = _against(found.version, wishes)
        if against:
            there = f"{found.name} {found.version} is installed here"
            raise RequirementsConflict(f"{there}, but {_listed(against)}. {_advice(wishes)}")
        if not found.requires_python.contains(f"{self._runtime.python}.99"):
            raise SettingsError(
                f"{found.name} {found.version} is not for Python {self._runtime.python} (it wants "
                f"{found.requires_python}); deploy from a Python {self._runtime.python}, or choose another runtime"
            )
        if found.origin is not None and found.origin.startswith("file:"):
            raise SettingsError(
                f"{found.name} {found.version} was installed from {found.origin}, which the build of the functions "
                "cannot reach; install it from an index or a repository"
            )


def _exact_versions(wishes: Sequence[Wish]) -> list[tuple[str, str]]:
    """Versions that someone asks for and nothing else, and who does."""
    specs = [(spec, each.by) for each in wishes for spec in each.requirement.specifier if spec.operator == "=="]
    return sorted({(spec.version, by) for spec, by in specs if not spec.version.endswith(".*")})


def _against(version: str, wishes: Sequence[Wish]) -> list[Wish]:
    """Who does not want that version."""
    return [each for each in wishes if not each.requirement.specifier.contains(version, prereleases=True)]


def _listed(wishes: Sequence[Wish]) -> str:
    said = list(dict.fromkeys(map(str, wishes)))
    more = f" and {len(said) - _MOST_NAMED} more do not allow it" if len(said) > _MOST_NAMED else ""
    return ", ".join(said[:_MOST_NAMED]) + more


def _advice(wishes: Sequence[Wish]) -> str:
    if any(each.is_extra for each in wishes):
        return (
            "Change your requirements, or give the tasks that need them a queue of kind 'job' with an image of its own"
        )
    return "Install Sailplane again, in an environment of its own"


def _is_met(requirement: Requirement, find: Finder) -> bool:
    """Whether what is installed here is what is wanted."""
    found = find(_key(requirement))
    if found is None or requirement.url is not None:
        return False
    return requirement.specifier.contains(Version(found.version), prereleases=True)


def _is_own(requirement: Requirement, version: str) -> bool:
    """Whether it is Sailplane itself, which comes along anyway. Raises RequirementsConflict for another version."""
    if _key(requirement) != SAILPLANE:
        return False
    if requirement.url is not None or not requirement.specifier.contains(version, prereleases=True):
        raise RequirementsConflict(
            f"your requirements want {requirement}, but Sailplane {version} is what deploys; leave the line out, "
            "or install the version that you want and deploy again"
        )
    return True


def _meant(
    requirement: Requirement, version: str, extras: Mapping[str, Sequence[Requirement]]
) -> Iterable[Requirement]:
    """The requirement, or what the extras of Sailplane have that it names."""
    if not _is_own(requirement, version):
        return (requirement,)
    unknown = sorted(requirement.extras - extras.keys())
    if unknown:
        raise RequirementsConflict(
            f"your requirements want {requirement}, but Sailplane has no extra {unknown[0]!r}; it has "
            f"{', '.join(sorted(extras)) or 'none'}"
        )
    return tuple(each for part in sorted(requirement.extras) for each in extras[part])


def _applies(requirement: Requirement, markers: Mapping[str, str], part: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**markers, "extra": part})


def _terms(requirement: Requirement) -> str:
    return str(requirement.specifier) or "any version"


def _without_marker(requirement: Requirement) -> str:
    """The marker has been evaluated."""
    return str(requirement).partition(";")[0].strip()


def _key(requirement: Requirement) -> str:
    return str(canonicalize_name(requirement.name))

"""What `requirements.txt` of a function says, given what is installed."""

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from sailplane.deploy.installed import Finder, Installed
from sailplane.deploy.requirements import RequirementsConflict, pinned_requirements
from sailplane.deploy.requirements_file import parse_requirements
from sailplane.deploy.runtimes import Runtime
from sailplane.model.errors import SettingsError


def package(name: str, version: str, *needs: str, python: str = "", origin: str | None = None) -> Installed:
    return Installed(
        name=name,
        version=version,
        requires=tuple(map(Requirement, needs)),
        requires_python=SpecifierSet(python),
        origin=origin,
    )


SERVER = package("Server", "2.1", "wire<3,>=1", "winapi; sys_platform == 'win32'", "tls>=4; extra == 'secure'")
WIRE = package("wire", "1.5")
TLS = package("tls", "4.2")


def finder(*packages: Installed) -> Finder:
    known = {each.name.lower(): each for each in packages}
    return known.get


def pins(
    *wanted: str,
    own: tuple[str, ...] = ("server>=2",),
    there: tuple[Installed, ...] = (SERVER, WIRE, TLS),
    runtime: Runtime = Runtime.PYTHON312,
) -> tuple[str, ...]:
    return pinned_requirements(
        map(Requirement, own), parse_requirements(wanted), runtime=runtime, version="0.1.0", find=finder(*there)
    )


def test_everything_that_is_needed_is_pinned_to_what_is_installed() -> None:
    assert pins() == ("server==2.1", "wire==1.5")


def test_an_extra_brings_its_packages() -> None:
    assert pins(own=("server[secure]",)) == ("server==2.1", "tls==4.2", "wire==1.5")


def test_markers_are_those_of_the_runtime() -> None:
    both = (*(SERVER, WIRE, TLS), package("old", "1"), package("new", "2"))
    own = ("old; python_version < '3.13'", "new; python_version >= '3.13'", "winapi; os_name == 'nt'")
    assert pins(own=own, there=both) == ("old==1",)
    assert pins(own=own, there=both, runtime=Runtime.PYTHON314) == ("new==2",)


def test_what_the_dags_want_is_pinned_with_all_that_it_needs() -> None:
    tables = package("tables", "3.0", "numbers>=1")
    assert pins("tables>=2", there=(SERVER, WIRE, tables, package("numbers", "1.1"))) == (
        "numbers==1.1",
        "server==2.1",
        "tables==3.0",
        "wire==1.5",
    )


def test_what_is_not_installed_here_stays_as_it_was_written() -> None:
    assert "tables[fast]<4,>=2" in pins("tables[fast]>=2,<4 ; sys_platform == 'linux'")


def test_another_version_than_the_installed_one_stays_as_it_was_written() -> None:
    tables = package("tables", "3.0", "numbers>=1")
    assert pins("tables==2.8", there=(SERVER, WIRE, tables)) == ("server==2.1", "tables==2.8", "wire==1.5")


def test_a_version_of_a_package_that_sailplane_needs_may_be_chosen_within_its_range() -> None:
    assert pins("wire==1.2") == ("server==2.1", "wire==1.2")


def test_a_wish_beyond_the_range_of_someone_else_is_a_conflict_that_names_all() -> None:
    with pytest.raises(
        RequirementsConflict, match=r"your requirements want wire==3\.1, but Server 2\.1 wants <3,>=1"
    ) as conflict:
        pins("wire==3.1")
    assert "queue of kind 'job'" in str(conflict.value)


def test_a_conflict_deep_in_what_the_dags_want_is_found() -> None:
    beam = package("beam", "2.6", "wire<1.4")
    with pytest.raises(RequirementsConflict, match=r"beam 2\.6 wants <1\.4"):
        pins("beam", there=(SERVER, WIRE, beam))


def test_a_conflict_with_many_names_some() -> None:
    users = [package(f"user{number}", "1", "wire<2") for number in range(5)]
    with pytest.raises(RequirementsConflict, match=r"user0 1 wants <2, user1 1 wants <2, user2 1 wants <2 and 2 more"):
        pins("wire==2.0", own=tuple(each.name for each in users), there=(WIRE, *users))


def test_two_wishes_of_the_dags_that_exclude_each_other_are_a_conflict() -> None:
    with pytest.raises(
        RequirementsConflict, match=r"your requirements want tables==2\.0, but your requirements want >=3"
    ):
        pins("tables==2.0", "tables>=3")


def test_an_installation_that_contradicts_itself_says_so() -> None:
    with pytest.raises(
        RequirementsConflict,
        match=r"wire 3\.0 is installed here, but Server 2\.1 wants <3,>=1\. Install Sailplane again",
    ):
        pins(there=(SERVER, package("wire", "3.0")))


def test_a_need_of_sailplane_that_is_missing_is_an_error() -> None:
    with pytest.raises(SettingsError, match="server, which Sailplane needs, is not installed here"):
        pins(there=())


def test_an_extra_of_sailplane_stands_for_its_packages() -> None:
    extras = {"bigquery": [Requirement("tables>=2,<4")], "postgres": [Requirement("elephant>=3")]}
    tables = package("tables", "3.0", "numbers>=1")

    def lines(*wanted: str) -> tuple[str, ...]:
        find = finder(SERVER, WIRE, tables, package("numbers", "1.1"))
        own, runtime = [Requirement("server>=2")], Runtime.PYTHON312
        wishes = parse_requirements(wanted)
        return pinned_requirements(own, wishes, runtime=runtime, version="0.1.0", find=find, extras=extras)

    assert lines("sailplane[bigquery]") == ("numbers==1.1", "server==2.1", "tables==3.0", "wire==1.5")
    assert lines("sailplane[postgres]>=0.1") == ("elephant>=3", "server==2.1", "wire==1.5")
    with pytest.raises(RequirementsConflict, match="no extra 'oracle'; it has bigquery, postgres"):
        lines("sailplane[oracle]")


def test_sailplane_itself_may_be_among_the_wishes_in_the_version_that_deploys() -> None:
    assert pins("sailplane>=0.1") == pins()
    with pytest.raises(RequirementsConflict, match=r"Sailplane 0\.1\.0 is what deploys"):
        pins("sailplane==9")


def test_a_package_for_other_pythons_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"wire 1\.5 is not for Python 3\.14"):
        pins(there=(SERVER, package("wire", "1.5", python="<3.14")), runtime=Runtime.PYTHON314)


def test_a_package_from_a_repository_is_pinned_to_its_commit() -> None:
    url = "git+https://example.org/wire.git@0123abc"
    assert pins(there=(SERVER, package("wire", "1.5", origin=url))) == ("server==2.1", f"wire @ {url}")


def test_a_package_from_a_folder_of_this_machine_is_an_error_and_not_a_namesake_from_an_index() -> None:
    with pytest.raises(SettingsError, match="which the build of the functions cannot reach"):
        pins(there=(SERVER, package("wire", "1.5", origin="file:///home/ada/wire")))


def test_packages_that_need_each_other_are_no_endless_loop() -> None:
    first, second = package("first", "1", "second"), package("second", "2", "first")
    assert pins(own=("first",), there=(first, second)) == ("first==1", "second==2")


def test_a_url_is_taken_as_it_was_written() -> None:
    assert pins("tables @ https://example.org/tables-2.0.tar.gz")[1] == "tables @ https://example.org/tables-2.0.tar.gz"

"""The Python runtimes of Cloud Run functions, and which of them a deployment takes."""

from enum import StrEnum

from sailplane.model.errors import SettingsError


class Runtime(StrEnum):
    """What `gcloud functions deploy --runtime` is told. Oldest first.

    Up to 3.13 the build installs with pip, from 3.14 on with uv.
    """

    PYTHON311 = "python311"
    PYTHON312 = "python312"
    PYTHON313 = "python313"
    PYTHON314 = "python314"

    @property
    def python(self) -> str:
        """As `3.11`."""
        digits = self.value.removeprefix("python")
        return f"{digits[0]}.{digits[1:]}"

    def markers(self) -> dict[str, str]:
        """The environment in which the markers of requirements are evaluated, with the last patch of this Python."""
        full = f"{self.python}.99"
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": "x86_64",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": self.python,
            "sys_platform": "linux",
        }


def runtime_like(version: tuple[int, int]) -> Runtime:
    """The runtime of the interpreter `version` (major, minor), because what is pinned was installed for it;
    the newest one for a Python that Cloud Run functions do not have yet."""
    exact = {each.python: each for each in Runtime}
    return exact.get(f"{version[0]}.{version[1]}", max(Runtime))


def runtime_named(name: str) -> Runtime:
    """The runtime that is written as `python312` or `3.12`. Raises SettingsError."""
    for each in Runtime:
        if name in (each.value, each.python):
            return each
    known = ", ".join(each.python for each in Runtime)
    raise SettingsError(f"Cloud Run functions have no Python {name!r} that Sailplane runs on; take one of {known}")

"""Doing what was planned, step by step, with patience for what Google Cloud needs a moment to know."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sailplane.deploy.command import Command
from sailplane.deploy.plan import Action, Step
from sailplane.deploy.resource import Kind
from sailplane.deploy.shell import CommandFailed, Shell
from sailplane.model.errors import SailplaneError

PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0, 60.0)
"""Seconds between tries. New accounts, roles and APIs are known everywhere after two minutes, and sometimes later."""
_NEEDS_TIME = frozenset({Kind.API, Kind.SERVICE_AGENT, Kind.SERVICE_ACCOUNT, Kind.BINDING, Kind.DATABASE})
"""What other commands may not see at once after it was made."""


class StepFailed(SailplaneError):
    """A step could not be done."""


@dataclass(kw_only=True)
class Executor:
    """Runs steps, one after the other, and says what it does."""

    shell: Shell
    say: Callable[[str], None]
    sleep: Callable[[float], None]
    again: str
    """The command that goes on where this one stopped."""

    def run(self, steps: Sequence[Step]) -> None:
        """Do all of `steps`. Raises `StepFailed` with the first that fails; those before it are done."""
        is_fresh = False
        for number, step in enumerate(steps, 1):
            place = f"[{number}/{len(steps)}] {step}"
            self.say(place)
            try:
                for command in step.commands:
                    self._patiently(command, step, is_fresh=is_fresh)
            except CommandFailed as error:
                raise StepFailed(
                    f"{place} failed: {error}. What was done before stays; `{self.again}` goes on from here"
                ) from error
            is_fresh = is_fresh or (step.kind in _NEEDS_TIME and step.action is not Action.DELETE)

    def _patiently(self, command: Command, step: Step, *, is_fresh: bool) -> None:
        for pause in PAUSES:
            try:
                self.shell.do(command)
            except CommandFailed as error:
                if step.tolerates_absence and error.is_gone:
                    self.say("    is gone already")
                    return
                if not (error.is_passing or (is_fresh and error.is_not_known_yet)):
                    raise
                self.say(f"    not yet: {error.said[-1].strip()[:160]}; again in {pause:.0f} s")
                self.sleep(pause)
            else:
                return
        self.shell.do(command)


def script(steps: Sequence[Step]) -> list[str]:
    """The steps as lines of a shell script; the files that its commands read are written now."""
    lines = ["set -e"]
    for number, step in enumerate(steps, 1):
        lines += ["", f"# [{number}/{len(steps)}] {step}"]
        for command in step.commands:
            for file in command.files:
                file.write()
            lines.append(str(command))
    return lines

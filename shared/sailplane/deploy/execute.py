"""Doing what was planned, step by step, with patience for what Google Cloud needs a moment to know."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import groupby

from sailplane.deploy.command import Command
from sailplane.deploy.plan import Step
from sailplane.deploy.resource import Kind
from sailplane.deploy.shell import CommandFailed, Shell
from sailplane.model.errors import SailplaneError

PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0)
"""Seconds between tries. A new log metric may take ten minutes until an alert policy can be about it."""
UNTIL_KNOWN = 6
"""Pauses in which new accounts, roles and APIs become known everywhere; a refusal after these is meant."""
_AT_ONCE = {Kind.FUNCTION: 4}
"""How many steps of a kind that follow each other are done at once. Each function is built for two minutes."""


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
        places = [f"[{number}/{len(steps)}] {step}" for number, step in enumerate(steps, 1)]
        is_fresh = False
        for kind, group in groupby(zip(places, steps, strict=True), key=lambda each: each[1].kind):
            members = list(group)
            with ThreadPoolExecutor(_AT_ONCE.get(kind, 1)) as pool:
                running = [pool.submit(self._step, place, step, is_fresh=is_fresh) for place, step in members]
                self._await(running)
            is_fresh = is_fresh or any(step.makes_news for _, step in members)

    def _await(self, running: Sequence[Future[None]]) -> None:
        """Raise what the first failed; those that have not begun by then do not begin."""
        wait(running, return_when=FIRST_EXCEPTION)
        for other in running:
            other.cancel()
        for each in running:
            if not each.cancelled():
                each.result()

    def _step(self, place: str, step: Step, *, is_fresh: bool) -> None:
        self.say(place)
        try:
            for command in step.commands:
                self._patiently(command, step, is_fresh=is_fresh)
        except CommandFailed as error:
            raise StepFailed(
                f"{place} failed: {error}. What was done before stays; `{self.again}` goes on from here"
            ) from error

    def _patiently(self, command: Command, step: Step, *, is_fresh: bool) -> None:
        for number, pause in enumerate(PAUSES):
            try:
                self.shell.do(command)
            except CommandFailed as error:
                if step.tolerates_absence and error.is_gone:
                    self.say("    is gone already")
                    return
                if number > 0 and error.is_there:
                    return  # The try before made it, and its answer was lost.
                is_too_new = is_fresh and number < UNTIL_KNOWN and error.is_not_known_yet
                if not (error.is_passing or is_too_new):
                    raise
                self.say(f"    not yet: {error.said[-1].strip()[:160]}; again in {pause:.0f} s")
                self.sleep(pause)
            else:
                return
        self.shell.do(command)


def script(steps: Sequence[Step], then: Sequence[str] = ()) -> list[str]:
    """The steps, and lines to end with, as a shell script; the files that its commands read are written now.

    In parentheses: pasted into a terminal, nothing begins before the last line is there, and a failure ends the
    script and not the terminal.
    """
    lines = ["(", "set -e"]
    for number, step in enumerate(steps, 1):
        lines += ["", f"# [{number}/{len(steps)}] {step}"]
        for command in step.commands:
            for file in command.files:
                file.write()
            lines.append(str(command))
    return [*lines, *then, ")"]

"""An engine in memory: a store with compare-and-set, a queue that loses and duplicates, workers that die anywhere.

A worker is a generator that yields between any two things that a real one does one after the other. The simulation
steps through all workers in random order, which comes from one seed, and stops some of them for good.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from random import Random

from plain_rules import may_start, unrolled

from sailplane.model.dags import SerializedDag
from sailplane.model.ids import TaskKey
from sailplane.model.states import LIVE, RunState, TaskState, check_transition
from sailplane.planner import joins
from sailplane.planner.advance import advance, replan
from sailplane.planner.plan import Look, Plan, Snapshot
from sailplane.planner.rules import UpstreamCounts

Worker = Generator[None, None, None]
MAX_TRIES = 3
MOST_STEPS = 20_000


@dataclass
class Document:
    state: TaskState
    token: int
    try_number: int = 1
    feeds: tuple[str, ...] = ()
    unchosen: frozenset[str] = frozenset()
    owner: int = 0
    """Number of the worker that runs it."""
    size: int = 0
    """Of one of several instances: how many there are."""


@dataclass(frozen=True)
class Ticket:
    key: TaskKey
    token: int


@dataclass
class Script:
    """What happens when tasks run, and what goes wrong around them."""

    outcomes: dict[tuple[str, int], TaskState]
    """(task instance, try number) -> how the try ends; success when it is not there."""
    lengths: dict[str, int] = field(default_factory=dict)
    """task_id -> how many items it returns when it succeeds."""
    unchosen: dict[str, frozenset[str]] = field(default_factory=dict)
    crashes: int = 0
    losses: int = 0
    duplicates: int = 0
    expiries: int = 0
    """Leases lost by workers that still live."""
    reconciles: int = 0


class Simulation:
    """One run of `dag`, from its first tasks to its end."""

    def __init__(self, dag: SerializedDag, script: Script, seed: int) -> None:
        self.dag = dag
        self.script = script
        self.random = Random(seed)
        self.documents: dict[TaskKey, Document] = {}
        self.run = RunState.RUNNING
        self.clock = 0
        self.queue: list[Ticket] = []
        self.workers: dict[int, tuple[Worker, list[Ticket]]] = {}
        self.hired = 0
        self.tries_run: list[tuple[TaskKey, int]] = []
        self.lost_tries = 0
        self.early_starts: list[TaskKey] = []
        self.closings = 0
        self.stalls = 0
        """How often only the run's alarm could help."""
        self.reads = 0

    # The store.

    def states(self) -> dict[TaskKey, TaskState]:
        return {key: document.state for key, document in self.documents.items()}

    def by_task(self) -> dict[str, TaskState]:
        """By `task`, or `task[index]`."""
        return {str(key): state for key, state in self.states().items()}

    def sizes(self, keys: Iterable[TaskKey] | None = None) -> dict[str, int]:
        """What documents tell, all or those of `keys`: what is mapped -> how many instances."""
        found = self.documents.keys() if keys is None else self.documents.keys() & set(keys)
        return {self.dag.mapped_by[key.task_id]: size for key in found if (size := self.documents[key].size)}

    def length(self, key: TaskKey) -> int | None:
        """How many items the task instance returned that ended and stands alone."""
        if key.task_id in self.dag.mapped_by:
            return 0
        return self.script.lengths.get(key.task_id, 0) if self.documents[key].state is TaskState.SUCCESS else None

    def lengths(self, keys: Iterable[TaskKey]) -> dict[str, int | None]:
        ended = (key for key in keys if key.map_index < 0 and key in self.documents)
        return {key.task_id: self.length(key) for key in ended if self.documents[key].state.is_terminal}

    def all_lengths(self) -> dict[str, int | None]:
        """Of all tasks that have ended, with all their instances."""
        found = self.lengths(self.documents)
        states, sizes = self.states(), self.sizes()
        for task_id, mapped_by in self.dag.mapped_by.items():
            ended = [states.get(TaskKey(task_id, index)) for index in range(sizes.get(mapped_by, 0))]
            if ended and all(state is not None and state.is_terminal for state in ended):
                found[task_id] = ended.count(TaskState.SUCCESS)
        return found

    def create(self, key: TaskKey, state: TaskState, owner: int = 0, size: int = 0) -> bool:
        if key in self.documents:
            return False
        self.write(key, Document(state=state, token=0, owner=owner, size=size))
        return True

    def change(self, key: TaskKey, token: int, state: TaskState, **fields: object) -> bool:
        """Compare-and-set: only when nobody has written since `token`."""
        document = self.documents[key]
        if document.token != token:
            return False
        check_transition(document.state, state)
        document.state = state
        for name, value in fields.items():
            setattr(document, name, value)
        self.write(key, document)
        return True

    def write(self, key: TaskKey, document: Document) -> None:
        self.clock += 1
        document.token = self.clock
        if document.state.is_terminal:
            pushed = document.state is TaskState.SUCCESS
            document.feeds = joins.feeds(self.dag, key.task_id, document.state, has_pushed=pushed)
        self.documents[key] = document
        if document.state is TaskState.RUNNING and not self.may_start(key):
            self.early_starts.append(key)

    def may_start(self, key: TaskKey) -> bool:
        sizes = {each.task_id: document.size for each, document in self.documents.items() if document.size}
        dag = unrolled(self.dag, sizes) if sizes else self.dag
        return may_start(dag, dag.task_dict[str(key)], self.by_task())

    def count(self, value: str) -> int:
        self.reads += 1
        return sum(value in document.feeds for document in self.documents.values())

    # The world around.

    def publish(self, keys: Iterable[TaskKey]) -> None:
        self.queue += [Ticket(key, self.documents[key].token) for key in keys]

    def hire(self, worker: "Worker", number: int, tickets: list[Ticket] | None = None) -> None:
        self.workers[number] = (worker, tickets or [])

    def next_number(self) -> int:
        self.hired += 1
        return self.hired

    def play(self) -> None:
        """Until the run has ended and nobody works any more."""
        self.hire(Reconciler(self).work(), self.next_number())
        for _ in range(MOST_STEPS):
            if not self.workers and not self.queue:
                if self.run.is_terminal:
                    return
                self.let_time_pass()
            self.one_thing()
        raise AssertionError("the run does not end")

    def one_thing(self) -> None:
        script = self.script
        chance = self.random.random()
        if chance < 0.03 and script.crashes and self.workers:
            script.crashes -= 1
            self.crash(self.random.choice(list(self.workers)))
        elif chance < 0.05 and script.losses and self.queue:
            script.losses -= 1
            self.take_ticket()
        elif chance < 0.07 and script.duplicates and self.queue:
            script.duplicates -= 1
            self.queue.append(self.random.choice(self.queue))
        elif chance < 0.08 and script.expiries:
            script.expiries -= 1
            self.expire_lease()
        elif chance < 0.09 and script.reconciles:
            script.reconciles -= 1
            self.hire(Reconciler(self).work(), self.next_number())
        elif self.queue and (chance < 0.4 or not self.workers):
            self.start_worker()
        elif self.workers:
            self.step(self.random.choice(list(self.workers)))

    def start_worker(self) -> None:
        tickets = [self.take_ticket() for _ in range(min(len(self.queue), self.random.choice((1, 1, 2, 4))))]
        number = self.next_number()
        self.hire(WaveWorker(self, number).work(tickets), number, tickets)

    def step(self, number: int) -> None:
        try:
            next(self.workers[number][0])
        except StopIteration:
            del self.workers[number]

    def crash(self, number: int) -> None:
        worker, tickets = self.workers.pop(number)
        worker.close()
        if self.random.random() < 0.5:
            self.queue += tickets

    def expire_lease(self) -> None:
        running = [key for key, document in self.documents.items() if document.state is TaskState.RUNNING]
        if running:
            key = self.random.choice(running)
            self.answer_alarm(key, self.documents[key])

    def take_ticket(self) -> Ticket:
        return self.queue.pop(self.random.randrange(len(self.queue)))

    def let_time_pass(self) -> None:
        """Nobody works: the alarms of live task instances go off, or, when there are none, that of the run."""
        live = [(key, document) for key, document in self.documents.items() if document.state in LIVE]
        for key, document in live:
            self.answer_alarm(key, document)
        if not live:
            self.stalls += 1
            self.hire(Reconciler(self).work(), self.next_number())

    def answer_alarm(self, key: TaskKey, document: Document) -> None:
        if document.state is TaskState.RUNNING:
            self.lost_tries += 1
            self.fail_try(key, document, document.token)
        elif document.state is TaskState.UP_FOR_RETRY:
            self.change(key, document.token, TaskState.QUEUED, try_number=document.try_number + 1)
            self.publish([key])
        else:
            self.publish([key])

    def fail_try(self, key: TaskKey, document: Document, token: int) -> bool:
        state = TaskState.UP_FOR_RETRY if document.try_number < MAX_TRIES else TaskState.FAILED
        return self.change(key, token, state)


class Pusher:
    """Pushes the run forward as `planner.advance` describes, with what this worker has learnt."""

    def __init__(self, simulation: Simulation, number: int = 0) -> None:
        self.simulation = simulation
        self.number = number
        self.known: dict[TaskKey, TaskState] = {}
        self.own: dict[TaskKey, int] = {}
        """Task instances that this worker runs now, with their tokens."""

    def snapshot(
        self,
        read: dict[TaskKey, TaskState],
        counts: dict[str, UpstreamCounts],
        lengths: dict[str, int | None] | None = None,
    ) -> Snapshot:
        documents = self.simulation.documents
        running: dict[TaskKey, TaskState] = dict.fromkeys(self.own, TaskState.RUNNING)
        states = {**running, **read, **self.known}
        unchosen = {key: documents[key].unchosen for key in states if key in documents}
        return Snapshot(
            states=states,
            counts=counts,
            skipped_by_branch={key: skipped for key, skipped in unchosen.items() if skipped},
            sizes=self.simulation.sizes(states),
            lengths={**self.simulation.lengths(self.known), **(lengths or {})},
        )

    def push(self, ended: list[TaskKey]) -> Worker:
        """What follows from `ended`, which is committed."""
        read: dict[TaskKey, TaskState] = {}
        counts: dict[str, UpstreamCounts] = {}
        lengths: dict[str, int | None] = {}
        seen: set[Look] = set()
        while True:
            plan = advance(self.simulation.dag, self.snapshot(read, counts, lengths), ended)
            if plan.starts or plan.settles:
                if plan.settles:  # What was read of unfinished ones, or counted, was so before these ends.
                    read, counts, lengths = {}, {}, {}
                    seen.clear()
                yield from self.create(plan, ended, read)
            elif set(plan.looks) - seen:
                for look in plan.looks:
                    if look not in seen:
                        yield from self.look(look, read, counts, lengths)
                        seen.add(look)
            else:
                break
        if plan.run is not None:
            self.close(plan.run)
        elif plan.may_be_over:
            yield from self.check_end()

    def create(self, plan: Plan, ended: list[TaskKey], read: dict[TaskKey, TaskState]) -> Worker:
        simulation = self.simulation
        fresh = []
        for settle in plan.settles:
            simulation.create(settle.key, settle.state, size=settle.size)
            self.learn(settle.key, read)
            if simulation.documents[settle.key].state.is_terminal:
                ended.append(settle.key)
            if simulation.random.random() < 0.1:
                yield
        for start in plan.starts:
            if simulation.create(start.key, TaskState.QUEUED, size=start.size):
                fresh.append(start.key)
            self.learn(start.key, read)
            if simulation.random.random() < 0.1:
                yield
        yield
        simulation.publish(fresh)

    def learn(self, key: TaskKey, read: dict[TaskKey, TaskState]) -> None:
        """Read `key`. Only terminal states are remembered beyond this push: the others may change."""
        self.simulation.reads += 1
        document = self.simulation.documents.get(key)
        state = document.state if document else TaskState.NONE
        (self.known if state.is_terminal else read)[key] = state

    def look(
        self,
        look: Look,
        read: dict[TaskKey, TaskState],
        counts: dict[str, UpstreamCounts],
        lengths: dict[str, int | None],
    ) -> Worker:
        for key in look.keys:
            self.learn(key, read)
            yield
        for measure in look.measures:
            if not measure.instances:
                self.learn(TaskKey(measure.task_id), read)
            elif (length := joins.length(measure.task_id, measure.instances, self.simulation.count)) is not None:
                lengths[measure.task_id] = length
            yield
        if look.counted:
            dag, answers = self.simulation.dag, dict[str, int]()
            while (value := joins.next_question(dag, look.task_id, answers, look.total)) is not None:
                answers[value] = self.simulation.count(value)
                yield
            counts[look.task_id] = joins.counts(look.task_id, answers, look.total)

    def check_end(self) -> Worker:
        simulation = self.simulation
        wide = len(simulation.dag.tasks) > joins.WIDE or simulation.dag.mapped_by
        if wide and simulation.count(joins.RUN_JOIN) < len(simulation.dag.tasks):
            return
        yield
        yield from Reconciler(simulation).work()

    def close(self, state: RunState) -> None:
        simulation = self.simulation
        unfinished = [key for key, document in simulation.documents.items() if not document.state.is_terminal]
        assert not unfinished, f"closed too early: {unfinished}"
        if simulation.run is RunState.RUNNING:
            simulation.run = state
            simulation.closings += 1
        assert simulation.run is state


class WaveWorker(Pusher):
    """Gets tickets, claims them, runs them side by side, records their ends and pushes the run forward."""

    def work(self, tickets: list[Ticket]) -> Worker:
        for ticket in tickets:
            yield from self.claim(ticket)
        together = self.simulation.random.random() < 0.5
        while self.own:
            yield
            keys = list(self.own) if together else [self.simulation.random.choice(list(self.own))]
            yield from self.finish(keys)

    def claim(self, ticket: Ticket) -> Worker:
        document = self.simulation.documents[ticket.key]
        if document.state.is_terminal:
            self.known[ticket.key] = document.state
            yield from self.push([ticket.key])
        elif document.state is TaskState.QUEUED and self.simulation.change(
            ticket.key, ticket.token, TaskState.RUNNING, owner=self.number
        ):
            self.begin(ticket.key)
        yield

    def begin(self, key: TaskKey) -> None:
        document = self.simulation.documents[key]
        self.own[key] = document.token
        self.simulation.tries_run.append((key, document.try_number))

    def finish(self, keys: list[TaskKey]) -> Worker:
        """Record the ends of `keys`, with what they make ready, and push on."""
        ended = []
        for key in keys:
            document, token = self.simulation.documents[key], self.own.pop(key)
            outcome = self.simulation.script.outcomes.get((str(key), document.try_number), TaskState.SUCCESS)
            if outcome is TaskState.FAILED and document.try_number < MAX_TRIES:
                self.simulation.fail_try(key, document, token)
            elif self.end(key, token, outcome):
                ended.append(key)
        if not ended:
            return
        if self.simulation.random.random() < 0.5:
            # Planned before the commit and put into it: no step in between. One successor is started right here.
            self.commit_with(ended)
        yield
        yield from self.push(ended)

    def end(self, key: TaskKey, token: int, outcome: TaskState) -> bool:
        unchosen = self.simulation.script.unchosen.get(key.task_id, frozenset())
        chosen_from = unchosen if outcome is TaskState.SUCCESS else frozenset()
        if not self.simulation.change(key, token, outcome, unchosen=chosen_from):
            return False
        self.known[key] = outcome
        return True

    def commit_with(self, ended: list[TaskKey]) -> None:
        simulation = self.simulation
        plan = advance(simulation.dag, self.snapshot({}, {}), ended)
        proposed = {start.key for start in plan.starts} | {settle.key for settle in plan.settles}
        if proposed & simulation.documents.keys():
            return
        for settle in plan.settles:
            simulation.create(settle.key, settle.state, size=settle.size)
            self.known[settle.key] = settle.state
            ended.append(settle.key)
        for place, start in enumerate(plan.starts):
            if place == 0:
                simulation.create(start.key, TaskState.RUNNING, owner=self.number, size=start.size)
                self.begin(start.key)
            else:
                simulation.create(start.key, TaskState.QUEUED, size=start.size)
        simulation.publish(start.key for start in plan.starts[1:])


class Reconciler(Pusher):
    """Plans the whole run again from its documents: creates its first tasks, and answers the run's alarm."""

    def work(self) -> Worker:
        simulation = self.simulation
        unchosen = {key: each.unchosen for key, each in simulation.documents.items() if each.unchosen}
        snapshot = Snapshot(
            states=simulation.states(),
            complete=True,
            skipped_by_branch=unchosen,
            sizes=simulation.sizes(),
            lengths=simulation.all_lengths(),
        )
        plan = replan(simulation.dag, snapshot)
        yield
        fresh = []
        for settle in plan.settles:
            simulation.create(settle.key, settle.state, size=settle.size)
            yield
        for start in plan.starts:
            if simulation.create(start.key, TaskState.QUEUED, size=start.size):
                fresh.append(start.key)
            yield
        simulation.publish(fresh)
        if plan.run is not None:
            self.close(plan.run)

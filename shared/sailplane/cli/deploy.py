"""`sailplane deploy` and `sailplane destroy`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sailplane.cli.session import Session, session_of
from sailplane.model.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sailplane.deploy.deployment import Deployment
    from sailplane.deploy.execute import Executor
    from sailplane.deploy.plan import Step
    from sailplane.deploy.shell import Shell

ProjectOption = Annotated[str, typer.Option("--project", metavar="PROJECT", help="Id of the Google Cloud project.")]
RegionOption = Annotated[str, typer.Option("--region", metavar="REGION", help="Where it runs, such as europe-west1.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="The deployment's settings.  [default: sailplane.toml here, or with the DAGs]"),
]
DagsOption = Annotated[
    Path | None,
    typer.Option("--dags", help="Folder with DAG files.  [default: dags beside the settings, if there is one]"),
]
WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", help="Folder for staged sources and other files that commands need.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the commands and run none that changes anything.")]
StageOnlyOption = Annotated[
    bool, typer.Option("--stage-only", help="Only write the staged sources to the workspace, as for Terraform.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]
WORKSPACE = Path(".sailplane/deploy")


def add_commands(app: typer.Typer) -> None:
    app.command()(deploy)
    app.command()(destroy)


def deploy(
    context: typer.Context,
    *,
    project: ProjectOption,
    region: RegionOption,
    dags: DagsOption = None,
    config: ConfigOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    stage_only: StageOnlyOption = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Set up all of Sailplane in a Google Cloud project, or bring it up to date."""
    from sailplane.deploy.workspace import held

    session = session_of(context)
    shell = _shell(session)
    folder = _dags_folder(dags, config)
    config = _settings(session, config, folder)
    deployment = _deployment(shell, project, region, config=config, dags=folder, workspace=workspace)
    with held(workspace):
        if stage_only:
            _stage_only(session, deployment, workspace)
        else:
            _deploy(session, shell, deployment, folder, workspace=workspace, dry_run=dry_run, yes=yes)


def _stage_only(session: Session, deployment: "Deployment", workspace: Path) -> None:
    from sailplane.deploy.kit import source_folder
    from sailplane.deploy.requirements_file import read_requirements
    from sailplane.deploy.staging import stage

    for name in deployment.stage_only(stage, read_requirements):
        session.output.line(str(source_folder(workspace, name)))


def _deploy(
    session: Session,
    shell: "Shell",
    deployment: "Deployment",
    dags: Path | None,
    *,
    workspace: Path,
    dry_run: bool,
    yes: bool,
) -> None:
    from sailplane.deploy.requirements_file import read_requirements
    from sailplane.deploy.staging import stage

    session.output.note(f"looking at project {deployment.project} and staging sources in {workspace}")
    steps, leftovers = deployment.steps_to_deploy(deployment.stage(stage, read_requirements))
    for resource in leftovers:
        removal = deployment.removal(resource)
        session.output.note(f"{resource} is not in the settings any more; when nothing waits in its queue: {removal}")
    if dry_run:
        _print_script(session, deployment, steps, dags)
        return
    if dags is not None:
        _check_credentials(session, deployment)
    if steps and not yes:
        _confirm(session, steps, f"Do this in project {deployment.project}?")
    _executor(session, shell).run(steps)
    if not steps:
        session.output.note("everything is there already, as it should be")
    if dags is not None:
        _push(session, deployment, dags)


def destroy(
    context: typer.Context,
    *,
    project: ProjectOption,
    region: RegionOption,
    config: ConfigOption = None,
    workspace: WorkspaceOption = WORKSPACE,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Also the bucket and the database: all history is lost.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Take away what `sailplane deploy` made. Bucket and database stay unless told."""
    session = session_of(context)
    shell = _shell(session)
    config = _settings(session, config, _dags_folder(None, config))
    deployment = _deployment(shell, project, region, config=config, dags=None, workspace=workspace)
    steps, kept = deployment.steps_to_destroy(with_data=with_data)
    if dry_run:
        _print_script(session, deployment, steps, None)
        return
    if steps and not yes:
        _confirm(session, steps, f"Take all this away from project {project}?")
    _executor(session, shell).run(steps)
    if not steps:
        session.output.note("nothing of it is there")
    for resource in kept:
        session.output.note(f"{resource} stays; --with-data takes it away, too")


def _shell(session: Session) -> "Shell":
    from sailplane.deploy.shell import Shell

    return Shell(session.environment)


def _deployment(
    shell: "Shell", project: str, region: str, *, config: Path | None, dags: Path | None, workspace: Path
) -> "Deployment":
    from sailplane.deploy.config import load
    from sailplane.deploy.deployment import Deployment, Order
    from sailplane.deploy.runtimes import runtime_like
    from sailplane.standalone.assets import infra_folder

    order = Order(
        project=project,
        region=region,
        config=load(config),
        dags=dags,
        workspace=workspace,
        infra=infra_folder(),
        runtime=runtime_like(sys.version_info[:2]),
    )
    return Deployment(order, shell)


def _dags_folder(given: Path | None, config: Path | None) -> Path | None:
    """The folder that is named, or the one that lies beside the settings. Left out once, requirements beside the DAGs
    would be taken from the workers."""
    if given is not None:
        if not given.is_dir():
            raise SettingsError(f"{given} is no folder; name the folder of your DAG files with --dags")
        return given
    beside = (config.parent if config is not None else Path()) / "dags"
    return beside if beside.is_dir() else None


def _settings(session: Session, given: Path | None, dags: Path | None) -> Path | None:
    from sailplane.deploy.settings_file import settings_file

    found = settings_file(given, dags, Path())
    session.output.note(
        f"settings: {found}" if found is not None else "settings: the defaults, without a sailplane.toml"
    )
    return found


def _confirm(session: Session, steps: "Sequence[Step]", question: str) -> None:
    for step in steps:
        session.output.line(f"  {step}")
    typer.confirm(f"{len(steps)} steps. {question}", abort=True)


def _executor(session: Session, shell: "Shell") -> "Executor":
    from sailplane.deploy.execute import Executor

    return Executor(shell=shell, say=session.output.line, sleep=session.sleep, again="the same command")


def _print_script(session: Session, deployment: "Deployment", steps: "Sequence[Step]", dags: Path | None) -> None:
    from sailplane.deploy.execute import script

    then = [] if steps else ["# nothing has to be done"]
    if dags is not None:
        variables = " ".join(f"{name}={shlex.quote(value)}" for name, value in deployment.environment().items())
        then += ["", "# the DAGs", f"{variables} sailplane dags push {shlex.quote(str(dags))}"]
    for line in script(steps, then):
        session.output.line(line)


def _check_credentials(session: Session, deployment: "Deployment") -> None:
    """Say before the first step what would stop the push of the DAGs after the last: gcloud's login is not enough."""
    from sailplane.cloud.channels import check_credentials
    from sailplane.cloud.settings import Settings

    check_credentials(Settings.from_mapping({**session.environment, **deployment.environment()}))


def _push(session: Session, deployment: "Deployment", folder: Path) -> None:
    from sailplane.standalone.registration import push_folder

    report = push_folder({**session.environment, **deployment.environment()}, folder)
    for line in report.lines():
        session.output.line(line)
    if report.errors:
        raise typer.Exit(1)

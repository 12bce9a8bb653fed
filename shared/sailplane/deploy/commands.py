"""The commands that make, change and take away a resource."""

from collections.abc import Mapping

from sailplane.deploy import access_commands, compute_commands, data_commands, messaging_commands, monitoring_commands
from sailplane.deploy.resource import Kind
from sailplane.deploy.verbs import Verbs

VERBS: Mapping[Kind, Verbs] = {
    **access_commands.VERBS,
    **data_commands.VERBS,
    **messaging_commands.VERBS,
    **compute_commands.VERBS,
    **monitoring_commands.VERBS,
}

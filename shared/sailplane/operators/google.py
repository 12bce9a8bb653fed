"""What operators on Google Cloud have in common."""

from collections.abc import Sequence
from typing import Any

from sailplane.authoring.operator import BaseOperator
from sailplane.hooks.google import DEFAULT_CONNECTION


class GoogleOperator(BaseOperator):
    """Reaches Google Cloud by the Connection `gcp_conn_id`, as the last account of `impersonation_chain` if given."""

    def __init__(
        self,
        *,
        gcp_conn_id: str = DEFAULT_CONNECTION,
        impersonation_chain: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.gcp_conn_id = gcp_conn_id
        self.impersonation_chain = impersonation_chain

    def hook_arguments(self) -> dict[str, Any]:
        """What the operator's hook is made with."""
        return {"gcp_conn_id": self.gcp_conn_id, "impersonation_chain": self.impersonation_chain}

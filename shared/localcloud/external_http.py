"""HTTP requests to servers that are not ours, for push endpoints and scheduler targets elsewhere."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import ClientSession


class ExternalHttp:
    """One lazily made client session."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> tuple[int, bytes]:
        """Status and body; 503 when nothing answers. Raises TimeoutError when it takes too long."""
        from aiohttp import ClientError, ClientSession, ClientTimeout

        if self._session is None:
            self._session = ClientSession()
        try:
            async with self._session.request(
                method, url, data=body, headers=dict(headers), timeout=ClientTimeout(total=timeout)
            ) as answer:
                return answer.status, await answer.read()
        except TimeoutError:
            raise
        except (ClientError, OSError) as error:
            return 503, str(error).encode()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

"""Asking the hub: again where waiting may help, and otherwise in words that say what to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from waystage.errors import DataError

T = TypeVar("T")
TRIES = 3  # of ours; huggingface_hub itself repeats a refused request several times before it gives up


class Gone(Exception):
    """This copy cannot be used, but another one may."""


def offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def patiently(repo: str, ask: Callable[[], T]) -> T:
    """Ask again after 1, 2, 4 ... seconds where waiting may help; otherwise say what is wrong."""
    wait = float(os.environ.get("WAYSTAGE_RETRY_SECONDS", "1"))
    for left in range(TRIES - 1, -1, -1):
        try:
            return ask()
        except (DataError, Gone):
            raise
        except Exception as error:
            status, after = _status(error)
            if not left or not _may_pass(error, status):
                raise _said(repo, error, status) from error
            time.sleep(min(after, 60.0) if after is not None else wait)
            wait *= 2
    raise AssertionError("the last try either returns or raises")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> tuple[int | None, float | None]:
    for one in _chain(error):
        response = getattr(one, "response", None)
        if response is not None and getattr(response, "status_code", None):
            after = str(response.headers.get("retry-after", ""))
            return int(response.status_code), float(after) if after.replace(".", "", 1).isdigit() else None
    return None, None


def _may_pass(error: BaseException, status: int | None) -> bool:
    if status is not None:
        return status == 429 or status >= 500
    names = {type(one).__name__ for one in _chain(error)}
    if names & {"OfflineModeIsEnabled", "LocalEntryNotFoundError"}:
        return False
    return bool(names & _PASSING) or "Consistency check failed" in str(error)


_PASSING = {
    "ConnectionError", "ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError", "RemoteProtocolError",
    "TimeoutError", "WriteError", "ConnectionResetError", "IncompleteRead",
}  # fmt: skip


def _said(repo: str, error: BaseException, status: int | None) -> Exception:
    """An error that ends the search, or `Gone` where another copy may do."""
    names = {type(one).__name__ for one in _chain(error)}
    if (
        "GatedRepoError" in names
        or "gated dataset" in str(error)
        or (status in (401, 403) and "RepositoryNotFoundError" not in names)
    ):
        return Gone(f"it asks for an agreement: accept it at {_page(repo)}, then type `hf auth login`")
    if "RevisionNotFoundError" in names:
        return Gone(f"this commit or branch is gone (see {_page(repo)})")
    if status == 429:
        return DataError(f"the hub refuses {repo} for now (too many requests): wait some minutes and run again")
    if status is not None and status >= 500:
        return DataError(f"the hub answers {status} for {repo} after {TRIES} tries: run again later")
    if status in (401, 404) or names & {"RepositoryNotFoundError", "DatasetNotFoundError", "RemoteEntryNotFoundError"}:
        return Gone(f"it is not there, or private (see {_page(repo)})")
    if "LocalEntryNotFoundError" in names and offline():
        return DataError(f"a file of {repo} is not in the cache, and the hub is switched off (HF_HUB_OFFLINE)")
    if isinstance(error, RuntimeError) and "scripts are no longer supported" in str(error):
        return Gone("it is a loading script, which `datasets` no longer runs")
    if "DataFilesNotFoundError" in names or isinstance(error, ValueError):
        return Gone(str(error).partition("\n")[0][:300])
    if _may_pass(error, status):
        short = str(error).partition("\n")[0][:200]
        return DataError(f"{repo} could not be fetched after {TRIES} tries ({short}): check the network and run again")
    return error if isinstance(error, Exception) else RuntimeError(str(error))


def _page(repo: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/datasets/{repo}"

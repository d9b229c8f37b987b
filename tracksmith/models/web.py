"""One way to ask servers: named, never from https down to http, and told in words why not."""

from __future__ import annotations

import re
import shlex
from urllib.parse import unquote, urljoin, urlsplit

import requests

from tracksmith.version import __version__

__all__ = ["Session", "reason"]

BUCKET = re.compile(r"(?P<bucket>[\w.-]+)\.s3[.\w-]*\.amazonaws\.com")


class Session(requests.Session):
    """A session that refuses to be sent from an encrypted address to one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.headers["User-Agent"] = f"tracksmith/{__version__}"
        self.max_redirects = 10

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer sends on to; requests asks here before it follows."""
        target = super().get_redirect_target(resp)
        if target is None or urlsplit(resp.url).scheme != "https":
            return target
        following = urljoin(resp.url, target)
        if urlsplit(following).scheme != "https":
            raise requests.ConnectionError(
                f"it sends on from https to {following}, where anybody on the way could change the "
                "file: not followed"
            )
        return target


def reason(error: requests.RequestException, url: str) -> str:
    """Return in words why a server gave nothing."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        code = error.response.status_code
        return f"HTTP {code} {error.response.reason}{_requester_pays(code, url)}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        refused = re.search(r"Tunnel connection failed: ([^'\"]+)", str(error))
        return (
            f"the proxy refuses ({refused[1]})"
            if refused
            else f"the proxy does not answer ({error})"
        )
    return f"connection failed or broke off ({error})"


def _requester_pays(code: int, url: str) -> str:
    """Say what the 403 of a bucket of Amazon's usually means, and how to go on."""
    address = urlsplit(url)
    bucket = BUCKET.fullmatch(address.hostname or "")
    if code != 403 or bucket is None:
        return ""
    place = f"s3://{bucket['bucket']}{unquote(address.path)}"
    return (
        '. Its owners may have set the bucket to "requester pays": then only whoever has an '
        "account with Amazon, and pays for the transfer, gets the file:\n"
        f"      aws s3 cp --request-payer requester {shlex.quote(place)} FOLDER/\n"
        "    and then --from FOLDER, as below"
    )

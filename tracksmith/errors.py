"""Every error that tracksmith raises on purpose, with the exit code it ends in.

::

    TracksmithError          1   a fault of the program or of a plugin
    ├── PluginError          1   a model broke its contract
    ├── UsageError           2   the request makes no sense
    │   └── CardError        2   a model card contradicts itself
    ├── IncompleteError      3   some parts failed; the rest is safe
    ├── InputError           4   the data is wrong
    ├── ResourceError        5   disk, memory, device or network
    │   └── DeviceError      5   a GPU broke; this process cannot use it any more
    └── TrustError           6   a digest or a plan does not match

A message says what, where (file, contig, line or record), why, and what to do
next. The command line prints the message and exits with ``exit_code``.
"""

from __future__ import annotations

__all__ = [
    "CardError",
    "DeviceError",
    "IncompleteError",
    "InputError",
    "PluginError",
    "ResourceError",
    "TracksmithError",
    "TrustError",
    "UsageError",
]


class TracksmithError(Exception):
    """Base of every error raised on purpose."""

    exit_code = 1


class PluginError(TracksmithError):
    """A model plugin broke its contract (shape, dtype, NaN, exception)."""


class UsageError(TracksmithError):
    """The request itself makes no sense."""

    exit_code = 2


class CardError(UsageError):
    """A model card contradicts itself; every problem is listed."""


class IncompleteError(TracksmithError):
    """Some parts are not done; what is done is safe."""

    exit_code = 3


class InputError(TracksmithError):
    """A file that the user gave is wrong."""

    exit_code = 4


class ResourceError(TracksmithError):
    """Disk, memory, device or network do not suffice."""

    exit_code = 5


class DeviceError(ResourceError):
    """A device broke under a process: what this one does on it fails from now on."""


class TrustError(TracksmithError):
    """A digest, a plan or a lock does not match what was promised."""

    exit_code = 6

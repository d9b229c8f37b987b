"""Files on shared disks and at the system's limits."""

import errno
import os

import pytest

from tracksmith.errors import ResourceError
from tracksmith.files import aside, crc32_of_file, reread


def failing(*numbers):
    """Return a function that raises these errors in turn, then answers."""
    left = list(numbers)

    def read():
        if left:
            number = left.pop(0)
            raise OSError(number, os.strerror(number))
        return "content"

    return read


@pytest.mark.parametrize(
    "errors",
    [(), (errno.ENOENT,), (errno.ESTALE,), (errno.ESTALE, errno.ESTALE)],
)
def test_what_a_shared_disk_shows_late_is_looked_for_again(errors, tmp_path):
    assert reread(failing(*errors), tmp_path) == "content"
    assert reread(failing(errno.ENOENT), tmp_path / "gone") == "content"


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ((errno.ENOENT, errno.ENOENT), FileNotFoundError),
        ((errno.EACCES,), PermissionError),
        ((errno.ESTALE,) * 3, OSError),
    ],
)
def test_what_stays_away_is_an_error(errors, raised, tmp_path):
    with pytest.raises(raised):
        reread(failing(*errors), tmp_path)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EMFILE, "ulimit -n 4096"),
        (errno.ENAMETOOLONG, "a shorter path"),
    ],
)
def test_each_limit_of_the_system_has_its_remedy(number, advice, tmp_path):
    with pytest.raises(ResourceError, match=advice), aside(tmp_path / "x") as temporary:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))
    assert not list(tmp_path.iterdir())


def test_the_checksum_is_that_of_the_whole_file(tmp_path):
    import zlib

    content = os.urandom((1 << 20) + 12_345)
    (tmp_path / "x").write_bytes(content)
    assert crc32_of_file(tmp_path / "x") == zlib.crc32(content)

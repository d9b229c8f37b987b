"""A file's own bytes tell whether it can be what its name says."""

import gzip
import zipfile

import h5py
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tracksmith.models.kinds import wrong_content, wrong_head

NUMBERS = np.arange(5000, dtype=np.float32)


def write(path):
    """Write a whole file of the kind that its name says, with the library for it."""
    match path.suffix:
        case ".h5":
            with h5py.File(path, "w") as file:
                file["group/w"] = NUMBERS
        case ".hdf5":
            with h5py.File(path, "w", libver="latest") as file:
                file["group/w"] = NUMBERS
        case ".safetensors":
            save_file({"w": torch.from_numpy(NUMBERS)}, path, metadata={"format": "pt"})
        case ".pt":
            torch.save({"w": torch.from_numpy(NUMBERS)}, path)
        case ".pth":
            content = {"w": torch.from_numpy(NUMBERS)}
            torch.save(content, path, _use_new_zipfile_serialization=False)
        case ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("w", NUMBERS.tobytes())
        case ".gz":
            path.write_bytes(gzip.compress(NUMBERS.tobytes()))
        case _:
            path.write_text("index\tname\n" + "0\tx\n" * 5000)
    return path


NAMES = ("w.h5", "w.hdf5", "w.safetensors", "w.pt", "w.pth", "w.zip", "w.gz", "w.txt", "w.bin")
STATES_ITS_END = ("w.h5", "w.hdf5", "w.safetensors", "w.pt", "w.zip")


@pytest.mark.parametrize("name", NAMES)
def test_whole_files_are_what_their_names_say(tmp_path, name):
    assert wrong_content(name, write(tmp_path / name)) is None


@pytest.mark.parametrize("name", STATES_ITS_END)
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_file_that_was_cut_is_told_by_what_it_says_of_itself(tmp_path, name, share):
    whole = write(tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(share * len(whole))])
    assert wrong_content(name, tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><title>Sign in", b"\n\n <HTML>", b"\xef\xbb\xbf<?xml version='1.0'?>"]
)
def test_a_web_page_is_no_weight_file_of_any_name(name, page):
    assert "web page" in wrong_head(name, page)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_at_all_is_no_file_of_any_name(name):
    assert wrong_head(name, b"") == "it is empty"


@pytest.mark.parametrize("name", ["w.h5", "w.hdf5", "w.safetensors", "w.pt", "w.zip", "w.gz"])
@pytest.mark.parametrize("other", ["w.h5", "w.safetensors", "w.pth", "w.gz", "w.txt"])
def test_a_file_under_another_name_is_told(tmp_path, name, other):
    head = write(tmp_path / other).read_bytes()[:4096]
    alike = {("w.h5", "w.h5"), ("w.hdf5", "w.h5"), ("w.pt", "w.pth"), ("w.gz", "w.gz")}
    if (name, other) in alike or name == other:
        assert wrong_head(name, head) is None
    else:
        assert "does not begin as" in wrong_head(name, head)


@pytest.mark.parametrize("head", [b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n\xff" + b"\xff" * 40])
def test_a_first_block_of_nonsense_is_told(tmp_path, head):
    (tmp_path / "w.h5").write_bytes(head)
    assert wrong_content("w.h5", tmp_path / "w.h5")


@pytest.mark.parametrize(
    "header", [b"{", b"[]", b'{"w": 3}', b'{"w": {"data_offsets": [0, "x"]}}', b"[" * 9000]
)
def test_a_header_of_nonsense_is_told(tmp_path, header):
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert wrong_content("w.safetensors", tmp_path / "w.safetensors")

"""Torch files are read as descriptions: the same tensors, within the size of the file."""

import io
import pickle
import random
import struct
import zipfile
from collections import OrderedDict

import pytest
import torch
from safetensors.torch import save_file

from tracksmith.errors import InputError, TracksmithError, TrustError
from tracksmith.models.safe_load import load_tensors

BASE = torch.arange(24, dtype=torch.float32).reshape(4, 6)
KINDS = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.complex64),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
)
EVERY = {
    **{str(kind): BASE.to(kind) for kind in KINDS},
    "transposed": BASE.T,
    "view": BASE[1:3, 2:5],
    "stepped": BASE[:, ::2],
    "spread": BASE[:1].expand(2, 6),
    "scalar": torch.tensor(7.5),
    "empty": torch.empty(0, 3),
    "parameter": torch.nn.Parameter(BASE + 1),
    "buffer": torch.nn.Buffer(BASE + 2),
}


def same(left, right):
    return left.keys() == right.keys() and all(
        left[k].dtype == right[k].dtype and torch.equal(left[k], right[k].detach()) for k in left
    )


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("checksums", [True, False])
def test_tensors_are_those_that_torch_reads(tmp_path, zipped, checksums):
    path = tmp_path / "w.pt"
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(checksums)
    try:
        torch.save(OrderedDict(EVERY), path, _use_new_zipfile_serialization=zipped)
    finally:
        torch.serialization.set_crc32_options(before)
    expected = torch.load(path, weights_only=True)
    by_name = load_tensors(path)
    assert same(by_name, expected)
    assert {k: v.stride() for k, v in by_name.items()} == {
        k: v.stride() for k, v in expected.items()
    }


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_protocol_of_pickle_is_read(tmp_path, protocol, zipped):
    options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped}
    torch.save({"model": EVERY, "epoch": [1, 2.5, None, {3, 4}]}, tmp_path / "w.pt", **options)
    assert same(load_tensors(tmp_path / "w.pt", legacy=True), EVERY)


def with_pickle(path, data, content=b"\0" * 24):
    """Write a checkpoint in torch's zip layout around a pickle of one's own."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", data)
        archive.writestr("w/data/0", content)
    return path


STORAGE = b"((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x000X\3\0\0\0cpu%stQ"
"""A storage called 0 of as many numbers as are put in for ``%s``."""


def tensor(numbers=b"K\6", shape=b"(K\6t(K\1t", offset=b"K\0"):
    """Return opcodes that put down one tensor."""
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    return rebuild + STORAGE % numbers + offset + shape + b"\x89)tR"


def named(opcodes):
    """Return a pickle of a dictionary with these opcodes' value under the name ``w``."""
    return b"\x80\2}X\1\0\0\0w" + opcodes + b"s."


def test_the_opcodes_of_these_tests_make_a_checkpoint(tmp_path):
    path = with_pickle(tmp_path / "w.pt", named(tensor()))
    assert same(load_tensors(path), {"w": torch.zeros(6)})


FOUR_BILLION = b"\x8a\5\0\0\0\0\1"


@pytest.mark.parametrize(
    "opcodes",
    [
        tensor(numbers=FOUR_BILLION),
        tensor(numbers=b"J\xff\xff\xff\xff"),
        tensor(shape=b"(K\7t(K\1t"),
        tensor(offset=b"K\1"),
        tensor(offset=b"J\xff\xff\xff\xff"),
        tensor(shape=b"(" + FOUR_BILLION + b"t(K\0t"),
        tensor(shape=b"(K\6t(" + FOUR_BILLION + b"t"),
        tensor(shape=b"(" + FOUR_BILLION * 40 + b"t(" + b"K\0" * 40 + b"t"),
        tensor(shape=b"(K\6K\1t(K\1t"),
        tensor(shape=b"(X\1\0\0\0at(K\1t"),
        tensor(shape=b"]]"),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_tensor_beyond_its_numbers_is_refused(tmp_path, opcodes, legacy):
    path = with_pickle(tmp_path / "w.pt", named(opcodes))
    with pytest.raises(InputError, match="damaged"):
        load_tensors(path, legacy)


def test_many_tensors_over_the_same_numbers_are_bounded(tmp_path):
    views = {f"w{n}": torch.zeros(10_000)[: 9_000 + n] for n in range(9)}
    shared = torch.zeros(10_000)
    torch.save({name: shared[: len(view)] for name, view in views.items()}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"its tensors take 3[0-9]{2},[0-9]{3} bytes, the file"):
        load_tensors(tmp_path / "w.pt")
    torch.save({"w": shared, "again": shared, "half": shared[:5000]}, tmp_path / "w.pt")
    assert len(load_tensors(tmp_path / "w.pt")) == 3


def legacy_file(path, numbers, stored):
    """Write the old layout by hand: a tensor of ``numbers``, and ``stored`` as its length."""
    opcodes = STORAGE.replace(b"tQ", b"NtQ") % numbers
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    content = named(rebuild + opcodes + b"K\0(K\6t(K\1t\x89)tR")
    system = {"protocol_version": 1001, "little_endian": True}
    head = (0x1950A86A20F9469CFC6C, 1001, system)
    whole = b"".join(pickle.dumps(part, 2) for part in head) + content + pickle.dumps(["0"], 2)
    path.write_bytes(whole + struct.pack("<q", stored) + b"\0" * 24)
    return path


def test_an_old_file_is_refused_before_room_is_made_for_what_it_claims(tmp_path, monkeypatch):
    path = legacy_file(tmp_path / "w.pt", b"K\6", 6)
    assert same(load_tensors(path), {"w": torch.zeros(6)})
    made = []
    monkeypatch.setattr(torch, "UntypedStorage", made.append)
    for numbers, stored in ((FOUR_BILLION, 6), (FOUR_BILLION, 1 << 32), (b"K\6", 5), (b"K\6", -1)):
        legacy_file(path, numbers, stored)
        for legacy in (False, True):
            with pytest.raises(InputError, match="damaged"):
                load_tensors(path, legacy)
    assert not made


@pytest.mark.parametrize(
    "named_thing",
    [
        "torch FloatStorage",
        "torch._utils _rebuild_tensor_v2",
        "torch Tensor",
        "collections Counter",
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_sets_no_attribute_outside_itself(tmp_path, named_thing, legacy):
    """BUILD with a pair of None and a dictionary sets attributes, also of a class or function."""
    module, name = named_thing.split()
    thing = b"c%s\n%s\n" % (module.encode(), name.encode())
    state = b"N}X\7\0\0\0planted\x88s\x86b"
    path = with_pickle(
        tmp_path / "w.pt", named(tensor()).replace(b"s.", b"s" + thing + state + b"0.")
    )
    loaded = load_tensors(path, legacy)
    assert same(loaded, {"w": torch.zeros(6)})
    actual = getattr(__import__(module, fromlist=[name]), name)
    assert not hasattr(actual, "planted")


@pytest.mark.parametrize("state", [b"(tb", b"N}\x86b", b"(K\0K\0K\0K\0tb"])
def test_a_tensor_is_not_changed_after_it_was_described(tmp_path, state):
    with pytest.raises(InputError, match="attributes set on a TensorRecord"):
        load_tensors(with_pickle(tmp_path / "w.pt", named(tensor() + state)))


def test_deep_and_wide_nonsense_ends_in_a_sentence(tmp_path):
    deep = b"\x80\2" + b")" + b"\x85" * 300_000 + b"."
    doubled = b"\x80\2]" + b"2\x86" * 64 + b"."
    far = b"\x80\2]r\xff\xff\xff\x7f."
    for data in (deep, doubled, far, b"", b".", b"\x80\2(((((.", b"\x80\2h\7.", b"\x80\2tttt."):
        with pytest.raises(InputError, match=r"w\.pt"):
            load_tensors(with_pickle(tmp_path / "w.pt", data), legacy=True)


def test_a_name_that_could_steer_a_terminal_is_not_printed(tmp_path):
    evil = b"cos\n\x1b]0;owned\x07system\n"
    with pytest.raises(TrustError) as caught:
        load_tensors(with_pickle(tmp_path / "w.pt", named(evil)))
    assert "\x1b" not in str(caught.value)
    torch.save({"w\x1b[2J": BASE}, tmp_path / "w.pt")
    save_file({"w\x1b[2J": BASE}, tmp_path / "w.safetensors")
    for path in (tmp_path / "w.pt", tmp_path / "w.safetensors"):
        with pytest.raises(InputError) as caught:
            load_tensors(path)
        assert "\x1b" not in str(caught.value)


def test_a_flipped_bit_among_the_numbers_is_found(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"w": BASE}, path)
    whole = bytearray(path.read_bytes())
    at = whole.index(struct.pack("<f", 13.0))
    whole[at] ^= 1
    path.write_bytes(whole)
    with pytest.raises(InputError, match="checksum"):
        load_tensors(path)


def test_an_archive_packed_again_is_not_misread(tmp_path):
    torch.save({"w": BASE}, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as source,
        zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in source.namelist():
            packed.writestr(name, source.read(name))
    with pytest.raises(InputError, match="packed again, compressed"):
        load_tensors(tmp_path / "w.pt")


def damaged(data, seed):
    """Return bytes with a few of them changed, cut out, doubled or moved, by the seed alone."""
    chance, data = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 5)):
        at, length = chance.randrange(len(data)), chance.randint(1, 32)
        match chance.randrange(5):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at : at + 4] = chance.choice((b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f"))
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = data[at : at + length]
            case _:
                data[at] = chance.randrange(256)
        if len(data) < 8:
            break
    return bytes(data)


def saved(kind):
    stream = io.BytesIO()
    if kind == "safetensors":
        from safetensors.torch import save

        return save({"w": BASE, "b": BASE[0].clone()})
    content = {"state_dict": OrderedDict(w=BASE, b=BASE[0]), "epoch": 3, "optimizer": {0: [BASE]}}
    torch.save(content, stream, _use_new_zipfile_serialization=kind == "zip")
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors", "pickle in a zip"])
def test_damage_of_any_kind_is_a_sentence_or_tensors_of_the_file_s_size(tmp_path, kind):
    """A seeded sample of what was tried for four minutes of one core on each kind of file."""
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pt")
    inside = kind == "pickle in a zip"
    whole = saved("zip" if inside else kind)
    pickled = zipfile.ZipFile(io.BytesIO(whole)).read("archive/data.pkl") if inside else b""
    refused = 0
    for seed in range(300):
        if inside:
            with_pickle(path, damaged(pickled, seed), b"\0" * 96)
        else:
            path.write_bytes(damaged(whole, seed))
        try:
            tensors = load_tensors(path, legacy=bool(seed % 2))
        except TracksmithError as error:
            refused += 1
            assert error.exit_code in (4, 6)
            assert str(path) in str(error)
        else:
            total = sum(value.numel() * value.element_size() for value in tensors.values())
            assert total <= 4 * path.stat().st_size
    assert refused > 100

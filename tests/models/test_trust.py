"""What a file may run is decided by its sha256: witnessed by marks that its code leaves."""

import hashlib
import pickle
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch

from tests.models.pickles import Touch, save_with_code
from tracksmith.errors import InputError, TrustError, UsageError
from tracksmith.models import safe_load
from tracksmith.models.safe_load import load_tensors
from tracksmith.models.trust import consent, trusting
from tracksmith.runs.planned import note_unused, trusted_files
from tracksmith.runs.record import TrustedFile

TENSORS = {"w": torch.arange(6.0).reshape(2, 3), "n.b": torch.tensor([1, 2], dtype=torch.int64)}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "mark"


@pytest.fixture
def evil(tmp_path, mark):
    """A file with code, and its sha256."""
    path = tmp_path / "w.ckpt"
    return path, save_with_code(path, TENSORS, mark)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_code_runs_with_trust_and_only_with_it(tmp_path, mark, legacy, zipped):
    path = tmp_path / "w.pt"
    digest = save_with_code(path, TENSORS, mark, _use_new_zipfile_serialization=zipped)
    assert zipfile.is_zipfile(path) == zipped
    with pytest.raises(TrustError) as caught:
        load_tensors(path, legacy)
    assert not mark.exists()
    assert f"`--trust-weights sha256:{digest}`" in str(caught.value)
    assert "then runs code from this file" in str(caught.value)
    with trusting([f"sha256:{digest.upper()}"]) as consent:
        assert same(load_tensors(path, legacy), TENSORS)
    assert mark.exists()
    assert consent.used == [digest]


def test_trust_in_a_file_is_no_trust_in_another(tmp_path, evil, mark):
    path, digest = evil
    other, other_mark = tmp_path / "other.ckpt", tmp_path / "other-mark"
    save_with_code(other, TENSORS, other_mark)
    with trusting([f"sha256:{digest}"]) as consent:
        with pytest.raises(TrustError, match="--trust-weights"):
            load_tensors(other)
        shutil.copy(other, path)  # under the trusted name
        with pytest.raises(TrustError, match="--trust-weights"):
            load_tensors(path)
    assert consent.used == []
    assert not other_mark.exists()
    assert not mark.exists()


def test_trust_ends_with_its_block_and_its_thread(evil, mark):
    path, digest = evil
    with trusting([f"sha256:{digest}"]), ThreadPoolExecutor(1) as pool:
        assert consent().digests == {digest}
        assert isinstance(pool.submit(load_tensors, path).exception(), TrustError)
        with trusting(["sha256:" + "0" * 64]):
            assert consent().digests == {digest, "0" * 64}
    assert not consent().digests
    with pytest.raises(TrustError):
        load_tensors(path)
    assert not mark.exists()


def swapping(monkeypatch, owner, name, path, new, before):
    """Replace a file just before or just after a function is called for the first time."""
    real, done = getattr(owner, name), []

    def swap():
        if not done:
            done.append(True)
            new.replace(path)

    def wrapped(*args, **kwargs):
        if before:
            swap()
            return real(*args, **kwargs)
        value = real(*args, **kwargs)
        swap()
        return value

    monkeypatch.setattr(owner, name, wrapped)
    return done


def test_a_file_swapped_after_its_digest_was_taken_does_not_run(tmp_path, evil, mark, monkeypatch):
    path, digest = evil
    new, new_mark = tmp_path / "new.ckpt", tmp_path / "new-mark"
    save_with_code(new, TENSORS, new_mark)
    done = swapping(monkeypatch, safe_load, "digest_of_file", path, new, before=False)
    with trusting([f"sha256:{digest}"]), pytest.raises(TrustError, match="changed while it was"):
        load_tensors(path)
    assert done
    assert not new_mark.exists()
    assert not mark.exists()


def test_what_was_hashed_is_what_is_unpickled(tmp_path, evil, mark, monkeypatch):
    path, digest = evil
    new, new_mark = tmp_path / "new.ckpt", tmp_path / "new-mark"
    save_with_code(new, {"w": torch.zeros(1)}, new_mark)
    done = swapping(monkeypatch, torch, "load", path, new, before=True)
    with trusting([f"sha256:{digest}"]):
        assert same(load_tensors(path), TENSORS)
    assert done
    assert mark.exists()
    assert not new_mark.exists()


def test_a_whole_module_may_be_trusted(tmp_path):
    path, module = tmp_path / "m.pt", torch.nn.Linear(3, 2)
    torch.save({"model": module}, path)
    with pytest.raises(TrustError, match=r"torch\.nn\.modules\.linear\.Linear"):
        load_tensors(path, legacy=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with trusting([f"sha256:{digest}"]):
        assert same(load_tensors(path), dict(module.state_dict()))


def test_a_trusted_file_that_fails_is_no_fault_of_the_program(tmp_path):
    path = tmp_path / "w.pt"
    path.write_bytes(pickle.dumps(Touch(tmp_path / "no" / "place")).replace(b"posix", b"nosix"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with trusting([f"sha256:{digest}"]), pytest.raises(InputError, match=r"w\.pt .*nosix"):
        load_tensors(path)


def test_a_program_is_refused_even_if_trusted(tmp_path):
    path = tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/constants.pkl", b"")
        archive.writestr("w/data.pkl", pickle.dumps({}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with trusting([f"sha256:{digest}"]), pytest.raises(TrustError, match="trusted or not"):
        load_tensors(path)


@pytest.mark.parametrize(
    "text",
    ["", "sha256:", "sha256:abc", "0" * 64, "md5:" + "0" * 64, "sha256:" + "g" * 64,
     "sha256:" + "0" * 65, " sha256:" + "0" * 64],
)  # fmt: skip
def test_a_malformed_digest_is_a_usage_error(text):
    with pytest.raises(UsageError, match="64 hexadecimal digits"), trusting([text]):
        pass


def test_digests_are_held_against_the_files_of_a_run():
    files = (SimpleNamespace(name="a.pt", sha256="1" * 64), SimpleNamespace(name="c", sha256="2"))
    planned = SimpleNamespace(name="toy", weights={"a": files})
    expected = TrustedFile("toy", "a", "a.pt", "1" * 64)
    assert trusted_files([planned], {"1" * 64, "3" * 64}) == (expected,)
    said = []
    with trusting(["sha256:" + "1" * 64, "sha256:" + "3" * 64]):
        note_unused([planned], said.append)
    assert len(said) == 1
    assert "sha256:" + "3" * 64 in said[0]


def test_enformer_reads_a_trusted_file(tmp_path, mark):
    """The other plugins with pickled weights run whole in tests/cli/test_trust_weights.py."""
    weights = pytest.importorskip("tracksmith_enformer.weights")
    sizes = weights.Sizes((8, 12), 1, 2, 4, 8, 6, (("human", 3),))
    tensors = {name: torch.ones(shape) for name, shape in weights.layout(sizes).items()}
    digest = save_with_code(tmp_path / "pytorch_model.bin", tensors, mark)
    with pytest.raises(TrustError, match=f"--trust-weights sha256:{digest}"):
        weights.read_weights(tmp_path / "pytorch_model.bin", {})
    assert not mark.exists()
    with trusting([f"sha256:{digest}"]):
        loaded, shown = weights.read_weights(tmp_path / "pytorch_model.bin", {})
    assert mark.exists()
    assert (loaded.keys(), shown) == (tensors.keys(), sizes)

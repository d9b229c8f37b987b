"""Weight files with code that leaves a mark: a file that is there once the code has run."""

import hashlib
import os

import torch


class Touch:
    """Pickles to a call that makes an empty file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


class Hidden:
    """Pickles to a call of ``dict``: without the call there are no tensors."""

    def __init__(self, tensors):
        self.tensors = tensors

    def __reduce__(self):
        return dict, (list(self.tensors.items()),)


def save_with_code(path, tensors, mark, **options):
    """Write a checkpoint that gives its tensors to who runs its code; return its sha256."""
    torch.save({"state_dict": Hidden(tensors), "note": Touch(mark)}, path, **options)
    return hashlib.sha256(path.read_bytes()).hexdigest()

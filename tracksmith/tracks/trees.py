"""The two indexes of bigWig and bigBed: the B+ tree by name, the R tree by position.

Layout after Kent et al. 2010 (supplement): every level lies in one stretch,
the root first; a node is full except the last of its level.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tracksmith.tracks.bbi import BLOCK, BRANCH, LITTLE, NAME_TREE, POSITION_TREE

__all__ = ["NODE_ITEMS", "BlockTable", "write_name_tree", "write_position_tree"]

NODE_ITEMS = 256
IN_MEMORY = 1 << 18  # bytes of a temporary file before it goes to the disk
ROWS_AT_ONCE = NODE_ITEMS * 64


class BlockTable:
    """Blocks in file order, kept on disk beside the target when they become many."""

    def __init__(self, folder: Path) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY, dir=str(folder))  # noqa: SIM115 - closed below
        self.count = 0

    def append(self, blocks: NDArray[np.void]) -> None:
        """Add blocks of dtype `BLOCK` that follow all earlier ones."""
        self._file.write(blocks.tobytes())
        self.count += len(blocks)

    def chunks(self) -> Iterator[NDArray[np.void]]:
        """Yield all blocks again, a whole number of leaf nodes at a time."""
        self._file.seek(0)
        while raw := self._file.read(ROWS_AT_ONCE * BLOCK.itemsize):
            yield np.frombuffer(raw, BLOCK)

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()


def _levels(items: int) -> list[int]:
    """Return how many nodes each level has, leaves first, up to the root."""
    counts = [max(1, -(-items // NODE_ITEMS))]
    while counts[-1] > 1:
        counts.append(-(-counts[-1] // NODE_ITEMS))
    return counts


def _node_offsets(start: int, items: int, leaf_width: int, branch_width: int) -> list[int]:
    """Return where each level starts, leaves first; the root lies at ``start``."""
    counts = _levels(items)
    entries = [items, *counts[:-1]]
    widths = [leaf_width] + [branch_width] * (len(counts) - 1)
    offsets, at = [0] * len(counts), start
    for level in reversed(range(len(counts))):
        offsets[level] = at
        at += counts[level] * LITTLE.node.size + entries[level] * widths[level]
    return offsets


def _child_offsets(start: int, width: int, children: int) -> NDArray[np.uint64]:
    """Return where the nodes of a level lie; all but the last are full."""
    step = LITTLE.node.size + NODE_ITEMS * width
    return start + np.arange(children, dtype=np.uint64) * np.uint64(step)


def _write_node(out: BinaryIO, count: int, entries: bytes, *, leaf: bool) -> None:
    out.write(LITTLE.node.pack(leaf, count))
    out.write(entries)


def _write_nodes(out: BinaryIO, entries: NDArray[np.void], *, leaf: bool) -> None:
    """Write rows as consecutive nodes."""
    for first in range(0, max(1, len(entries)), NODE_ITEMS):
        node = entries[first : first + NODE_ITEMS]
        _write_node(out, len(node), node.tobytes(), leaf=leaf)


def write_name_tree(
    out: BinaryIO, entries: Iterable[bytes], count: int, key_size: int, value_size: int
) -> None:
    """Write a B+ tree at the end of ``out`` in one pass over its entries.

    Parameters
    ----------
    out : binary file
        Open for writing, positioned at its end.
    entries : iterable of bytes
        ``count`` keys, each filled up with NUL bytes to ``key_size`` and
        followed by its value of ``value_size`` bytes; ascending.
    """
    out.write(LITTLE.name_tree.pack(NAME_TREE, NODE_ITEMS, key_size, value_size, count))
    widths = key_size + value_size, key_size + 8
    offsets = _node_offsets(out.tell(), count, *widths)
    out.seek(offsets[0])
    keys = []
    source = iter(entries)
    for _ in range(_levels(count)[0]):
        node = list(itertools.islice(source, NODE_ITEMS))
        keys += [item[:key_size] for item in node[:1]]
        _write_node(out, len(node), b"".join(node), leaf=True)
    end = out.tell()
    for level in range(1, len(offsets)):
        out.seek(offsets[level])
        children = _child_offsets(offsets[level - 1], widths[level > 1], len(keys)).tolist()
        nodes = [key + LITTLE.offset.pack(at) for key, at in zip(keys, children, strict=True)]
        for first in range(0, len(nodes), NODE_ITEMS):
            part = nodes[first : first + NODE_ITEMS]
            _write_node(out, len(part), b"".join(part), leaf=False)
        keys = keys[::NODE_ITEMS]
    out.seek(end)


def write_position_tree(out: BinaryIO, table: BlockTable, base: int, items_per_block: int) -> None:
    """Write an R tree over blocks whose offsets count from ``base`` in the file.

    The blocks are read twice from the table and never held together.
    """
    if 0 < table.count <= NODE_ITEMS:
        _write_one_leaf(out, table, base, items_per_block)
        return
    levels = [_bounds(table)]
    while len(levels[-1]) > 1:
        levels.append(_enclose(levels[-1]))
    root = levels.pop()
    extent = root[0].tolist()[:4] if table.count else [0] * 4
    _write_tree_head(out, table.count, extent, items_per_block)
    offsets = _node_offsets(out.tell(), table.count, BLOCK.itemsize, BRANCH.itemsize)
    for level, nodes in enumerate(levels):
        width = BRANCH.itemsize if level else BLOCK.itemsize
        nodes["offset"] = _child_offsets(offsets[level], width, len(nodes))
    for nodes in reversed(levels):
        _write_nodes(out, nodes, leaf=False)
    _write_leaves(out, table.chunks(), base)
    if table.count == 0:
        _write_nodes(out, np.empty(0, BLOCK), leaf=True)


def _write_tree_head(
    out: BinaryIO, count: int, extent: Sequence[int], items_per_block: int
) -> None:
    head = (POSITION_TREE, NODE_ITEMS, count, *extent, out.tell(), items_per_block)
    out.write(LITTLE.position_tree.pack(*head))


def _write_one_leaf(out: BinaryIO, table: BlockTable, base: int, items_per_block: int) -> None:
    """Write a tree of one node: of thousands of small tracks, each has some of these."""
    (blocks,) = table.chunks()
    last = max(zip(blocks["last_contig"].tolist(), blocks["end"].tolist(), strict=True))
    extent = int(blocks["first_contig"][0]), int(blocks["start"][0]), *last
    _write_tree_head(out, table.count, extent, items_per_block)
    _write_leaves(out, [blocks], base)


def _write_leaves(out: BinaryIO, chunks: Iterable[NDArray[np.void]], base: int) -> None:
    for chunk in chunks:
        moved = chunk.copy()
        moved["offset"] += np.uint64(base)
        _write_nodes(out, moved, leaf=True)


def _bounds(table: BlockTable) -> NDArray[np.void]:
    """Return the extent of every leaf node, one row of dtype `BRANCH` each."""
    parts = [_enclose(chunk) for chunk in table.chunks()]
    return np.concatenate(parts) if parts else np.empty(0, BRANCH)


def _enclose(entries: NDArray[np.void]) -> NDArray[np.void]:
    """Return the extent of each group of entries that shares a node."""
    first = np.arange(0, len(entries), NODE_ITEMS)
    extent = np.zeros(len(first), BRANCH)
    extent["first_contig"] = entries["first_contig"][first]
    extent["start"] = entries["start"][first]
    ends = entries["last_contig"].astype(np.uint64) << np.uint64(32) | entries["end"]
    furthest = np.maximum.reduceat(ends, first)
    extent["last_contig"] = furthest >> np.uint64(32)
    extent["end"] = furthest & np.uint64(0xFFFFFFFF)
    return extent

"""One contender of `bench_top_k.py`, run in a fresh process: makes the arrays, prints what it cost, keeps some answers.

    PYTHON _top_k_contenders.py NAME FOLDER USERS ITEMS FACTORS SEEN MEBIBYTES

A contender takes the factors and what each user has seen, and yields the columns and scores of some users at a time,
best first. Right after it, the same process takes the bare product, so that both meet the same machine.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _ranking_contenders import forget_peak, resident_peak
from scipy import sparse

K = 10
BARE_BYTES = 64 * 2**20  # the bare product is given the block that it is fastest with, and the same memory every time
COMPARED = 2_000
Answer = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Case:
    users: np.ndarray
    items: np.ndarray
    seen: sparse.csr_matrix
    block: int  # users

    def head(self, users: int) -> Case:
        return Case(self.users[:users], self.items, self.seen[:users], self.block)

    def blocks(self) -> Iterator[tuple[np.ndarray, sparse.csr_matrix]]:
        for start in range(0, len(self.users), self.block):
            yield self.users[start : start + self.block], self.seen[start : start + self.block]


def make_case(users: int, items: int, factors: int, seen: int, mebibytes: float, seed: int = 0) -> Case:
    """Normal factors; the items that a user has seen are a walk of random step over a prime number of them."""
    rng = np.random.default_rng(seed)
    prime = next(number for number in range(items, 1, -1) if all(number % i for i in range(2, int(number**0.5) + 1)))
    start, step = rng.integers(0, prime, (users, 1)), rng.integers(1, prime, (users, 1))
    columns = np.sort((start + step * np.arange(seen)) % prime, axis=1).astype(np.int32)
    rows = np.arange(0, users * seen + 1, seen)
    matrix = sparse.csr_matrix((np.ones(users * seen, np.float32), columns.ravel(), rows), (users, items))
    left, right = (rng.standard_normal((count, factors), dtype=np.float32) for count in (users, items))
    return Case(left, right, matrix, max(1, int(mebibytes * 2**20 / (4 * items))))


def places(seen: sparse.csr_matrix) -> np.ndarray:
    """Where the seen items of a block stand in its scores laid out in one line."""
    rows, columns = seen.shape
    return np.repeat(np.arange(0, rows * columns, columns), np.diff(seen.indptr)) + seen.indices


def avrec(case: Case) -> Iterator[Answer]:
    from avrec_lib.models.top_k import UNRANKED, top_k

    for users, seen in case.blocks():
        scores = users @ case.items.T
        scores.ravel()[places(seen)] = UNRANKED
        yield top_k(scores, K)


def numpy_argpartition(case: Case) -> Iterator[Answer]:
    for users, seen in case.blocks():
        scores = users @ case.items.T
        scores.ravel()[places(seen)] = -np.inf
        best = np.argpartition(scores, -K, axis=1)[:, -K:]
        kept = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-kept, axis=1)
        yield np.take_along_axis(best, order, axis=1), np.take_along_axis(kept, order, axis=1)


def implicit(case: Case) -> Iterator[Answer]:
    """It divides the users into blocks itself."""
    from implicit.cpu.topk import topk

    yield topk(case.items, case.users, K, filter_query_items=case.seen, num_threads=1)


def torch_topk(case: Case) -> Iterator[Answer]:
    import torch

    torch.set_num_threads(1)
    items = torch.from_numpy(case.items).T
    for users, seen in case.blocks():
        scores = torch.from_numpy(users) @ items
        scores.view(-1)[torch.from_numpy(places(seen))] = -torch.inf
        kept, best = torch.topk(scores, K, dim=1)
        yield best.numpy().copy(), kept.numpy().copy()  # small tensors that live on would hold freed blocks of scores


def bare_product(case: Case) -> float:
    """CPU seconds of users × items into one block that is used again and again."""
    size = max(1, min(BARE_BYTES // (4 * len(case.items)), len(case.users)))
    scores = np.ones((size, len(case.items)), dtype=np.float32)
    started = time.process_time()
    for start in range(0, len(case.users), size):
        users = case.users[start : start + size]
        np.matmul(users, case.items.T, out=scores[: len(users)])
    return time.process_time() - started


CONTENDERS: dict[str, Callable[[Case], Iterator[Answer]]] = {
    "avrec": avrec,
    "implicit": implicit,
    "torch": torch_topk,
    "numpy": numpy_argpartition,
}


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    case = make_case(*(int(word) for word in sys.argv[3:7]), mebibytes=float(sys.argv[7]))
    contender = CONTENDERS[name]
    for _ in contender(case.head(2 * case.block)):  # imports what it will use, and makes the factors resident
        pass
    before = forget_peak()
    wall, started = time.perf_counter(), time.process_time()
    answers = list(contender(case))
    cost = {"cpu": time.process_time() - started, "wall": time.perf_counter() - wall}
    cost |= {"held": before, "peak": resident_peak(), "bare": bare_product(case)}
    columns, scores = (np.concatenate(parts)[:COMPARED] for parts in zip(*answers, strict=True))
    np.savez(folder / f"{name}.npz", columns=columns, scores=scores)
    print(json.dumps(cost))


if __name__ == "__main__":
    main()

"""A classification data set as a bandit (Dudík et al. 2011): an action is a class, the reward 1 for the right one."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from avrec_lib.errors import UsageError, unknown_name
from avrec_lib.evaluate.off_policy.feedback import LoggedFeedback, TargetPolicy
from avrec_lib.simulate.bandits import KnownBandit

Classes = Literal["digits", "breast_cancer", "iris", "wine"]


def classification_bandit(
    data: Classes = "digits", seed: int = 0, *, evaluation_share: float = 0.7, logging_certainty: float = 0.4,
    target_certainty: float = 0.9,
) -> KnownBandit:  # fmt: skip
    """A log over the share of the rows that neither policy was trained on, one round a row.

    Logging follows a logistic regression with probability `logging_certainty`, the target a random forest with
    `target_certainty`; otherwise both take any class. The value is that of the target on exactly these rows: as every
    label is known, no chance is left in it. `seed` splits the rows, grows the forest and draws the actions. Raises
    UsageError for an unknown data set or a share or certainty that is not between 0 and 1.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    for name, share in (("evaluation_share", evaluation_share), ("logging_certainty", logging_certainty),
                        ("target_certainty", target_certainty)):  # fmt: skip
        if not 0 < share <= 1 or (share == 1 and name != "target_certainty"):
            raise UsageError("{option} lies between 0 and 1, but is {value}.", option=name, value=share)
    features, labels = _rows(data)
    scaled = (features - features.min(axis=0)) / np.maximum(np.ptp(features, axis=0), 1e-12)
    learned, asked, right, truth = train_test_split(
        scaled, labels, test_size=evaluation_share, random_state=seed, stratify=labels
    )
    logging = _mixed(LogisticRegression(max_iter=1000), learned, right, asked, logging_certainty)
    target = _mixed(RandomForestClassifier(random_state=seed), learned, right, asked, target_certainty)

    rng = np.random.default_rng((seed, 2))
    rows = np.arange(len(asked))
    actions = (logging.cumsum(axis=1) <= rng.random(len(asked))[:, None] * (1 - 1e-12)).sum(axis=1)
    log = LoggedFeedback(
        actions=actions,
        rewards=(actions == truth).astype(np.float64),
        propensities=logging[rows, actions],
        action_ids=np.array([f"class {number}" for number in range(logging.shape[1])]),
        logging=logging,
        contexts=asked,
        context_names=tuple(f"feature {number}" for number in range(asked.shape[1])),
        unit="right answers",
    )
    return KnownBandit(log, TargetPolicy.of("random forest", log, target), float(target[rows, truth].mean()))


def _rows(data: Classes) -> tuple[np.ndarray, np.ndarray]:
    from sklearn import datasets

    if data not in get_args(Classes):
        raise unknown_name("data set", data, get_args(Classes))
    features, labels = getattr(datasets, f"load_{data}")(return_X_y=True)
    return features, labels.astype(np.int64)


def _mixed(
    classifier: Any, learned: np.ndarray, right: np.ndarray, asked: np.ndarray, certainty: float
) -> np.ndarray:  # fmt: skip
    """Probabilities (n, classes) of a policy that follows the trained `classifier` with probability `certainty`."""
    classes = int(right.max()) + 1
    said = classifier.fit(learned, right).predict(asked)
    mixed = np.full((len(asked), classes), (1 - certainty) / classes)
    mixed[np.arange(len(asked)), said] += certainty
    return mixed

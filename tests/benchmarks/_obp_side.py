"""What obp says of the arrays in a folder, as JSON: run by the interpreter of obp's own environment.

    /tmp/obp-env/bin/python tests/benchmarks/_obp_side.py numbers | time | mips FOLDER …

The environment (Python 3.11): `pip install 'numpy<2' 'pandas<2.2' 'scikit-learn<1.4' 'scipy<1.13' pyyaml matplotlib
seaborn tqdm torch`, then `pip install --no-deps pyieoe`, then `pip install --no-deps --ignore-requires-python
obp==0.5.7`. obp imports torch, whatever is asked of it.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
import logging  # noqa: E402

logging.disable(logging.INFO)
from obp import ope  # noqa: E402
from obp.dataset import SyntheticBanditDatasetWithActionEmbeds  # noqa: E402
from obp.utils import softmax  # noqa: E402


def arrays_in(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.load(path) for path in folder.glob("*.npy")}


def estimators(clip: float, threshold: float, shrinkage: float) -> dict[str, object]:
    return {
        "IPS": ope.InverseProbabilityWeighting(),
        "clipped IPS": ope.InverseProbabilityWeighting(lambda_=clip),
        "SNIPS": ope.SelfNormalizedInverseProbabilityWeighting(),
        "DM": ope.DirectMethod(),
        "DR": ope.DoublyRobust(),
        "SNDR": ope.SelfNormalizedDoublyRobust(),
        "Switch-DR": ope.SwitchDoublyRobust(lambda_=threshold),
        "DRos": ope.DoublyRobustWithShrinkage(lambda_=shrinkage),
    }


def inputs_of(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What obp's estimators of single rounds take; `propensity` stands for `logging` where that is not given."""
    action = arrays["action"]
    propensity = arrays.get("propensity")
    if propensity is None:
        propensity = arrays["logging"][np.arange(len(action)), action]
    return {
        "reward": arrays["reward"],
        "action": action,
        "pscore": propensity,
        "action_dist": arrays["target"][:, :, None],
        "estimated_rewards_by_reg_model": arrays["predicted"][:, :, None],
    }


def of_slates(arrays: dict[str, np.ndarray]) -> dict[str, float]:
    slate, place, action, reward = (arrays[name] for name in ("slate", "place", "action", "reward"))
    alone, cascade, joint = {}, {}, {}
    for policy in ("logging", "target"):
        alone[policy] = arrays[policy][np.arange(len(action)), action]
        products, whole = np.empty(len(slate)), np.empty(len(slate))
        for number in np.unique(slate):
            here = slate == number
            products[here] = np.cumprod(alone[policy][here])
            whole[here] = products[here][-1]
        cascade[policy], joint[policy] = products, whole
    length = int(place.max()) + 1
    shared = {"slate_id": slate, "reward": reward, "position": place}
    forms = {
        "SIPS": (ope.SlateStandardIPS, ope.SelfNormalizedSlateStandardIPS, joint, ""),
        "IIPS": (ope.SlateIndependentIPS, ope.SelfNormalizedSlateIndependentIPS, alone, "_item_position"),
        "RIPS": (ope.SlateRewardInteractionIPS, ope.SelfNormalizedSlateRewardInteractionIPS, cascade, "_cascade"),
    }
    told = {}
    full = np.bincount(slate).min() == length
    for name, (plain, normalised, shares, suffix) in forms.items():
        given = {f"pscore{suffix}": shares["logging"], f"evaluation_policy_pscore{suffix}": shares["target"]}
        told[name] = plain(len_list=length).estimate_policy_value(**shared, **given)
        if full:
            told[f"SN{name}"] = normalised(len_list=length).estimate_policy_value(**shared, **given)
    if full:
        told["cascade DR"] = ope.SlateCascadeDoublyRobust(
            len_list=length, n_unique_action=arrays["target"].shape[1]
        ).estimate_policy_value(
            **shared, action=action, pscore_cascade=cascade["logging"],
            evaluation_policy_pscore_cascade=cascade["target"], q_hat=arrays["predicted"].ravel(),
            evaluation_policy_action_dist=arrays["target"].ravel(),
        )  # fmt: skip
    return told


def numbers(asked: argparse.Namespace) -> dict[str, float]:
    arrays = arrays_in(asked.folder)
    if "slate" in arrays:
        return of_slates(arrays)
    inputs = inputs_of(arrays)
    chosen = estimators(asked.clip, asked.threshold, asked.shrinkage)
    told = {name: estimator.estimate_policy_value(**inputs) for name, estimator in chosen.items()}
    if "likelihoods" in arrays:
        told["MIPS"] = ope.MarginalizedInverseProbabilityWeighting(
            n_actions=arrays["target"].shape[1]
        ).estimate_policy_value(
            reward=arrays["reward"], action=arrays["action"], action_embed=arrays["codes"],
            pi_b=arrays["logging"][:, :, None], action_dist=arrays["target"][:, :, None], p_e_a=arrays["likelihoods"],
        )  # fmt: skip
    return told


def seconds(asked: argparse.Namespace) -> dict[str, float]:
    """CPU seconds of the intervals of seven estimators, each with its own resamples: obp shares none."""
    inputs = inputs_of(arrays_in(asked.folder))
    taken = {}
    for name, estimator in estimators(asked.clip, asked.threshold, asked.shrinkage).items():
        if name == "clipped IPS":
            continue
        started = time.process_time()
        estimator.estimate_interval(**inputs, n_bootstrap_samples=asked.resamples, random_state=0)
        taken[name] = time.process_time() - started
    return taken


def mips(asked: argparse.Namespace) -> dict[str, float]:
    """One of obp's synthetic logs with embeddings, written to the folder, and obp's estimate of a softmax policy."""
    # obp draws the embedding of dimension d with the seed d and the actions with its own seed: small ones coincide, and
    # the embedding would then depend on the action's lot.
    data = SyntheticBanditDatasetWithActionEmbeds(
        n_actions=asked.actions, dim_context=5, reward_type="binary", beta=-1, n_cat_per_dim=10, n_cat_dim=3,
        random_state=12345 + asked.seed,
    )  # fmt: skip
    log = data.obtain_batch_bandit_feedback(n_rounds=asked.rounds)
    target = softmax(5.0 * log["expected_reward"])
    for name, array in {
        "action": log["action"], "reward": log["reward"].astype(float), "logging": log["pi_b"][:, :, 0],
        "target": target, "codes": log["action_embed"], "likelihoods": log["p_e_a"],
    }.items():  # fmt: skip
        np.save(asked.folder / f"{name}.npy", array)
    shared = {
        "reward": log["reward"], "action": log["action"], "action_embed": log["action_embed"],
        "context": log["context"], "pi_b": log["pi_b"], "action_dist": target[:, :, None],
    }  # fmt: skip
    estimator = ope.MarginalizedInverseProbabilityWeighting(n_actions=asked.actions)
    started = time.process_time()
    estimated = estimator.estimate_policy_value(**shared)
    taken = time.process_time() - started
    # The weights of the dimensions are drawn anew for each batch, so the truth is that of this batch's contexts.
    truth = float((log["expected_reward"] * target).sum(axis=1).mean())
    given = estimator.estimate_policy_value(**shared, p_e_a=log["p_e_a"])
    return {"truth": truth, "seconds": taken, "MIPS": estimated, "MIPS, given": given}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=("numbers", "time", "mips"))
    parser.add_argument("folder", type=Path)
    for name, default in (("clip", 1.5), ("threshold", 1.5), ("shrinkage", 2.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    for name, whole in (("resamples", 200), ("rounds", 100_000), ("actions", 20), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=whole)
    asked = parser.parse_args()
    told = {"numbers": numbers, "time": seconds, "mips": mips}[asked.work](asked)
    print(json.dumps({name: float(value) for name, value in told.items()}))


if __name__ == "__main__":
    main()

"""What makes a good list? Methods that reorder or merge ranked tables: diverse, calibrated, fair to the tail, fused."""

from avrec_lib.rerank.calibration import Calibration
from avrec_lib.rerank.candidates import Candidates, Reranker, rerank
from avrec_lib.rerank.exposure_floor import ExposureFloor, exposure_groups
from avrec_lib.rerank.front import accuracy_diversity_front
from avrec_lib.rerank.fusion import reciprocal_rank_fusion, score_fusion
from avrec_lib.rerank.hit_chance import HitChance
from avrec_lib.rerank.marginal_relevance import MaximalMarginalRelevance
from avrec_lib.rerank.max_sum import MaxSumDiversity
from avrec_lib.rerank.similarity import ItemVectors

__all__ = [
    "Calibration", "Candidates", "ExposureFloor", "HitChance", "ItemVectors", "MaxSumDiversity",
    "MaximalMarginalRelevance", "Reranker", "accuracy_diversity_front", "exposure_groups", "reciprocal_rank_fusion",
    "rerank", "score_fusion",
]  # fmt: skip

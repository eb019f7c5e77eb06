"""Where do rows come from? Named sets, your own logs, splits, and facts about rows."""

from avrec_lib.data.dataset import Dataset
from avrec_lib.data.opening import open_dataset

__all__ = ["Dataset", "open_dataset"]

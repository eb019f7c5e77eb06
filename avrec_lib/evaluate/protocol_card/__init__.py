"""What stands in front of every metric: what in this log, this split and these lists would mislead."""

from avrec_lib.evaluate.protocol_card.card import ProtocolCard, protocol_card
from avrec_lib.evaluate.protocol_card.swing import tie_swing

__all__ = ["ProtocolCard", "protocol_card", "tie_swing"]

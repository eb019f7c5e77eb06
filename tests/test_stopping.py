import os
import signal

import pytest

from avrec_lib.stopping import ENDING, stopping_on_terminate


@pytest.mark.parametrize("sent", ENDING)
def test_a_signal_to_end_is_answered_like_ctrl_c_and_only_meanwhile(sent):
    was = signal.signal(sent, signal.SIG_DFL)  # whatever ran the tests may ignore it, as nohup does
    try:
        with pytest.raises(KeyboardInterrupt), stopping_on_terminate():
            os.kill(os.getpid(), sent)
        assert signal.getsignal(sent) is signal.SIG_DFL
    finally:
        signal.signal(sent, was)


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping_on_terminate():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avrec_lib.cli import main

LOG = "uid,vid,ts,action\nann,x,1600000000,view\nann,y,1600000060,like\nbob,x,1600086400,view\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AVREC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AVREC_LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def test_an_import_shows_its_guess_its_result_and_the_next_command(tmp_path, capsys):
    (tmp_path / "my.csv").write_text(LOG + "cat,z,soon,view\n")
    (tmp_path / "clips.csv").write_text("vid,title,colour\nx,Soup,red\n")
    assert main(["data", "import", "my.csv", "--items", "clips.csv", "--name", "mine"]) == 0
    said = capsys.readouterr().out
    assert "  user_id    ← uid     ann, bob, cat" in said
    assert "by its name, seconds since 1970" in said
    assert "not used: colour" in said
    assert "mine: 2 users · 2 items · 3 events" in said
    assert "From 2020-09-13 12:26 to 2020-09-14 12:26." in said
    assert "Left out and kept in rejected.parquet: 1 (unreadable time 1)." in said
    assert "1 of the 2 item_ids in the log have a row in items.parquet." in said
    assert "Look at it: avrec run 10_explore_logs -p dataset=mine" in said


def test_the_whole_conversation_can_be_had_in_chinese(tmp_path, capsys):
    (tmp_path / "my.csv").write_text(LOG)
    assert main(["--lang", "zh", "data", "import", "my.csv"]) == 0
    assert main(["--lang", "zh", "data", "describe", "my"]) == 0
    assert main(["--lang", "zh", "data", "check", "my"]) == 0
    said = capsys.readouterr().out
    assert "按列名, 1970 年起的秒数" in said
    assert "全部 3 行均可用。" in said
    assert "没有曝光" in said
    assert "只有一个事件的用户: 1 (50.0 %)" in said


def test_describe_and_check_speak_json(tmp_path, capsys):
    (tmp_path / "my.csv").write_text(LOG)
    main(["data", "import", "my.csv"])
    capsys.readouterr()
    assert main(["data", "describe", "my", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["counts"]["events"], seen["kinds"], seen["pairs"]) == (3, {"play": 2, "like": 1}, 3)
    assert main(["data", "check", "my", "--json"]) == 0
    facts = {fact["name"]: fact for fact in json.loads(capsys.readouterr().out)["facts"]}
    assert facts["users_with_one_event"]["value"] == 1
    assert facts["users_with_one_event"]["share"] == 0.5
    assert "nothing can be learned" in facts["users_with_one_event"]["explanation"]


@pytest.mark.parametrize("verb", ["describe", "check"])
def test_rows_left_out_at_import_are_not_forgotten(tmp_path, home, capsys, verb):
    (tmp_path / "my.csv").write_text(LOG + "cat,z,soon,view\nann,x,1600000000,view\n,x,1600000000,view\n")
    (tmp_path / "clips.csv").write_text("vid,title\nx,Soup\nx,Bread\n")
    main(["data", "import", "my.csv", "--items", "clips.csv"])
    capsys.readouterr()
    assert main(["data", verb, "my"]) == 0
    said = capsys.readouterr().out
    assert "Left out of events at import: 3 rows (" in said
    assert "unreadable time 1" in said and "exact duplicate 1" in said and "missing user 1" in said
    assert f"kept in {home / 'data' / 'my' / 'rejected.parquet'}." in said
    assert "Left out of items at import: 1 rows (repeated id 1)" in said


def test_check_says_in_json_what_was_left_out(tmp_path, capsys):
    (tmp_path / "my.csv").write_text(LOG + "cat,z,soon,view\n")
    main(["data", "import", "my.csv"])
    capsys.readouterr()
    assert main(["data", "check", "my", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rejected"] == {"rows": 1, "reasons": {"unreadable time": 1}}


@pytest.mark.parametrize(
    ("content", "words", "said"),
    [
        (None, [], "There is no file my.csv."),
        (b"", [], "my.csv is empty."),
        (b"uid,vid,ts\n", [], "my.csv has a header and no rows."),
        (bytes(range(256)) * 9, [], "my.csv is a binary file, not a table. Expected CSV, TSV, JSON lines or Parquet"),
        (LOG.encode(), ["--map", "item_id=vidd"], "my.csv has no column named 'vidd'. Did you mean vid?"),
        (LOG.encode(), ["--map", "uid"], "'uid' has no =: it must say which of our columns is which of yours."),
        (LOG.encode(), ["--map", "user_id=uid", "timestamp=ts"], "'timestamp=ts' stands after a space. Put commas"),
        (LOG.encode(), ["--map", "uid=user_id"], "'uid=user_id' is the wrong way round."),
        (LOG.encode(), ["--map", "timestamp=action"], "'action' holds no times that can be read, for example view"),
        (LOG.encode(), ["--event", "watch"], "There is no event named 'watch'. Did you mean play?"),
        (LOG.encode(), ["--event", "watchh"], "named 'watchh'. Did you mean play? Known: impression, browse, click,"),
        (LOG.encode(), ["--event", "zzzz"], "There is no event named 'zzzz'. Known: impression, browse, click, play,"),
        (b"uid,vid,b\n1,2,1\n", ["--events", "1=like"], "of --events cannot be told. Say it: --map event=COLUMN."),
        (LOG.encode(), ["--encoding", "klingon"], "There is no encoding named 'klingon'."),
        (LOG.encode(), ["--name", "../../etc"], "A data set cannot be called '../../etc'."),
        (LOG.encode(), ["--items", "no.csv"], "There is no file no.csv."),
        (b"a,b\nhello world,1.25\nx,2.25\n", [], "Say it: --map user_id=COLUMN,item_id=COLUMN."),
        (b"uid,vid,kind,action\n1,2,3,4\n", [], "for example 4. Say what they mean, --events 4=play"),
        (b"uid,vid\n" + b",1\n" * 9 + b"1,1\n", [], "9 of 10 rows cannot be used, most for this reason: missing user."),
    ],
)  # fmt: skip
def test_a_bad_request_is_one_sentence_and_exit_code_2_and_leaves_nothing(tmp_path, home, capsys, content, words, said):
    if content is not None:
        (tmp_path / "my.csv").write_bytes(content)
    assert main(["data", "import", "my.csv", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []


def test_their_words_for_events_can_be_said(tmp_path, capsys):
    (tmp_path / "my.csv").write_text("uid,vid,behavior\n1,2,1\n1,3,4\n")
    assert main(["data", "import", "my.csv", "--events", "1=click,4=favourite"]) == 0
    main(["data", "describe", "my", "--json"])
    said = capsys.readouterr().out
    assert json.loads(said[said.index("{") :])["kinds"] == {"click": 1, "favourite": 1}


ACTS = "uid,vid,ts,ev,watch_s\n" + "".join(
    f"u{n % 7},v{n % 5},{1_600_000_000 + n},{ev},{n}\n"
    for n, ev in enumerate(["impression"] * 20 + ["play"] * 10 + ["skip"] * 6 + ["like"] * 4)
)


def test_a_column_of_events_is_told_by_its_words(tmp_path, capsys):
    (tmp_path / "my.csv").write_text(ACTS)
    assert main(["data", "import", "my.csv"]) == 0
    said = capsys.readouterr().out
    assert "event          ← ev       impression, play, skip" in said
    assert "by its values, 4 of its 4 words name events" in said
    assert "every row is taken as" not in said
    assert main(["data", "describe", "my", "--json"]) == 0
    kinds = json.loads(capsys.readouterr().out)["kinds"]
    assert kinds == {"impression": 20, "play": 10, "skip": 6, "like": 4}


def test_a_column_that_may_hold_events_is_pointed_out_with_the_fix(tmp_path, capsys):
    (tmp_path / "my.csv").write_text("uid,vid,ev\n1,2,view\n1,3,addtocart\n2,3,transaction\n2,2,view\n")
    assert main(["data", "import", "my.csv"]) == 0
    said = capsys.readouterr().out
    assert "The column 'ev' is left out, though 1 of its 3 words name events (view)." in said
    assert "add --map event=ev." in said
    bought = ["--map", "event=ev", "--events", "addtocart=favourite,transaction=play"]
    assert main(["data", "import", "my.csv", "--replace", *bought]) == 0
    assert "left out" not in capsys.readouterr().out.lower()
    assert main(["data", "import", "my.csv", "--replace", "--event", "click"]) == 0
    assert "is left out" not in capsys.readouterr().out


@pytest.mark.parametrize(("table", "repeats"), [("item", 35), ("user", 33)])
def test_a_log_is_no_table_of_items_or_users(tmp_path, home, capsys, table, repeats):
    (tmp_path / "my.csv").write_text(ACTS)
    (tmp_path / "copy.csv").write_text(ACTS)
    assert main(["data", "import", "my.csv", f"--{table}s", "./my.csv"]) == 2
    said = capsys.readouterr().err
    assert f"my.csv is the log itself, not a table of {table}s. Leave --{table}s out or name a file with one" in said
    assert not (home / "data").exists() or list((home / "data").iterdir()) == []
    assert main(["data", "import", "my.csv", f"--{table}s", "copy.csv"]) == 0
    asked = f"Is this a log? {repeats} of the 40 rows looked at repeat the {table}_id of another; only the first row of"
    assert asked in capsys.readouterr().out
    assert main(["data", "import", "my.csv", f"--{table}s", "my.csv", "--force", "--replace"]) == 0
    assert asked in capsys.readouterr().out


def long_log(path: Path, rows: int) -> Path:
    with path.open("w") as file:
        file.write("uid,vid,ts,action\n")
        for start in range(0, rows, 1000):
            file.write("".join(f"u{n % 997},v{n},{1_600_000_000 + n},view\n" for n in range(start, start + 1000)))
    return path


def avrec(*words: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "avrec_lib", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path, home):
    log = long_log(tmp_path / "my.csv", 300_000)

    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    process = avrec("data", "import", str(log), preexec_fn=small_files)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "File too large" in error
    assert "Traceback" not in error
    assert list((home / "data").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_import_stopped_in_the_middle_leaves_nothing(tmp_path, home, sent):
    log = long_log(tmp_path / "my.csv", 3_000_000)
    process = avrec("data", "import", str(log), env=os.environ | {"AVREC_HOME": str(home)})
    waited = time.monotonic()
    while not list((home / "data").glob(".*.part/scratch")) and time.monotonic() - waited < 30:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(sent)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 3
    assert error.strip().endswith("Stopped. What was finished is kept.")
    assert "Traceback" not in error
    assert list((home / "data").iterdir()) == []

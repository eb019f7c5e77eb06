import json

import pytest

from avrec_lib.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AVREC_HOME", str(tmp_path))
    monkeypatch.setenv("AVREC_LANGUAGE", "en")
    return tmp_path


def test_the_list_says_size_licence_use_and_what_was_tested(capsys):
    assert main(["data", "list"]) == 0
    said = capsys.readouterr().out
    assert "movielens-100k – MovieLens 100K · not here" in said
    assert "943 users · 1,682 items · 100,000 events · 4.9 MB to download · tested from the wheel of recbole" in said
    assert "not tested here; follows its documentation" in said
    assert "Licence: CC BY-SA 4.0" in said


def test_the_list_speaks_chinese(capsys, monkeypatch):
    monkeypatch.setenv("AVREC_LANGUAGE", "zh")
    assert main(["data", "list"]) == 0
    assert "943 位用户" in capsys.readouterr().out


def test_the_list_for_scripts_has_the_sources_and_their_checksums(capsys):
    assert main(["data", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    first = listed["named"][0]
    assert first["name"] == "movielens-100k"
    assert [source["place"] for source in first["sources"]] == [
        "https://files.grouplens.org/datasets/movielens/ml-100k.zip",
        "the wheel recbole==1.2.1",
    ]
    assert listed["own"] == []


def test_a_damaged_set_does_not_hide_the_others(capsys, home):
    (home / "data" / "mine").mkdir(parents=True)
    (home / "data" / "mine" / "dataset.json").write_text("{")
    assert main(["data", "list"]) == 0
    said = capsys.readouterr().out
    assert "mine – your own; damaged: its dataset.json cannot be read" in said
    assert "movielens-100k" in said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["get", "ml-100"], 2, "There is no data set named 'ml-100'. Did you mean ml-100k?"),
        (["get", "ml-1m", "--from", "/nowhere.zip"], 2, "There is no file or folder /nowhere.zip."),
        (["get"], 2, "Missing argument 'NAME'"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_exit_code_2(capsys, words, code, said):
    assert main(["data", *words]) == code
    assert said in capsys.readouterr().err

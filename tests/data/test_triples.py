from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from sample_files import write_files
from small_logs import log

from avrec_lib.data.triples import Graph, graph_of, read_titles, read_triples, relinked, triples_of_items
from avrec_lib.data.write import write_dataset
from avrec_lib.errors import DataError, UsageError
from avrec_lib.schema import ItemEntities, Triples

FACTS = [("m.1", "actor", "m.2"), ("m.3", "actor", "m.2"), ("m.3", "genre", "m.4")]
LINKS = [("10", "m.1"), ("11", "m.3"), ("12", "m.9")]


def table(rows: list[tuple[str, ...]], separator: str = "\t", header: str = "") -> str:
    return "".join(f"{line}\n" for line in ([header] if header else []) + [separator.join(row) for row in rows])


def written(folder: Path, **texts: str) -> tuple[Path, ...]:
    write_files(folder, {name.replace("_", "."): text for name, text in texts.items()})
    return tuple(folder / name.replace("_", ".") for name in texts)


@pytest.mark.parametrize(
    ("separator", "header"),
    [
        ("\t", "head_id:token\trelation_id:token\ttail_id:token"), (",", "Subject,Predicate,Object"),
        (",", "head,relation,tail"), ("\t", ""), (" ", ""),
    ],
)  # fmt: skip
def test_triples_in_any_dialect(tmp_path: Path, separator: str, header: str):
    facts, links = written(
        tmp_path, facts_txt=table(FACTS, separator, header), links_csv=table(LINKS, ",", "item_id,entity_id")
    )
    graph = read_triples(facts, links)
    assert graph.triples.rows() == FACTS and graph.triples.schema == Triples.create_empty().schema
    assert graph.links.rows() == LINKS[:2]  # no triple is about m.9
    assert graph.linked_items == 2


def test_columns_are_found_whatever_their_order(tmp_path: Path):
    rows = [(tail, "x", head, relation) for head, relation, tail in FACTS]
    (facts,) = written(tmp_path, facts_csv=table(rows, ",", "tail,note,head,relation"))
    assert read_triples(facts).triples.rows() == FACTS


def test_parquet_with_numbers_and_packed_text(tmp_path: Path):
    frame = pl.DataFrame({"head": [1, 2, 2], "relation": [0, 0, 0], "tail": [7.0, 7.0, 7.0]})
    frame.write_parquet(tmp_path / "facts.parquet")
    assert read_triples(tmp_path / "facts.parquet").triples.rows() == [("1", "0", "7"), ("2", "0", "7")]
    with gzip.open(tmp_path / "facts.tsv.gz", "wt") as file:
        file.write(table(FACTS))
    assert read_triples(tmp_path / "facts.tsv.gz").triples.rows() == FACTS


def test_without_links_items_are_entities_by_their_own_ids(tmp_path: Path):
    (facts,) = written(tmp_path, facts_tsv=table(FACTS))
    assert read_triples(facts).links.rows() == [("m.1", "m.1"), ("m.3", "m.3")]  # every head
    graph = read_triples(facts, item_ids=pl.Series(["m.3", "m.4", "m.5"]))
    assert graph.links.rows() == [("m.3", "m.3"), ("m.4", "m.4")] and graph.linked_items == 2


def test_empty_cells_and_repeats_are_left_out(tmp_path: Path):
    text = "head,relation,tail\nm.1,actor,m.2\nm.1,actor,m.2\nm.1,,m.2\n,actor,m.2\n"
    (facts,) = written(tmp_path, facts_csv=text)
    assert read_triples(facts).triples.rows() == FACTS[:1]


def test_what_is_no_graph_is_refused_with_the_reason(tmp_path: Path):
    facts, short, empty, bare, links, others = written(
        tmp_path, facts_tsv=table(FACTS), short_csv="head,tail\nm.1,m.2\n", empty_tsv="",
        bare_csv="head,relation,tail\n,,\n", links_csv="item_id,entity\n10,x.1\n", others_csv="item_id,note\n10,x.1\n",
    )  # fmt: skip
    with pytest.raises(DataError, match=r"no column relation\. It has head, tail; expected head, relation, tail"):
        read_triples(short)
    with pytest.raises(DataError, match="empty"):
        read_triples(empty)
    with pytest.raises(DataError, match="no rows"):
        read_triples(bare)
    with pytest.raises(UsageError, match="no file"):
        read_triples(tmp_path / "nothing.tsv")
    with pytest.raises(DataError, match="no column entity"):
        read_triples(facts, others)
    with pytest.raises(DataError, match=r"None of 1 items is linked .* Is .*links\.csv of this graph"):
        read_triples(facts, links)
    with pytest.raises(DataError, match=r"None of 2 items is linked .* called '10', .* 'm\.1'.* a file of links"):
        read_triples(facts, item_ids=pl.Series(["10", "11"]))


def test_a_graph_of_the_item_table():
    items = pl.DataFrame(
        {
            "item_id": ["1", "2", "3"],
            "tags": [["x", "y", "x"], ["x", None], None],
            "category": ["x", None, None],
            "creator_id": [None, "1", None],
            "published_at": [datetime(1995, 5, 1, tzinfo=UTC), None, None],
        }
    )
    graph = triples_of_items(items)
    assert graph.triples.rows() == [
        ("item:1", "tag", "tag:x"), ("item:1", "tag", "tag:y"), ("item:2", "tag", "tag:x"),
        ("item:1", "category", "category:x"), ("item:2", "creator", "creator:1"), ("item:1", "year", "year:1995"),
    ]  # fmt: skip
    assert graph.links.rows() == [("1", "item:1"), ("2", "item:2")]
    with pytest.raises(DataError, match="No graph can be made"):
        triples_of_items(items.select("item_id"))


def test_a_data_set_keeps_its_graph(tmp_path: Path):
    (facts,) = written(tmp_path, facts_tsv=table(FACTS))
    graph = read_triples(facts)
    events = log([("a", "m.1", 0), ("b", "m.3", 1)]).events
    named = {"name": "n", "source": "s", "licence": "l"}
    with_graph = write_dataset(tmp_path / "with", {"events": events}, further=graph.tables(), **named)
    without = write_dataset(tmp_path / "without", {"events": events}, **named)
    assert graph_of(with_graph).triples.rows() == FACTS and graph_of(with_graph).linked_items == 2
    assert with_graph.card.fingerprint == without.card.fingerprint
    assert without.triples.collect().equals(Triples.create_empty())
    assert without.item_entities.collect().equals(ItemEntities.create_empty())
    with pytest.raises(DataError, match="No graph can be made"):
        graph_of(without)


def test_the_names_of_the_source_are_read(tmp_path: Path):
    further = {
        "knowledge": pl.DataFrame(FACTS, ["head_id", "relation_id", "tail_id"], orient="row"),
        "item_entities": pl.DataFrame(LINKS, ["item_id", "entity_id"], orient="row"),
    }
    events = log([("a", "10", 0)]).events
    data = write_dataset(tmp_path / "d", {"events": events}, further=further, name="n", source="s", licence="l")
    assert data.triples.collect().rows() == FACTS
    assert data.item_entities.collect().rows() == LINKS
    assert graph_of(data).links.rows() == LINKS[:2]
    pl.DataFrame({"head": ["x"]}).write_parquet(tmp_path / "d" / "knowledge.parquet")
    with pytest.raises(DataError, match="knowledge has no column relation, tail"):
        graph_of(type(data).open(tmp_path / "d"))


def titled(**films: tuple[str, int | None]) -> pl.DataFrame:
    years = [year and datetime(year, 7, 1, tzinfo=UTC) for _, year in films.values()]
    schema = {"item_id": pl.String, "title": pl.String, "published_at": pl.Datetime("us", "UTC")}
    titles = [title for title, _ in films.values()]
    return pl.DataFrame({"item_id": list(films), "title": titles, "published_at": years}, schema=schema)


def test_links_are_brought_to_other_numbers_by_title_and_year():
    links = pl.DataFrame([("1", "m.1"), ("2", "m.2"), ("3", "m.3"), ("9", "m.9")], ["item_id", "entity_id"],
                         orient="row")  # fmt: skip
    theirs = {
        "1": ("The Swan Princess", 1994), "2": ("Sabrina", 1995), "3": ("Sabrina", 1954), "9": ("Not here", 1990),
        "4": ("Swan Princess!, The", 1999),
    }  # fmt: skip
    ours = titled(
        a=("Swan Princess, The (a cartoon)", 1995), b=("Sabrina", 1954), c=("sabrina", 1996), d=("Sabrina", 1970),
        e=("Sabrina", None),
    )  # fmt: skip
    found = relinked(links, titled(**theirs), ours)
    assert found.rows() == [("a", "m.1"), ("b", "m.3"), ("c", "m.2")]  # d is of another year, of e none is known
    assert found.schema == ItemEntities.create_empty().schema


def test_links_of_other_numbers_link_nothing_until_somebody_says_which_titles_they_are_of(tmp_path: Path):
    events = log([("a", "10", 0), ("b", "11", 1)]).events
    items = titled(**{"10": ("Kolya", 1996), "11": ("Heat", 1995)})
    further = {
        "knowledge": pl.DataFrame(FACTS, ["head_id", "relation_id", "tail_id"], orient="row"),
        "links_as_given": pl.DataFrame([("10", "m.3"), ("70", "m.1")], ["item_id", "entity_id"], orient="row"),
    }
    data = write_dataset(
        tmp_path / "d", {"events": events, "items": items}, further=further, name="n", source="s", licence="l"
    )
    assert graph_of(data).triples["tail"].to_list() == ["year:1996", "year:1995"]
    (file,) = written(tmp_path, movies_csv='movieId,title\n70,"Kolya (1996)"\n10,Something Else (2001)\n')
    numbered = read_titles(file)
    assert numbered["title"].to_list() == ["Kolya", "Something Else"]
    graph = graph_of(data, numbered)
    assert graph.links.rows() == [("10", "m.1")] and graph.triples.rows() == FACTS
    with pytest.raises(DataError, match="No item of n has the title"):
        graph_of(data, numbered.filter(pl.col("title") != "Kolya"))


def test_two_graphs_are_one_without_repeats():
    one, other = (Graph(pl.DataFrame(rows, Triples.create_empty().schema, orient="row"),
                        pl.DataFrame(LINKS[:1], ItemEntities.create_empty().schema, orient="row"))
                  for rows in (FACTS[:2], FACTS[1:]))  # fmt: skip
    both = one.joined(other)
    assert both.triples.rows() == FACTS and both.links.rows() == LINKS[:1]

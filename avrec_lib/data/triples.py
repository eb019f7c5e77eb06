"""A knowledge graph beside a log: from the data set, from any file of triples, or made of the item table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from avrec_lib.data.dataset import Dataset
from avrec_lib.errors import DataError
from avrec_lib.imports.blocks import read_batches
from avrec_lib.imports.dialect import FileFormat
from avrec_lib.imports.files import find_files, sniff
from avrec_lib.imports.values import ids
from avrec_lib.paths import seek
from avrec_lib.schema import TIME, ItemEntities, Triples

SYNONYMS = {
    "head": ("head", "head_id", "subject", "source", "from", "h", "item_id", "item"),
    "relation": ("relation", "relation_id", "predicate", "property", "rel", "r"),
    "tail": ("tail", "tail_id", "object", "target", "to", "t"),
    "item_id": ("item_id", "item", "movieid"),
    "entity": ("entity", "entity_id", "freebase_id", "head_id"),
    "title": ("title", "movie_title", "name"),
}
"""Our column -> what files call it, in small letters and without RecBole's `:token`."""


@dataclass(frozen=True, eq=False)
class Graph:
    """`triples` (`schema.Triples`) without repeats, and `links` (`schema.ItemEntities`): the items that it knows.

    Only links to an entity that stands in some triple are kept.
    """

    triples: pl.DataFrame
    links: pl.DataFrame

    @property
    def linked_items(self) -> int:
        """How many items the graph knows."""
        return self.links["item_id"].n_unique()

    def joined(self, other: Graph) -> Graph:
        """What either graph knows."""
        return Graph(*(pl.concat(parts).unique(maintain_order=True) for parts in
                       ((self.triples, other.triples), (self.links, other.links))))  # fmt: skip

    def tables(self) -> dict[str, pl.DataFrame]:
        """As `write_dataset` takes them as `further`, so that a data set opened later has the graph."""
        return {"knowledge": self.triples, "item_entities": self.links}


def graph_of(dataset: Dataset, numbered: pl.DataFrame | None = None) -> Graph:
    """The graph that came with the data set, else the one that its item table makes (`triples_of_items`).

    Where triples came with links of items that go by other numbers (the table `links_as_given`), the item table makes
    the graph too, unless `numbered` says which titles have these numbers (`relinked`). Raises DataError when `numbered`
    is given and nothing is linked by it.
    """
    triples = dataset.triples.unique(maintain_order=True).drop_nulls().collect()
    given = dataset.folder / "links_as_given.parquet"
    if numbered is not None and given.is_file():
        links = relinked(pl.read_parquet(given), numbered, dataset.items.collect())
        found = _of_entities(links, triples)
        if found.is_empty():
            raise DataError("No item of {name} has the title and year of a linked one.", name=dataset.name)
        return Graph(triples, found)
    found = _of_entities(dataset.item_entities.collect(), triples)
    return triples_of_items(dataset.items.collect()) if found.is_empty() else Graph(triples, found)


def relinked(links: pl.DataFrame, numbered: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """`links` brought from the item numbers of another table of titles to those of `items`: `schema.ItemEntities`.

    `links` has item_id and entity (or entity_id); its item_id is that of `numbered`, which has item_id, title and
    published_at like `items`. Two rows are one work when their titles are equal but for case, punctuation, what stands
    in brackets, and an article behind a comma ("Swan Princess, The"), and their years are one apart at most; of several
    the nearest year is taken. Items without such a row, or without a year, are left out: the height says how many are
    linked, where an item has one entity.
    """
    key, year = _title_key(pl.col("title")), pl.col("published_at").dt.year()
    theirs = numbered.select(number="item_id", key=key, their_year=year)
    pairs = items.select("item_id", key=key, year=year).join(theirs, on="key", maintain_order="left_right")
    apart = (pl.col("year") - pl.col("their_year")).abs()
    nearest = pairs.filter(apart <= 1).sort(apart, maintain_order=True).unique("item_id", keep="first")
    given = links.rename({"entity_id": "entity"}, strict=False).select(number="item_id", entity="entity")
    found = given.join(nearest, on="number").select("item_id", "entity").unique().sort("item_id", "entity")
    return found.cast(pl.String)


def _title_key(title: pl.Expr) -> pl.Expr:
    plain = title.str.to_lowercase().str.replace(r"\s*\(.*", "")
    return plain.str.replace(r"^(.*), (the|a|an|la|le|les|el|il|das|der)$", "${2} ${1}").str.replace_all(r"\W", "")


def read_titles(path: Path | str) -> pl.DataFrame:
    """Columns item_id, title, published_at of a file with item_id (or movieId) and title, "Toy Story (1995)".

    Raises UsageError when there is no such file, DataError when it is empty or lacks a column.
    """
    rows = _read(seek(Path(path)), ("item_id", "title"))
    parts = pl.col("title").str.strip_chars().str.extract_groups(r"^(?<title>.*?)\s*\((?<year>\d{4})\)$")
    year = parts.struct.field("year").cast(pl.Int32)
    return rows.select(
        "item_id", title=pl.coalesce(parts.struct.field("title"), "title"),
        published_at=pl.datetime(year, 1, 1, time_zone="UTC").cast(TIME),
    )  # fmt: skip


def read_triples(path: Path | str, links: Path | str | None = None, item_ids: pl.Series | None = None) -> Graph:
    """The triples of a file: CSV, TSV, JSON lines or Parquet with three columns; a folder is read as one table.

    Columns are found by name (head, relation, tail, or what else files call them); a file without names has them in
    this order. `links` is a file with item_id and entity. Without it the items are among the entities by their own
    ids: those of `item_ids`, or where these are not given every head. Rows with an empty cell are left out, and ids of
    any type become text (12.0 is 12).

    Raises UsageError when there is no such file; DataError when it is empty, no table or lacks a column, and when not
    one item (of `item_ids`, where given) is linked.
    """
    source = seek(Path(path))
    triples = _read(source, Triples.column_names())
    if links is not None:
        known = read_links(links)
    else:
        own = triples["head"] if item_ids is None else item_ids.cast(pl.String).drop_nulls()
        own = own.unique(maintain_order=True)
        known = pl.DataFrame({"item_id": own, "entity": own})
    found = _of_entities(known, triples)
    if item_ids is not None:
        found = found.filter(pl.col("item_id").is_in(item_ids.cast(pl.String).implode()))
    if found.is_empty():
        raise _nothing_linked(source, triples, known if item_ids is None else item_ids.to_frame("item_id"), links)
    return Graph(triples, found)


def read_links(path: Path | str) -> pl.DataFrame:
    """Which entity an item is, from a file with item_id and entity: `schema.ItemEntities`. Raises as `read_triples`."""
    return _read(seek(Path(path)), ItemEntities.column_names())


def triples_of_items(items: pl.DataFrame) -> Graph:
    """A graph of the item table: each item with its tags, category, creator, year and language.

    Entities are named by what they are, `item:12`, `tag:Drama`, `year:1995`, so that none is taken for another; the
    relation is the first part of the tail. Raises DataError when no item has any of them.
    """
    of = pl.format("item:{}", "item_id")
    facts = {
        "tag": pl.col("tags"), "category": pl.col("category"), "creator": pl.col("creator_id"),
        "year": pl.col("published_at").dt.year(), "language": pl.col("language"),
    }  # fmt: skip
    parts = []
    for relation, values in facts.items():
        if not set(values.meta.root_names()) <= set(items.columns):
            continue
        told = items.select("item_id", value=values)
        if isinstance(told.schema["value"], pl.List | pl.Array):
            told = told.explode("value")
        tail = pl.format("{}:{}", pl.lit(relation), "value")
        parts.append(told.drop_nulls().select(head=of, relation=pl.lit(relation), tail=tail))
    triples = pl.concat([Triples.create_empty(), *parts]).unique(maintain_order=True)
    if triples.is_empty():
        raise DataError(
            "No graph can be made of the items: none has a tag, a category, a creator, a year or a language.",
            hint="Bring a file of triples.",
        )
    return Graph(triples, _of_entities(items.select("item_id", entity=of), triples))


def _of_entities(links: pl.DataFrame, triples: pl.DataFrame) -> pl.DataFrame:
    """The rows of `links` whose entity stands in a triple, without repeats."""
    entities = pl.concat([triples["head"], triples["tail"]]).unique().to_frame("entity")
    return links.drop_nulls().unique(maintain_order=True).join(
        entities, on="entity", how="semi", maintain_order="left"
    )  # fmt: skip


def _read(path: Path, columns: Sequence[str]) -> pl.DataFrame:
    """`columns` from the file or folder `path` as text, whole rows only, without repeats."""
    parts = [_rows(form, columns) for file in find_files([path]) if (form := sniff(file)) is not None]
    if not parts:
        raise DataError("{file} is empty.", file=path)
    rows = pl.concat(parts).drop_nulls().unique(maintain_order=True)
    if rows.is_empty():
        raise DataError("{file} has no rows.", file=path)
    return rows


def _rows(form: FileFormat, columns: Sequence[str]) -> pl.DataFrame:
    theirs = _their_columns(form, columns)
    batches = read_batches(
        form, lambda batch: batch.rows.select(**{ours: ids(batch.rows[name]) for ours, name in theirs.items()})
    )
    nothing = pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.concat([nothing, *batches])


def _their_columns(form: FileFormat, columns: Sequence[str]) -> Mapping[str, str]:
    """Our column -> theirs. DataError naming those that are missing."""
    has_names = form.header or form.kind != "delimited"
    if not has_names and len(form.columns) == len(columns):
        return dict(zip(columns, form.columns, strict=True))
    plain = {name.partition(":")[0].strip().lower(): name for name in reversed(form.columns)}
    found = {ours: _first(SYNONYMS[ours], plain) for ours in columns}
    missing = [ours for ours, name in found.items() if name is None]
    if missing:
        raise DataError(
            "{file} has no column {missing}.", hint="It has {present}; expected {expected}.", file=form.path,
            missing=", ".join(missing), present=", ".join(form.columns), expected=", ".join(columns),
        )  # fmt: skip
    return {ours: name for ours, name in found.items() if name is not None}


def _first(names: Iterable[str], plain: Mapping[str, str]) -> str | None:
    return next((plain[name] for name in names if name in plain), None)


def _nothing_linked(path: Path, triples: pl.DataFrame, items: pl.DataFrame, links: Path | str | None) -> DataError:
    return DataError(
        "None of {count} items is linked to the graph of {file}: items are called {item}, its entities {entity}.",
        hint="Bring a file of links with the columns {expected}." if links is None else "Is {links} of this graph?",
        count=items["item_id"].n_unique(), file=path, item=repr(items["item_id"].first()),
        entity=repr(triples["head"].first()), links=links, expected="item_id, entity",
    )  # fmt: skip

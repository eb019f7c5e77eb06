"""What strangers call the events that we have words for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import polars as pl

from avrec_lib.data.note import Note
from avrec_lib.errors import DataError
from avrec_lib.schema import Event

SAME_AS = {
    Event.IMPRESSION: (
        "impressions exposure exposed expose shown show displayed display impress served 曝光 展示 展现"
    ),
    Event.BROWSE: "browsed detail_view details pageview page_view item_view visit 浏览",
    Event.CLICK: "clicks clicked clk tap open opened 点击",
    Event.PLAY: (
        "plays played view views viewed pv watch watched watching listen listened listening stream streamed playback "
        "play_start start complete completed finish finished consume 播放 观看 收听 完播"
    ),
    Event.SKIP: "skips skipped next pass 跳过 划走",
    Event.SEARCH: "searches searched query 搜索",
    Event.LIKE: "likes liked upvote thumbs_up thumbsup heart 点赞 喜欢",
    Event.DISLIKE: "dislikes disliked downvote thumbs_down thumbsdown hate not_interested 不喜欢 点踩 不感兴趣",
    Event.FAVOURITE: (
        "favorite favorites favorited favourites favourited fav collect save saved bookmark bookmarked add_to_playlist "
        "addtoplaylist wishlist 收藏"
    ),
    Event.SHARE: "shares shared forward forwarded repost retweet 分享 转发",
    Event.COMMENT: "comments commented reply 评论",
    Event.FOLLOW: "follows followed subscribe subscribed 关注 订阅",
    Event.RATING: "rate rated rates ratings review reviewed score scored 评分 打分",
    Event.SURVEY: "surveys questionnaire feedback 问卷",
}
VOCABULARY = {word: str(event) for event, words in SAME_AS.items() for word in [event, *words.split()]}
EVENT_TYPE = pl.Enum([event.value for event in Event])
FEW_WORDS = 50
NEARLY_ALL, SOME = 0.8, 0.25
PLACES = {Event.SEARCH, Event.BROWSE}
"""Words that also say where something was found, so that they alone do not make a column of events."""


def event_column(sample: pl.DataFrame, events: Mapping[str, str]) -> str:
    """The one column of text whose few words are nearly all events; empty where none is, or several are."""
    fits = [
        name
        for name in sample.columns
        if (share := _event_share(sample[name], events))
        and min(share) >= NEARLY_ALL
        and {event_of(word, events) for word in sample[name].cast(pl.String).unique()} - PLACES - {None}
    ]
    return fits[0] if len(fits) == 1 else ""


def event_doubts(sample: pl.DataFrame, events: Mapping[str, str]) -> list[Note]:
    """Columns of text that may say what happened: some of their few words are events."""
    notes = []
    for name in sample.columns:
        share = _event_share(sample[name], events)
        if share and max(share) >= SOME:
            words = words_in(sample[name])
            known = [word for word in words if event_of(word, events)]
            notes.append(
                Note(
                    "The column {column} is left out, though {count} of its {total} words name events ({values}). If "
                    "it says what happened, add {fix}.",
                    {"column": repr(name), "count": len(known), "total": len(words), "values": ", ".join(known[:4]),
                     "fix": f"--map {shlex.quote(f'event={name}')}"},
                )
            )  # fmt: skip
    return notes


def words_in(values: pl.Series) -> list[str]:
    """The different words, in their order, without blanks around them."""
    text = values.drop_nulls().cast(pl.String).str.strip_chars()
    return text.filter(text != "").unique(maintain_order=True).to_list()


def _event_share(values: pl.Series, events: Mapping[str, str]) -> tuple[float, float] | None:
    """Which share of the different words, and of the rows, are events; None unless it is text of few words."""
    if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return None
    text = values.drop_nulls().cast(pl.String).str.strip_chars()
    text = text.filter(text != "")
    counts = text.value_counts(name="rows")
    if not 0 < counts.height <= FEW_WORDS:
        return None
    # Numbers that `--events` explains could as well be ids or ratings.
    known = [not word.isdigit() and event_of(word, events) is not None for word in counts[:, 0]]
    return sum(known) / counts.height, int(counts["rows"].filter(known).sum()) / len(text)


def known_words(column: str, sample: pl.DataFrame, events: Mapping[str, str]) -> tuple[str, ...]:
    """Their words for events, at least one of them known."""
    words = sample[column].drop_nulls().cast(pl.String).unique(maintain_order=True).to_list()
    if not any(event_of(word, events) for word in words):
        some = [word.strip() for word in words[:4]]
        raise DataError(
            "The column {column} holds no event that is known, for example {values}.",
            hint="Say what they mean, --events {example}, or take all rows as one kind, --event play.",
            column=repr(column), values=", ".join(some), example=",".join(f"{word}=play" for word in some[:2]),
        )  # fmt: skip
    return tuple(words[:1000])


def event_of(word: str | None, events: Mapping[str, str]) -> str | None:
    """Our word for theirs, or None."""
    plain = (word or "").strip()
    return events.get(plain) or VOCABULARY.get(plain.lower().replace("-", "_").replace(" ", "_"))


def events_of(words: pl.Series, usual: Sequence[str], events: Mapping[str, str]) -> pl.Series:
    """Our events for their words, null where one is not known; the `usual` words go by number, which is quicker."""
    codes = words.cast(pl.Enum(usual), strict=False).to_physical()
    ours = pl.Series([event_of(word, events) for word in usual], dtype=EVENT_TYPE)
    read = ours.gather(codes)
    left = read.is_null() & words.is_not_null()
    if left.any():
        known = {word: event_of(word, events) for word in words.filter(left).unique().to_list()}
        read = read.scatter(left.arg_true(), words.filter(left).replace_strict(known, return_dtype=EVENT_TYPE))
    return read

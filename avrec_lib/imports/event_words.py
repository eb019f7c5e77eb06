"""What strangers call the events that we have words for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from avrec_lib.errors import DataError
from avrec_lib.schema import Event

SAME_AS = {
    Event.IMPRESSION: "impressions exposure exposed expose shown show displayed display impress served",
    Event.BROWSE: "browsed detail_view details pageview page_view item_view visit",
    Event.CLICK: "clicks clicked clk tap open opened",
    Event.PLAY: (
        "plays played view views viewed pv watch watched watching listen listened listening stream streamed playback "
        "play_start start complete completed finish finished consume 播放 观看"
    ),
    Event.SKIP: "skips skipped next pass",
    Event.SEARCH: "searches searched query 搜索",
    Event.LIKE: "likes liked upvote thumbs_up thumbsup heart 点赞 喜欢",
    Event.DISLIKE: "dislikes disliked downvote thumbs_down thumbsdown hate not_interested 不喜欢",
    Event.FAVOURITE: (
        "favorite favorites favorited favourites favourited fav collect save saved bookmark bookmarked add_to_playlist "
        "addtoplaylist wishlist 收藏"
    ),
    Event.SHARE: "shares shared forward forwarded repost retweet 分享 转发",
    Event.COMMENT: "comments commented reply 评论",
    Event.FOLLOW: "follows followed subscribe subscribed 关注",
    Event.RATING: "rate rated rates ratings review reviewed score scored 评分",
    Event.SURVEY: "surveys questionnaire feedback",
}
VOCABULARY = {word: str(event) for event, words in SAME_AS.items() for word in [event, *words.split()]}
EVENT_TYPE = pl.Enum([event.value for event in Event])


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

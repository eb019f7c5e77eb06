"""What strangers call the columns that we have names for."""

from __future__ import annotations

import re
from typing import Literal

Table = Literal["events", "items", "users"]

# Names in order of preference, without case, blanks and punctuation; the id, key, ms … around them do not count.
RATINGS = "rating ratings score stars star overall ratingvalue starrating userrating reviewscore preference value"
COUNTS = "weight plays playcount playcounts count listens listencount listencounts frequency watchratio reward"
USER = (
    "userid user uid userindex visitor msno customer member account viewer listener subscriber profile reviewer "
    "person userhash usersha username 用户 用户id 用户编号"
)
ITEM = (
    "itemid item iid video vid movie film track tra song music clip content show episode product parentasin asin "
    "sku goods article news post podcast book isbn game app artist art album 物品 视频 视频id 歌曲 歌曲id 商品id 电影"
)
NAMES: dict[Table, dict[str, str]] = {
    "events": {
        "user_id": USER,
        "item_id": ITEM,
        "timestamp": (
            "timestamp ts eventtimestamp eventtime unixreviewtime unixtime unixtimestamp datetime time eventdatetime "
            "playedat listenedat watchedat viewedat ratedat createdat occurredat startedat ratingtimestamp starttime "
            "created actiontime interactiontime servertime logtime clienttime reviewtime eventdate addedat epoch date "
            "day 时间 时间戳 日期"
        ),
        "event": (
            "event eventtype eventname action actiontype behavior behaviour behaviortype behaviourtype interaction "
            "interactiontype feedbacktype activity verb type 事件 行为"
        ),
        "value": f"{RATINGS} {COUNTS} 评分 次数",
        "watch_seconds": (
            "watchseconds watchtime watchduration watchedtime watched watch playtime playduration playedtime "
            "playingtime played listentime listenduration listeningtime viewtime viewduration viewingtime dwelltime "
            "dwell timespent staytime 观看时长 播放时长"
        ),
        "query": "query searchquery searchterm searchtext keyword search 搜索词",
        "session_id": "sessionid session sess visit",
        "request_id": "requestid reqid request slateid slate impressionid listid",
        "position": "position pos rank slot itemposition displayposition",
        "platform": "platform devicetype device os client surface 平台",
        "variant": "variant experimentarm arm abgroup testgroup experimentgroup treatment",
        "policy": "policy policyname policyid loggingpolicy behaviorpolicy behaviourpolicy",
        "propensity": (
            "propensity propensityscore pscore actionprob actionprobability loggingprobability loggingpropensity "
            "behaviorprobability probability"
        ),
    },
    "items": {
        "item_id": f"{ITEM} id",
        "title": (
            "title name itemtitle itemname movietitle moviename videotitle videoname songtitle songname tracktitle "
            "trackname artistname traname caption headline originaltitle 标题 名称"
        ),
        "description": "description overview plot summary desc abstract text lyrics 简介",
        "tags": "genres genre tags tag keywords labels topics categories 标签",
        "category": "category categoryname maincategory primarygenre videotype type 分类",
        "creator_id": (
            "creator author channel uploader artist channeltitle channelname artistname director publisher brand 作者"
        ),
        "duration_seconds": (
            "durationseconds duration videoduration songlength tracklength length runtime playtime 时长"
        ),
        "published_at": (
            "publishedat publishtime publishdate published releasedate released uploaddate uploaddt uploadtime "
            "createdat releaseyear year date timestamp 发布时间"
        ),
        "language": "language lang originallanguage locale 语言",
        "media_path": "mediapath path file filename filepath",
    },
    "users": {
        "user_id": f"{USER} id",
        "birth_year": "birthyear yearofbirth",
        "age": "age bd 年龄",
        "gender": "gender sex 性别",
        "occupation": "occupation job profession 职业",
        "country": "country location region nation 国家",
        "language": "language lang locale 语言",
        "registered_at": "registeredat registered signupdate signup registrationinittime registertime joined createdat",
    },
}
AROUND_IDS = frozenset((
    "id", "ids", "key", "no", "nr", "num", "number", "code", "hash", "sha1", "sha", "uuid", "guid", "index", "idx",
    "raw", "anon", "encoded", "uri", "url",
))  # fmt: skip
UNITS = {
    0.001: "ms msec msecs millis milliseconds millisecond",
    1.0: "s sec secs second seconds",
    60.0: "min mins minute minutes",
    3600.0: "h hr hrs hour hours",
}
UNIT_WORDS = {word: scale for scale, words in UNITS.items() for word in words.split()}
NUMERIC = frozenset({"value", "watch_seconds", "position", "propensity", "duration_seconds", "birth_year", "age"})


def forms_of(column: str, ours: str) -> set[str]:
    """How a column's name may stand in the list: whole, and without the words around it that say nothing."""
    words = words_of(column)
    ends_in_id = [word[:-2] if word.endswith("id") and len(word) > 3 else word for word in words]
    empty = AROUND_IDS if ours.endswith("_id") else frozenset(UNIT_WORDS) if ours in NUMERIC | {"timestamp"} else ()
    forms = {"".join(words), "".join(word for word in words if word not in empty)}
    if ours.endswith("_id"):
        forms.add("".join(word for word in ends_in_id if word not in empty))
    return forms


def words_of(column: str) -> list[str]:
    """`watchTime_ms` → watch, time, ms; what RecBole writes after a colon is left out."""
    name = re.sub(r":(token|float|token_seq|float_seq)$", "", column)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[\W_]+", name.lower()) if word]


def is_rating(column: str) -> bool:
    """Whether a column of values holds ratings by its name (a play count does not)."""
    return any(form in RATINGS.split() for form in forms_of(column, "value"))

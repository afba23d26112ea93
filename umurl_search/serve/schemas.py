"""What the API is asked: the JSON bodies, their bounds, and defaults as of the command line."""

from typing import Annotated, Any, Literal, Self, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from encoder.joint_layouts import check_layout
from encoder.modality_sets import FUSED, parse
from encoder.options import options_of
from umurl_search.clips.degrade import MOST_VIEWS, VIEWS
from umurl_search.clips.picture_places import check_size
from umurl_search.clips.unseen_joints import check_marks
from umurl_search.evaluation.metrics import MOST_NEIGHBOURS, TEMPERATURE, Vote
from umurl_search.index.temporal_iou import OVERLAP
from umurl_search.readers.formats import list_suffixes
from umurl_search.search.options import ClipFileOptions, QueryRequest, SearchOptions, parse_indexes

MOST_HITS = 500
WHERE = 'SQL over the clips, e.g. "subject = 3 and camera = 2"'
MOST_ID = 2**53
MOST_INDEXES = 20
MOST_K = 20
"""Numbers of neighbours in one evaluation."""


def _text(text: str) -> str:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("text holds no zero bytes and no halves of surrogate pairs")
    return text


Text = Annotated[str, AfterValidator(_text), Field(max_length=1000)]
Filter = Annotated[str, AfterValidator(_text), Field(max_length=2**16)]
Modality = Annotated[
    str,
    Field(max_length=40, description="joint, bone, motion, several with commas, or fused"),
    AfterValidator(parse),
]
Marks = Annotated[Text, Field(max_length=200), AfterValidator(check_marks)]
LayoutText = Annotated[Text, Field(max_length=20_000), AfterValidator(check_layout)]
Size = Annotated[Text, Field(max_length=40), AfterValidator(check_size)]
Id = Annotated[int, Field(ge=0, le=MOST_ID)]


class StrictModel(BaseModel):
    """A body: no keys but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClipId(StrictModel):
    """A clip of the library by its number."""

    id: Id


Clip = Annotated[
    Text | ClipId,
    Field(
        description='"DATASET:CLIPNAME", "DATASET:CLIPNAME@FROM-TO" (seconds), "upload:TOKEN" or {"id": NUMBER}'
    ),
]
Index = Annotated[Text | None, Field(description="null: the default index")]


def _declare(options: type, **limits: Any) -> dict[str, Any]:
    """The fields of a body from options that are declared once. limits: of this API, by name."""
    types = get_type_hints(options)
    found: dict[str, Any] = {}
    for name, (default, one) in options_of(options).items():
        checks = {"ge": one.low, "le": one.high} | (
            {"allow_inf_nan": False} if "float" in str(types[name]) else {}
        )
        known = {key: value for key, value in checks.items() if value is not None} | limits.pop(name, {})
        annotation = known.pop("annotation", types[name])
        found[name] = (Annotated[annotation, Field(description=one.help, **known)], default)
    return found


_SEARCH: Any = create_model(
    "SearchFields",
    __base__=StrictModel,
    **_declare(
        SearchOptions,
        modality={"annotation": Modality},
        against={"annotation": Modality},
        k={"le": MOST_HITS},
        where={"annotation": Filter | None},
    ),
)
_FILE: Any = create_model(
    "FileFields",
    __base__=StrictModel,
    **_declare(
        ClipFileOptions,
        missing={"annotation": Marks | None},
        layout={"annotation": LayoutText | None},
        size={"annotation": Size | None},
    ),
)


class QueryOptions(_SEARCH):  # type: ignore[misc]
    """How to look, as the command `query`."""

    index: Index = None
    indexes: Annotated[
        tuple[Text, ...],
        Field(max_length=MOST_INDEXES, description="Several, searched together; in place of index"),
    ] = ()

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if self.indexes and self.index is not None:
            raise ValueError("give index or indexes, not both")
        parse_indexes(self.indexes)
        return self

    def request(self, clip: str, *, index: str) -> QueryRequest:
        """What is asked, by a clip of that name."""
        stated = {name: getattr(self, name) for name in options_of(SearchOptions)}
        return QueryRequest(clip=clip, index=index, **stated)


class QueryBody(QueryOptions):
    """clip: of the library, or one that was sent before."""

    clip: Clip


class FileOptions(_FILE):  # type: ignore[misc]
    """A file that is sent: its name, and how it is to be read, where not as the index's dataset was.

    token: what the server's address carries where it needs one; looked at before.
    """

    name: Annotated[Text, Field(description=f"The file's name: {list_suffixes()}")]
    token: Annotated[Text | None, Field(description="In place of an Authorization header")] = None


class UploadQuery(FileOptions):
    index: Annotated[Text | None, Field(description="Whose dataset's conventions a .npy follows")] = None


class FileQuery(FileOptions, QueryOptions):
    """Of a query by a file that is its body."""


Neighbours = Annotated[int, Field(ge=1, le=MOST_NEIGHBOURS)]


class ProtocolBody(StrictModel):
    """What is evaluated, and how neighbours vote. temperature: of weighted votes. query_layout: the joints that queries
    are brought down to first; views, noise: of such queries, degrees to either side and metres."""

    index: Index = None
    protocol: Text | None = None
    vote: Vote = "majority"
    temperature: Annotated[float, Field(ge=1e-3, le=1e3, allow_inf_nan=False)] = TEMPERATURE
    bridge: bool = True
    exclude_same_performance: bool = False
    query_layout: LayoutText | None = None
    views: Annotated[int, Field(ge=0, le=MOST_VIEWS)] = VIEWS
    noise: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0

    def shared(self) -> dict[str, Any]:
        """What an `EvalRequest` takes of it beside the index."""
        return {name: getattr(self, name) for name in ProtocolBody.model_fields if name != "index"}


class MatrixBody(ProtocolBody):
    """As the command `knn-eval --matrix`."""

    k: Neighbours = 1


class EvaluationBody(ProtocolBody):
    """As the command `knn-eval`. k: how many neighbours vote, or several such numbers.

    ranking: whether to rank whole galleries, which map and mrr need.
    """

    k: Neighbours | Annotated[tuple[Neighbours, ...], Field(min_length=1, max_length=MOST_K)] = 1
    query_modality: Modality = FUSED
    gallery_modality: Modality = FUSED
    ranking: bool = True


class MapBody(StrictModel):
    index: Index = None
    method: Literal["pca", "umap"] = "pca"


class TimelineBody(StrictModel):
    """recording: a clip of the index's dataset, by number or as DATASET:NAME."""

    clip: Clip
    recording: Id | Text
    index: Index = None
    modality: Modality = FUSED
    overlap: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = OVERLAP

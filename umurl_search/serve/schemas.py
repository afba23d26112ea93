"""What the API is asked: the JSON bodies, their bounds, and defaults as of the command line."""

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from encoder.joint_layouts import LAYOUTS
from encoder.modality_sets import FUSED, parse
from umurl_search.clips.normalization import Up
from umurl_search.index.temporal_iou import OVERLAP
from umurl_search.readers.arrays import Axes
from umurl_search.readers.formats import list_suffixes

MOST_HITS = 500
WHERE = 'SQL over the clips, e.g. "subject = 3 and camera = 2"'
MOST_ID = 2**53


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
if TYPE_CHECKING:
    Layout: TypeAlias = str
else:
    Layout = Literal[tuple(LAYOUTS)]
Index = Annotated[Text | None, Field(description="null: the default index")]


class QueryOptions(StrictModel):
    """How to look, as the command `query`."""

    index: Index = None
    modality: Modality = FUSED
    against: Modality = FUSED
    k: Annotated[int, Field(ge=1, le=MOST_HITS, description="How many hits")] = 10
    where: Annotated[Filter | None, Field(description=WHERE)] = None
    exclude_same_performance: Annotated[
        bool, Field(description="No clips of the same performance as the query")
    ] = False
    bridge: Annotated[bool, Field(description="Whether another modality is mapped over")] = True
    overlap: Annotated[
        float,
        Field(ge=0, le=1, allow_inf_nan=False, description="Of moments: how much two may share in time"),
    ] = OVERLAP


class QueryBody(QueryOptions):
    """clip: of the library, or one that was sent before."""

    clip: Clip


class FileOptions(StrictModel):
    """A file that is sent: its name, and how it is to be read, where not as the index's dataset was.

    token: what the server's address carries where it needs one; looked at before.
    """

    name: Annotated[Text, Field(description=f"The file's name: {list_suffixes()}")]
    axes: Annotated[Axes | None, Field(description="The axes of a .npy, found out where not said")] = None
    layout: Annotated[Layout | None, Field(description="Its joints")] = None
    fps: Annotated[
        float | None, Field(ge=1, le=9999, allow_inf_nan=False, description="Its frames a second")
    ] = None
    up: Annotated[Up | None, Field(description="Its axis that is up")] = None
    scale: Annotated[
        float | None, Field(ge=1e-9, le=1e8, allow_inf_nan=False, description="Metres a unit of it")
    ] = None
    token: Annotated[Text | None, Field(description="In place of an Authorization header")] = None


class UploadQuery(FileOptions):
    index: Annotated[Text | None, Field(description="Whose dataset's conventions a .npy follows")] = None


class FileQuery(FileOptions, QueryOptions):
    """Of a query by a file that is its body."""


class MatrixBody(StrictModel):
    """As the command `knn-eval --matrix`."""

    index: Index = None
    protocol: Text | None = None
    bridge: bool = True
    exclude_same_performance: bool = False


class EvaluationBody(MatrixBody):
    """As the command `knn-eval`. ranking: whether to rank whole galleries, which map and mrr need."""

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

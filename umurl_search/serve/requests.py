"""What the API is asked: the JSON bodies, their bounds, and defaults as of the command line."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from encoder.subsets import FUSED, parse
from umurl_search.moments import OVERLAP

MOST_HITS = 500
MOST_ID = 2**53


def _text(text: str) -> str:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("text holds no zero bytes and no halves of surrogate pairs")
    return text


Text = Annotated[str, AfterValidator(_text), Field(max_length=1000)]
Filter = Annotated[str, AfterValidator(_text), Field(max_length=2**16)]
Modality = Annotated[str, Field(max_length=40), AfterValidator(parse)]
Id = Annotated[int, Field(ge=0, le=MOST_ID)]


class Asked(BaseModel):
    """A body: no keys but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClipId(Asked):
    """A clip of the library by its number."""

    id: Id


Clip = Annotated[
    Text | ClipId,
    Field(
        description='"DATASET:CLIPNAME", "DATASET:CLIPNAME@FROM-TO" (seconds), "upload:TOKEN" or {"id": NUMBER}'
    ),
]
Index = Annotated[Text | None, Field(description="null: the default index")]


class QueryBody(Asked):
    """As the command `query`."""

    clip: Clip
    index: Index = None
    modality: Modality = FUSED
    against: Modality = FUSED
    k: Annotated[int, Field(ge=1, le=MOST_HITS)] = 10
    where: Filter | None = None
    exclude_same_performance: bool = False
    bridge: bool = True
    overlap: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = OVERLAP


class MatrixBody(Asked):
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


class MapBody(Asked):
    index: Index = None
    method: Literal["pca", "umap"] = "pca"


class TimelineBody(Asked):
    """recording: a clip of the index's dataset, by number or as DATASET:NAME."""

    clip: Clip
    recording: Id | Text
    index: Index = None
    modality: Modality = FUSED
    overlap: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = OVERLAP

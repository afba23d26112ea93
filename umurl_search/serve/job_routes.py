"""The API's longer work: evaluations, matrices, maps; and timelines."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from umurl_search.progress import Progress
from umurl_search.result import Result
from umurl_search.serve import evaluations, projections
from umurl_search.serve.documents import (
    ColumnColours,
    ConfusedPairs,
    DoneEvaluation,
    DoneMatrix,
    DoneProjection,
    EvaluationJob,
    JobState,
    MatrixJob,
    ProjectionJob,
    Timeline,
)
from umurl_search.serve.errors import Document
from umurl_search.serve.evaluations import ConfusedEvaluation
from umurl_search.serve.jobs import Job
from umurl_search.serve.projections import Projection
from umurl_search.serve.schemas import (
    EvaluationBody,
    MapBody,
    MatrixBody,
    StrictModel,
    Text,
    TimelineBody,
)
from umurl_search.serve.state import Service
from umurl_search.serve.timelines import timeline

ClassNumber = Annotated[int, Query(ge=0, le=2**31, description="A position in `classes`")]
_DONE: dict[str, Callable[..., JobState]] = {
    "evaluations": DoneEvaluation,
    "matrices": DoneMatrix,
    "maps": DoneProjection,
}
_POINTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "float32 x, y of every point in [-1, 1], then uint32 numbers of clips; little-endian",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/api", default_response_class=Document)
    _evaluation_routes(router, service)
    _map_routes(router, service)

    @router.post("/timelines", response_model=Timeline)
    async def timelines(body: TimelineBody) -> Document:
        """How alike the query each window of a recording is."""
        found = lambda: timeline(service.shelf, service.asker, service.browser, body)  # noqa: E731
        return Document(await service.searches.run(found))

    return router


async def _start(
    service: Service, kind: str, body: StrictModel, index: str | None, work: Callable[[str, Progress], Any]
) -> Document:
    """Begins a job on an index, the default one when None, unless it is done or under way."""

    def start() -> JobState:
        name = service.shelf.index(index).name
        key = service.shelf.snapshot().stamp, name, body.model_copy(update={"index": name}).model_dump_json()
        return _describe(service.jobs.start(kind, key, lambda progress: work(name, progress)))

    return Document(await service.reads.run(start))


def _describe(job: Job) -> JobState:
    """How far the job is, and whenever that is "done", its document."""
    said = job.describe()
    if said.state != "done":
        return said
    document = job.result if isinstance(job.result, Result) else job.result.document()
    return _DONE[job.kind](**vars(said), document=document)


def _evaluation_routes(router: APIRouter, service: Service) -> None:
    shelf, jobs, reads = service.shelf, service.jobs, service.reads

    @router.post("/evaluations", response_model=EvaluationJob)
    async def evaluate(body: EvaluationBody) -> Document:
        """Begins an evaluation as the command `knn-eval` makes it."""
        return await _start(
            service,
            "evaluations",
            body,
            body.index,
            lambda index, progress: evaluations.evaluation(
                shelf, body, index=index, device=service.device, progress=progress
            ),
        )

    @router.get("/evaluations/{job}", response_model=EvaluationJob)
    async def evaluation(job: Text) -> Document:
        """How far it is; once it is done, what `knn-eval --json` prints, the confusion and the hardest queries."""
        return Document(await reads.run(lambda: _describe(jobs.find("evaluations", job))))

    @router.get("/evaluations/{job}/cell", response_model=ConfusedPairs)
    async def cell(job: Text, true: ClassNumber, found: ClassNumber) -> Document:
        """The queries of one class that were taken for another, and for which clips."""

        def look() -> ConfusedPairs:
            confused: ConfusedEvaluation = jobs.result("evaluations", job)
            return confused.cell(true, found)

        return Document(await reads.run(look))

    @router.post("/matrices", response_model=MatrixJob)
    async def begin_matrix(body: MatrixBody) -> Document:
        """Begins what the command `knn-eval --matrix` does."""
        return await _start(
            service,
            "matrices",
            body,
            body.index,
            lambda index, progress: evaluations.matrix(
                shelf, body, index=index, device=service.device, progress=progress
            ),
        )

    @router.get("/matrices/{job}", response_model=MatrixJob)
    async def matrix(job: Text) -> Document:
        """How far it is; once it is done, what `knn-eval --matrix --json` prints."""
        return Document(await reads.run(lambda: _describe(jobs.find("matrices", job))))


def _map_routes(router: APIRouter, service: Service) -> None:
    shelf, jobs, reads = service.shelf, service.jobs, service.reads

    @router.post("/maps", response_model=ProjectionJob)
    async def begin_map(body: MapBody) -> Document:
        """Begins to lay out an index in the plane."""
        return await _start(
            service,
            "maps",
            body,
            body.index,
            lambda index, progress: projections.project(shelf.index(index), body.method, progress=progress),
        )

    @router.get("/maps/{job}", response_model=ProjectionJob)
    async def map_state(job: Text) -> Document:
        """How far it is; once it is done, how many points there are and what they can be coloured by."""
        return Document(await reads.run(lambda: _describe(jobs.find("maps", job))))

    @router.get("/maps/{job}/points", responses=_POINTS, response_class=Response)
    async def points(job: Text) -> Response:
        """Where every row of the index lies, and which clip it is of."""

        def payload() -> tuple[bytes, int]:
            projection: Projection = jobs.result("maps", job)
            return projection.payload(), len(projection.ids)

        body, count = await reads.run(payload)
        headers = {"X-Count": str(count), "Cache-Control": "private, max-age=3600"}
        return Response(body, media_type="application/octet-stream", headers=headers)

    @router.get("/maps/{job}/column/{column}", response_model=ColumnColours)
    async def colours(job: Text, column: Text) -> Document:
        """A column's values, and which of them each point has: base64 of uint16, 65535 for none."""

        def look() -> ColumnColours:
            projection: Projection = jobs.result("maps", job)
            return projection.column(column)

        return Document(await reads.run(look))

"""The API about the library, its clips, and queries."""

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import PlainTextResponse, Response

from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.types import Up
from umurl_search.maintenance.results import LibraryContents
from umurl_search.readers.formats import clip_suffixes
from umurl_search.serve import frames
from umurl_search.serve.browse import MOST_CLIPS, stretch_of
from umurl_search.serve.documents import (
    AcceptedFiles,
    ClipPage,
    Columns,
    Health,
    LabelledUpload,
    QueryAnswer,
    ServedIndex,
    SkeletonDrawing,
    StoredClip,
    UploadedClip,
)
from umurl_search.serve.errors import Document
from umurl_search.serve.schemas import (
    MOST_ID,
    WHERE,
    FileQuery,
    Filter,
    LayoutText,
    QueryBody,
    Text,
    UploadQuery,
)
from umurl_search.serve.state import Service
from umurl_search.serve.static_files import tag_version

IdInPath = Annotated[int, Path(ge=0, le=MOST_ID)]
Frame = Annotated[int | None, Query(ge=0, le=2**31)]
Where = Annotated[Filter | None, Query(description=WHERE)]
_OCTETS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "int16, little-endian, millimetres, of the shape in X-Shape: frames, people, 25 joints, x y z",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_FILE = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/api", default_response_class=Document)
    _library_routes(router, service)
    _clip_routes(router, service)
    _query_routes(router, service)
    return router


def health_routes(service: Service, version: str) -> APIRouter:
    """What is asked of any server: whether it lives, and its counts."""
    router = APIRouter()

    @router.get("/api/health", response_model=Health)
    async def health() -> Document:
        """Whether the server answers."""
        return Document(Health(status="ok", version=version))

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> PlainTextResponse:
        """Counts, as Prometheus reads them."""
        return PlainTextResponse(service.measures.text(), media_type="text/plain; version=0.0.4")

    return router


def _library_routes(router: APIRouter, service: Service) -> None:
    reads, browser = service.reads, service.browser

    @router.get("/library", response_model=LibraryContents)
    async def library() -> Document:
        """What the command `list --json` prints; `default_index` is the server's own, where it was given one."""
        return Document(await reads.run(service.shelf.contents))

    @router.get("/indexes/{index}", response_model=ServedIndex)
    async def index_info(index: Text) -> Document:
        """What the command `info INDEX --json` prints, and `layout`, `windowed` and `protocols`."""
        return Document(await reads.run(lambda: browser.index(index)))

    @router.get("/indexes/{index}/columns", response_model=Columns)
    async def columns(index: Text, where: Where = None) -> Document:
        """How often each value stands in each column, of the clips that pass."""
        return Document(await reads.run(lambda: browser.columns(index, where)))

    @router.get("/indexes/{index}/clips", response_model=ClipPage)
    async def clips(
        index: Text,
        where: Where = None,
        text: Annotated[Text | None, Query(description="Part of a name or action")] = None,
        offset: Annotated[int, Query(ge=0, le=MOST_ID)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_CLIPS)] = 50,
    ) -> Document:
        """Some of the clips of an index that pass, in order of number."""
        found = lambda: browser.clips(index, where=where, text=text, offset=offset, limit=limit)  # noqa: E731
        return Document(await reads.run(found))

    @router.get("/files", response_model=AcceptedFiles)
    async def files() -> Document:
        """What may be sent as a clip: suffixes of files, and how arrays may be stated."""
        suffixes, layouts, up = list(clip_suffixes()), list(LAYOUTS), list(get_args(Up))
        return Document(AcceptedFiles(suffixes=suffixes, layouts=layouts, up=up))

    @router.get("/skeleton", response_model=SkeletonDrawing)
    async def skeleton(layout: LayoutText = "ntu25") -> Document:
        """Joints, and the bones to draw between them."""
        return Document(frames.skeleton(layout))


def _clip_routes(router: APIRouter, service: Service) -> None:
    @router.get("/clips/{clip_id}", response_model=StoredClip)
    async def clip(clip_id: IdInPath) -> Document:
        """A clip's row, and the indexes that hold it."""
        return Document(await service.reads.run(lambda: service.browser.clip(clip_id)))

    @router.get("/clips/{clip_id}/frames", responses=_OCTETS, response_class=Response)
    async def clip_frames(
        clip_id: IdInPath, request: Request, start: Frame = None, stop: Frame = None
    ) -> Response:
        """A clip's frames, or some of them, as they are drawn."""

        def read() -> tuple[frames.Payload, str]:
            corpus, at = service.shelf.clip(clip_id)
            whole = corpus.frames(at)
            part = stretch_of(len(whole), start, stop)
            tag = f"{clip_id}-{corpus.clips.manifest['signature'][:16]}-{part.start}-{part.stop}"
            return frames.payload(whole[part], layout=corpus.layout), tag

        payload, tag = await service.reads.run(read)
        return _octets(payload, request, tag)

    @router.get("/uploads/{token}/frames", responses=_OCTETS, response_class=Response)
    async def upload_frames(
        token: Text, request: Request, start: Frame = None, stop: Frame = None
    ) -> Response:
        """The frames of a clip that was sent, as they are drawn."""

        def read() -> frames.Payload:
            upload = service.uploads.find(token)
            part = stretch_of(len(upload.frames), start, stop)
            return frames.payload(upload.frames[part], layout=upload.layout)

        return _octets(await service.reads.run(read), request, None)


def _octets(payload: frames.Payload, request: Request, tag: str | None) -> Response:
    headers = {"Content-Type": "application/octet-stream", **payload.headers}
    return tag_version(payload.body, request, headers, tag=tag)


def _query_routes(router: APIRouter, service: Service) -> None:
    @router.post("/query", response_model=QueryAnswer)
    async def query(body: QueryBody) -> Document:
        """What the command `query --json` prints; `query.clip_id` too where the clip is one of the library."""
        return Document(await service.searches.run(lambda: service.asker.query(body)))

    @router.post("/query-file", openapi_extra=_FILE, response_model=QueryAnswer)
    async def query_file(request: Request, asked: Annotated[FileQuery, Query()]) -> Document:
        """As `POST /api/query`, by the clip file that is the body; the server does not hold it."""
        content = await request.body()
        return Document(await service.searches.run(lambda: service.asker.query_file(asked, content)))

    @router.post("/uploads", openapi_extra=_FILE, response_model=LabelledUpload | UploadedClip)
    async def upload(request: Request, asked: Annotated[UploadQuery, Query()]) -> Document:
        """Holds a clip file, so that it can be asked with: "upload:TOKEN"."""
        content = await request.body()

        def add() -> UploadedClip:
            held = service.shelf.index(asked.index)
            return service.uploads.add(content, asked, held).describe(held.corpus.dataset)

        return Document(await service.searches.run(add))

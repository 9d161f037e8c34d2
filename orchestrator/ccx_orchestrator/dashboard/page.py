"""Serves the page: one document for all of its views, and the files that it loads. Whatever it shows it has from the
API.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ccx.errors import RouteNotFound

BUILT = Path(__file__).parent / "static"
VIEWS = ("/", "/submissions", "/cluster", "/s/{submission_id}")
# It loads and asks nothing but its own node, and runs no script that is not a file of it.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)
# The names of built files change with what is in them.
FOR_EVER = "public, max-age=31536000, immutable"


def open_page(app: FastAPI, built: Path = BUILT) -> None:
    """Have the application show the page."""
    app.include_router(_views(built))
    app.mount("/assets", _Assets(directory=built / "assets", check_dir=False), name="assets")


def _views(built: Path) -> APIRouter:
    routes = APIRouter(include_in_schema=False)
    document = built / "index.html"

    async def show() -> Response:
        if not document.exists():
            raise RouteNotFound("The page is not built here: 'make page' does that. The API is described at /docs.")
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
        return FileResponse(document, headers=headers)

    for view in VIEWS:
        routes.get(view)(show)
    return routes


class _Assets(StaticFiles):
    def file_response(self, full_path: object, stat_result: object, scope: Scope, status_code: int = 200) -> Response:
        """See `StaticFiles`."""
        answer = super().file_response(full_path, stat_result, scope, status_code)  # type: ignore[arg-type]
        answer.headers["Cache-Control"] = FOR_EVER
        return answer

"""The report: one HTML page that shows what the decoder did, from records and traces."""

from __future__ import annotations

from lvspec_cli.report.documents import Documents, read_documents

__all__ = ["Documents", "read_documents", "render_report"]


def render_report(documents: Documents) -> str:
    """The page. Raises LvspecError."""
    from lvspec_cli.report.page import render
    from lvspec_cli.report.view import page_view

    return render(page_view(documents))

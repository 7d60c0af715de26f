"""What tests of the page in a browser share."""

import pytest

from tests.report import traces
from tests.report.browser import Browser, find_chromium
from tests.report.pages import page_of


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """One browser for all."""
    if find_chromium() is None:
        pytest.skip("the program chromium shows the page")
    started = Browser(tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Make a page of lines once; return its path."""
    folder = tmp_path_factory.mktemp("pages")

    def page(name, *files):
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(page_of(folder, *files), encoding="utf-8")
        return path

    return page


@pytest.fixture
def traced(made):
    """The page of one traced video."""
    return made("traced", traces.trace())

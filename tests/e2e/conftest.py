"""Fixtures of the end-to-end tests: a private engine per test, in a network namespace, data folder, run folder and cgroup of its own."""
import os
import pathlib
import subprocess
import warnings

import pytest

from harness import docker as docker_harness
from harness.engine import Engine
from harness.images import busybox_image, scratch_dir


@pytest.fixture(scope="session")
def bin_dir():
    """The folder of the programs under test: FULCRUM_BIN_DIR, else the newest build."""
    top = pathlib.Path(__file__).resolve().parents[2]
    named = os.environ.get("FULCRUM_BIN_DIR")
    candidates = [pathlib.Path(named)] if named else [top / f"build/{preset}/bin" for preset in ("release", "dev")]
    for folder in candidates:
        if (folder / "fulcrumd").exists():
            return folder
    pytest.exit(f"no programs in {', '.join(map(str, candidates))}: build first", returncode=3)


def report(found, problems):
    """Answers that differ from the API's description make the test fail; with FULCRUM_OPENAPI=report they are only told."""
    if os.environ.get("FULCRUM_OPENAPI", "strict") == "strict":
        problems += found
    else:
        for problem in found:
            warnings.warn(problem, stacklevel=1)


@pytest.fixture
def make_engine(bin_dir):
    """Makes engines that are gone, with everything they held, when the test ends; a leak fails the test."""
    engines = []

    def make(**options):
        engine = Engine(bin_dir, **options)
        engines.append(engine)
        engine.start()
        return engine

    yield make
    problems = []
    for engine in engines:
        for observer in engine.observers:
            report(observer(), problems)
        problems += engine.destroy()
    assert not problems, "left behind, or answered wrongly: " + "; ".join(problems)


@pytest.fixture
def engine(make_engine):
    """One running engine with no image in it."""
    return make_engine()


@pytest.fixture
def box(engine):
    """A running engine that has the image `box`: busybox with a shell, distinct for this test."""
    path = busybox_image(engine.scratch / "box.tar", name="box")
    engine.ok("image", "load", "-i", str(path))
    return engine


@pytest.fixture
def docker(box):
    """The docker command line on an engine that has the image `box`."""
    if docker_harness.PROGRAM is None:
        pytest.skip("there is no docker command line here (package docker.io)")
    return docker_harness.Docker(box)


@pytest.fixture(scope="session", autouse=True)
def root_only():
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests need root", returncode=3)

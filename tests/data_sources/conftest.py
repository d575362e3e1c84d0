"""The project of these tests."""

from tests.ingesting import project as project

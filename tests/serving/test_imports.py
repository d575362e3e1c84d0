"""What is used of this room outside the server's processes loads no server."""

from __future__ import annotations

import subprocess
import sys

import pytest

WEB = ("starlette", "uvicorn", "fastapi", "httptools", "uvloop", "mlops_assets.serving.server")


@pytest.mark.parametrize("module", ["compaction", "journal", "online", "publishing", "segments"])
def test_the_journal_and_the_online_table_are_used_without_a_web_framework(module: str) -> None:
    code = f"import sys, mlops_assets.serving.{module}; print([name for name in {WEB!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"

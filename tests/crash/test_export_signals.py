"""An export that is terminated leaves no unfinished files."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path


def test_sigterm_deletes_the_unfinished_archive(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "curation", "--database", str(tmp_path / "ended.db")]
    news, out = tmp_path / "site" / "_news", tmp_path / "out"
    news.mkdir(parents=True)
    out.mkdir()
    for n in range(20):
        body = "".join(f"{number * n * 7919 % 1_000_003} " for number in range(100_000))
        (news / f"{n}.md").write_text(f"---\ntitle: T\n---\n{body}")
    subprocess.run([*command, "import", news.parent], check=True, capture_output=True)
    export = [*command, "export", "files", str(out / "all.tar.xz")]
    with subprocess.Popen(export, stderr=subprocess.PIPE, text=True) as running:
        while running.poll() is None and not list(out.iterdir()):
            time.sleep(0.001)
        running.terminate()
        message = running.communicate()[1]
    assert (running.returncode, message.count("\n")) == (1, 1)
    assert message.startswith("Error: interrupted")
    assert list(out.iterdir()) == []

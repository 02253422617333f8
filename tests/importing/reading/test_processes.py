"""The pool of child processes: calls return results, and a process that dies or is stuck is replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from curation.importing.reading import processes
from curation.importing.reading.processes import CallTimeoutError, ProcessDiedError, process_pool

LARGE = 100_000_000


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_calls_run_in_other_processes_and_in_order() -> None:
    with process_pool(2) as executor:
        pids = {executor.submit(os.getpid).result() for _ in range(20)}
        answers = [future.result() for future in [executor.submit(pow, 2, n) for n in range(50)]]
    assert os.getpid() not in pids
    assert len(pids) <= 2
    assert answers == [2**n for n in range(50)]


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.06])
def test_a_process_that_dies_while_it_answers_is_not_waited_for(delay: float) -> None:
    with process_pool(1) as executor:
        pid = executor.submit(os.getpid).result()
        answer, waiting = executor.submit(bytes, LARGE), executor.submit(os.getpid)
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
        assert isinstance(answer.exception(timeout=20), ProcessDiedError)
        assert waiting.result(timeout=20) != pid  # another took its place


def test_a_process_that_takes_too_long_is_killed_and_another_goes_on() -> None:
    with process_pool(1, seconds=0.5) as executor:
        pid = executor.submit(os.getpid).result()
        stuck, waiting = executor.submit(time.sleep, 30), executor.submit(os.getpid)
        assert isinstance(stuck.exception(timeout=20), CallTimeoutError)
        assert waiting.result(timeout=20) != pid
    assert not is_running(pid)


def test_a_process_that_is_killed_at_startup_is_replaced() -> None:
    with process_pool(1) as executor:
        [process] = multiprocessing.active_children()
        process.kill()
        assert executor.submit(pow, 2, 5).result() == 32


def test_nothing_is_imported_from_the_current_folder(tmp_path: Path) -> None:
    """A dump may contain a file such as `yaml.py`, and the current folder may be the dump."""
    for module in ("yaml", "signal", "curation"):
        (tmp_path / f"{module}.py").write_text(f"open('{module} was run', 'w')")
    (tmp_path / "elsewhere").mkdir()
    script = tmp_path / "elsewhere" / "script.py"
    script.write_text(
        "from curation.importing.reading.processes import process_pool\n"
        "if __name__ == '__main__':\n"
        "    with process_pool(1) as executor:\n"
        "        print(executor.submit(pow, 2, 5).result())\n"
    )
    result = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout == "32\n"
    assert sorted(tmp_path.glob("*run")) == []


def test_imports_in_two_threads_leave_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread sets an environment variable while its server starts."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setattr(processes, "_start_server", lambda: time.sleep(0.3))
    threads = [threading.Thread(target=processes._context) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert "PYTHONSAFEPATH" not in os.environ


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
def test_no_process_remains_and_none_is_waited_for_if_the_import_ends_early() -> None:
    began = time.monotonic()
    pids: list[int] = []

    def end_early() -> None:
        with process_pool(2) as executor:
            pids.append(executor.submit(os.getpid).result())
            for _ in range(2):
                executor.submit(time.sleep, 30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        end_early()
    assert time.monotonic() - began < 10
    assert not is_running(pids[0])

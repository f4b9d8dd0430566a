"""bin/run, bin/stop and bin/test: what they refuse, in one sentence, and what they leave behind (nothing)."""

import os
import re
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="seul root peut donner un fichier à un autre compte")


@pytest.fixture
def state() -> Iterator[Path]:
    """A place for one instance; short, for the sake of its sockets."""
    place = Path("/tmp") / f"dmp-essai-{os.getpid()}-{time.monotonic_ns()}"
    yield place
    if (place / "pg").exists():  # whatever a failed test left running
        subprocess.run([ROOT / "bin/stop"], env=os.environ | {"DMP_STATE": str(place)}, check=False)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def command(state: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of bin/ on ports and places of its own."""

    def run(*words: str, timeout: float = 60, **settings: str) -> subprocess.CompletedProcess[str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("DMP_")}
        own |= {"DMP_STATE": str(state), "DMP_RUN": f"{state}-run", **free_ports(), **settings}
        return subprocess.run(words, cwd=ROOT, env=own, capture_output=True, text=True, timeout=timeout, check=False)

    return run


def free_ports() -> dict[str, str]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return {
            "DMP_PORTAL_PORT": str(one.getsockname()[1]),
            "DMP_BACKOFFICE_PORT": str(other.getsockname()[1]),
        }


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Non-zero, and one sentence that says these words."""
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [[], ["--detach"]])
def test_a_taken_port_is_named(command, state, mode):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused(command("bin/run", *mode, DMP_BACKOFFICE_PORT=port), port, "déjà pris", "DMP_BACKOFFICE_PORT")
    assert not (state / "env").exists() and not (state / "pg").exists()


def test_two_instances_of_one_state_are_one_too_many(command, state):
    state.mkdir()
    with subprocess.Popen(
        ["flock", state / "lock", "sh", "-c", "echo 4242 > $0; echo; exec sleep 60", state / "lock"],
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        refused(command("bin/run"), "Déjà démarré", "4242", "bin/stop")
        subprocess.run(["pkill", "-P", str(holder.pid)], check=True)


def test_a_place_too_long_for_a_socket_is_refused(command):
    refused(command("bin/run", DMP_RUN="/tmp/" + "a" * 100), "107 octets")


@ROOT_ONLY
def test_the_state_of_somebody_else_is_left_alone(command, state):
    state.mkdir()
    shutil.chown(state, "nobody")
    refused(command("bin/run"), "appartient à nobody", "DMP_STATE")
    assert not list(state.iterdir())


def test_an_unknown_option_is_answered_with_the_usage(command):
    done = command("bin/run", "--vite")
    assert done.returncode == 2 and "bin/run --detach" in done.stderr


# -- stopping ------------------------------------------------------------------------------------------------


def test_stopping_what_does_not_run_succeeds(command, state):
    for _again in range(2):
        done = command("bin/stop")
        assert done.returncode == 0 and "Rien à arrêter" in done.stdout
    state.mkdir()
    (state / "lock").write_text("1\n")  # of an instance that was killed: nobody holds it
    assert command("bin/stop").returncode == 0


STAND_INS = """
. bin/lib/all.sh
STATE=$DMP_STATE LOGS=$DMP_STATE/log SERVICE_USER=$(id -un)
mkdir -p "$LOGS"
trap stop_everything EXIT
launch portal become_service setsid sleep 60
launch worker become_service setsid sh -c 'echo la file est injoignable; sleep 60 & wait'
until [ "$(cat /proc/"${PID_OF[portal]}"/comm)" = sleep ]; do sleep 0.01; done
"""


def test_one_process_dying_stops_all_and_is_named(command, state):
    done = command("bash", "-c", STAND_INS + 'echo "${PID_OF[portal]}"; kill -9 "${PID_OF[worker]}"; watch_over')
    assert done.returncode == 1
    assert "« worker »" in done.stderr and f"{state}/log/worker.log" in done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


def test_a_killed_supervisor_leaves_no_process_behind(command):
    done = command("bash", "-c", STAND_INS + 'echo "${PID_OF[portal]}"; kill -9 $$')
    deadline = time.monotonic() + 10
    while Path(f"/proc/{done.stdout.strip()}").exists():
        assert time.monotonic() < deadline


# -- secrets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kilobytes", "limits", "said"),
    [
        (8_388_608, [], "1024"),
        (67_108_864, [], "2048"),
        (524_288, [], "128"),
        (67_108_864, ["max"], "2048"),
        (67_108_864, ["4294967296"], "512"),  # a container of 4 GB on a machine of 64
        (67_108_864, ["max", "9223372036854771712"], "2048"),
        (8_388_608, ["17179869184"], "1024"),
    ],
)
def test_the_memory_of_the_base_is_an_eighth_of_what_it_may_have(command, tmp_path, kilobytes, limits, said):
    files = [tmp_path / "meminfo", tmp_path / "absent", *(tmp_path / str(n) for n in range(len(limits)))]
    files[0].write_text(f"MemTotal: {kilobytes} kB\nMemFree: 1 kB\n")
    for file, limit in zip(files[2:], limits, strict=True):
        file.write_text(f"{limit}\n")
    done = command("bash", "-c", '. bin/lib/all.sh; eighth_of_memory "$@"', "bash", *map(str, files))
    assert (done.stdout.strip(), done.stderr) == (said, "")


SECRETS = '. bin/lib/all.sh; choose_places; SERVICE_USER=$(id -un); mkdir -p "$STATE"; make_secrets'


def test_secrets_are_made_once_and_for_one_account(command, state):
    assert command("bash", "-c", SECRETS).returncode == 0
    first = (state / "env").read_text()
    assert stat.S_IMODE((state / "env").stat().st_mode) == 0o600
    assert set(re.findall(r"^(\w+)=", first, re.M)) == {"DMP_SECRET_KEY", "DMP_IDENTITY_KEY", "DMP_MASTER_KEYS"}
    assert command("bash", "-c", SECRETS).returncode == 0
    assert (state / "env").read_text() == first


def test_lost_secrets_are_not_replaced_under_a_database(command, state):
    (state / "pg").mkdir(parents=True)
    (state / "pg" / "PG_VERSION").write_text("15\n")
    refused(command("bash", "-c", SECRETS), "sauvegarde")
    assert not (state / "env").exists()


def test_the_file_of_secrets_is_read_as_data(command, state):
    state.mkdir()
    (state / "env").write_text(f"DMP_SECRET_KEY=$(touch {state}/ran)\ntouch {state}/ran\nPATH=/nowhere\n")
    done = command("bash", "-c", '. bin/lib/all.sh; choose_places; read_secrets; echo "$DMP_SECRET_KEY"; true; ls')
    assert done.stdout.startswith("$(touch") and not (state / "ran").exists() and "manage.py" in done.stdout


# -- what is written down ------------------------------------------------------------------------------------------


def test_each_variable_is_explained_in_the_example(tmp_path):
    explained = set(re.findall(r"^#?(DMP_\w+)=", (ROOT / ".env.example").read_text(), re.M))
    code = (ROOT / "dmp" / "settings.py").read_text() + (ROOT / "dmp" / "gunicorn.py").read_text()
    read = set(re.findall(r'"(DMP_[A-Z_]+)"', code)) - {"DMP_TEST_DATABASE"}
    places = set(re.findall(r"\$\{(DMP_(?:STATE|RUN|PYTHON|\w+_PORT))", commands()))
    composed = set(re.findall(r"\$\{(DMP_\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert explained == read | places | composed


def commands() -> str:
    files = [path for path in (ROOT / "bin").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return "".join(path.read_text() for path in files)


def test_no_address_of_a_package_index_is_written_down():
    for path in ["requirements.lock", "requirements-dev.lock", "Dockerfile"]:
        assert "://" not in (ROOT / path).read_text(), path
    assert not re.search(r"--(extra-)?index-url|--find-links", commands())


COMPOSE = [["docker", "compose"], ["docker-compose"]]


def answers(*words: str) -> bool:
    return bool(shutil.which(words[0])) and subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("example", [True, False])
def test_the_containers_file_is_well_formed(tmp_path, example):
    words = next((words for words in COMPOSE if answers(*words, "version")), None)
    if words is None:
        pytest.skip("ni « docker compose » ni docker-compose ne sont installés")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    if example:
        shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    done = subprocess.run([*words, "config"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# -- the whole -----------------------------------------------------------------------------------------------------


# What the main job handles: people, doctors, addresses, titles of its documents; any key, any number of a person.
TELLING = re.compile(
    r"Marchand|Lef[eè]vre|Nguyen|Traor[eé]|Aubert|Caron|Rivi[eè]re|Benali|Fournier|@(?:cpam\.)?example\.org"
    r"|h[eé]mogramme|[eé]lectrophor|ordonnance|compte rendu|bilan"
    r"|[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}|\b[12]\d{12}(?:\d\d)?\b|\b81\d{9,10}\b",
    re.IGNORECASE,
)


def telling(logs: Path) -> list[str]:
    """Lines of a real instance's logs that tell of somebody. Every process wrote some."""
    written = {path.name: path.read_text(errors="replace") for path in logs.iterdir() if path.is_file()}
    assert {"portal.log", "backoffice.log", "worker.log", "beat.log", "postgres.log"} <= set(written)
    assert all(written[f"{name}.log"] for name in ("portal", "worker", "beat", "postgres")), written.keys()
    return [f"{name}: {line}" for name, text in written.items() for line in text.splitlines() if TELLING.search(line)]


LOOKING = (
    "trail", "emergencies", "requests_due", "keys list", "keys rewrap", "partitions", "statistics",
    "sweep_orphans", "copies", "holds", "staff list", "pilot_rules list", "purge", "load_code_tables",
    "database_roles",
)  # fmt: skip


@pytest.mark.slow
def test_a_first_start_a_second_and_a_stop(command, state):
    first = command("bin/run", "--detach", timeout=300)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Parcours principal réussi" in first.stdout
    assert telling(state / "log") == []
    ill = [line.split()[1] for line in command("bin/manage", "health").stdout.splitlines() if line.startswith("MAL")]
    assert set(ill) <= {"planificateur"}  # its first round may be half a minute away
    for words in LOOKING:  # what an operator looks at, on a real instance, as its own account
        looked = command("bin/manage", *words.split())
        assert looked.returncode == 0, (words, looked.stderr)
    assert command("bin/run").returncode == 1
    assert command("bin/stop").returncode == 0
    assert not Path(f"{state}-run").exists()
    second = command("bin/run", "--detach", timeout=60)
    assert second.returncode == 0 and "Paquets" not in second.stdout and "Tables" not in second.stdout
    assert command("bin/stop").returncode == 0


@pytest.mark.slow
def test_a_backup_comes_back_on_an_empty_cluster_and_an_altered_one_does_not(command, state):
    data, keys = state / "backup" / "data", state / "backup" / "keys"
    assert command("bin/run", "--detach", timeout=300).returncode == 0
    data.parent.mkdir()
    data.parent.chmod(0o777)  # the account of the service writes there
    made = command("bin/manage", "backup", data, keys)
    assert made.returncode == 0 and "Sauvegarde faite" in made.stdout, made.stderr
    told = command("bin/manage", "trail").stdout
    assert command("bin/stop").returncode == 0
    shutil.move(state / "env", state / "backup" / "env")
    for place in ("pg", "media"):
        shutil.rmtree(state / place)  # the machine is lost: there is the backup and the secrets, no more
    restored = command("bin/drill", data, keys, state / "backup" / "env", timeout=300)
    assert restored.returncode == 0, restored.stdout + restored.stderr
    opened, traces = re.search(r"prouvée : (\d+) documents ouverts, (\d+) traces", restored.stdout).groups()
    assert int(opened) > 0 and int(traces) == int(told.split()[0]) > 0
    content = next(path for path in (data / "media").rglob("*") if path.is_file())
    content.write_bytes(content.read_bytes()[::-1])
    refused = command("bin/drill", data, keys, state / "backup" / "env", timeout=300)
    assert refused.returncode != 0 and "a changé" in refused.stderr

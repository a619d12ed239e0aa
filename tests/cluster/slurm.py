"""A Slurm on loopback in a folder of its own: controller, nodes and munge; each node has a GPU in name."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Only here does srun find the configuration inside of a job: the plugin's job step drops SLURM_CONF.
CONFIGURATION = Path("/etc/slurm/slurm.conf")
# Marks every process of the cluster and of its jobs.
MARK = "CHAOS_LIVER_TEST_SLURM"
CPUS, MEMORY_MB = 4, 4000
# `File=/dev/null` since Slurm refuses a GPU without a device. config_overrides: the node has so many CPUs wherever it
# runs. KillWait: seconds from SIGTERM to SIGKILL.
SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmdTimeout={node_seconds}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
KillWait=30
MailProg=/bin/true
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
GresTypes=gpu
PartitionName=test Nodes=ALL Default=YES MaxTime=600 State=UP
"""
NODE_CONF = (
    "NodeName={name} NodeHostname={host} Port={port} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1\n"
)
# A node that does not answer for so long is given up.
NODE_SECONDS = 10
# What `jobs` tells of a job, and squeue's names for it.
COLUMNS = {
    "id": "JobID",
    "state": "State",
    "reason": "Reason",
    "comment": "Comment",
    "gpus": "tres-per-job",
    "cpus": "NumCPUs",
    "memory": "MinMemory",
    "limit": "TimeLimit",
}
WIDTH = 120
GRES_CONF = "NodeName={name} Name=gpu File=/dev/null\n"


class Slurm:
    """The cluster; `environment` is what its commands need."""

    def __init__(self, folder: Path, nodes: tuple[str, ...] = ("node",)) -> None:
        self.folder, self.nodes = folder, nodes
        self.environment = {**os.environ, MARK: str(folder)}
        self._daemons: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        """Write the configuration, start the daemons and wait until the node takes jobs."""
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir(mode=0o755, parents=True)
        controller, *ports = _free_ports(1 + len(self.nodes))
        values = {"folder": self.folder, "host": socket.gethostname().split(".")[0], "cpus": CPUS, "memory": MEMORY_MB}
        values |= {"node_seconds": NODE_SECONDS, "controller_port": controller}
        nodes = [NODE_CONF.format(name=name, port=port, **values) for name, port in zip(self.nodes, ports, strict=True)]
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**values) + "".join(nodes))
        (self.folder / "gres.conf").write_text("".join(GRES_CONF.format(name=name) for name in self.nodes))
        CONFIGURATION.parent.mkdir(exist_ok=True)
        if CONFIGURATION.is_symlink() and not CONFIGURATION.exists():
            # Left by a test that was killed outright.
            CONFIGURATION.unlink()
        CONFIGURATION.symlink_to(self.folder / "slurm.conf")
        self._start_munge()
        self.start_controller()
        for name in self.nodes:
            self._start("slurmd", "-D", "-N", name, "-f", str(self.folder / "slurm.conf"), called=f"slurmd-{name}")
        wait_for(lambda: set(self.states().values()) == {"idle"}, "the nodes to take jobs", self.tell)

    def states(self) -> dict[str, str]:
        """What each node is doing."""
        return dict(line.split() for line in self.ask("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines())

    def kill_node(self, name: str) -> None:
        """End a node as a power cut would: its daemon and all that runs on it, at once."""
        daemon = self._daemons.pop(f"slurmd-{name}")
        daemon.kill()
        daemon.wait()
        for process in self._of_node(name):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def start_controller(self) -> None:
        """Start the controller, which goes on with the jobs that an earlier one knew."""
        self._start("slurmctld", "-D", "-f", str(self.folder / "slurm.conf"))

    def stop_controller(self) -> None:
        """Stop the controller; jobs run on."""
        self._stop("slurmctld")

    def ask(self, *command: str) -> str:
        """What a command of Slurm prints; AssertionError with its complaint where it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout.strip()

    def jobs(self) -> list[dict[str, str]]:
        """Every job that the controller knows, also ended ones, by number; the keys are those of COLUMNS."""
        form = ",".join(f"{column}:{WIDTH}" for column in COLUMNS.values())
        listed = self.ask("squeue", "--states=all", "--noheader", "--sort=i", f"--Format={form}").splitlines()
        rows = [[line[at * WIDTH : (at + 1) * WIDTH].strip() for at in range(len(COLUMNS))] for line in listed]
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows if row[0].isdigit()]

    def stop(self) -> None:
        """End all jobs, then the daemons, then whatever of either is left."""
        if "slurmctld" in self._daemons:
            with suppress(AssertionError):
                self.ask("scancel", "--user=root")
                wait_for(lambda: not self.ask("squeue", "--noheader"), "the jobs' end", self.tell)
        for name in reversed(list(self._daemons)):
            self._stop(name)
        for process in self._left():
            os.kill(process, signal.SIGKILL)
        if CONFIGURATION.is_symlink() and CONFIGURATION.readlink() == self.folder / "slurm.conf":
            CONFIGURATION.unlink()

    def tell(self) -> str:
        """The ends of the daemons' logs."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {path.name}\n" + "\n".join(path.read_text().splitlines()[-15:]) for path in logs)

    def _start_munge(self) -> None:
        key = self.folder / "munge/key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed", "log-file": "log"}
        paths = [f"--{option}={self.folder}/munge/{name}" for option, name in files.items()]
        # --force: it warns of folders that only their owner can read, as pytest's are.
        self._start("munged", "--foreground", "--force", *paths)
        wait_for((self.folder / "munge/socket").exists, "munge's socket", self.tell)

    def _start(self, name: str, *arguments: str, called: str | None = None) -> None:
        with (self.folder / f"{called or name}.log").open("a") as log:
            self._daemons[called or name] = subprocess.Popen(
                [name, *arguments], env=self.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def _stop(self, name: str) -> None:
        daemon = self._daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(timeout=30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def _of_node(self, name: str) -> list[int]:
        """The processes of the jobs on a node, and before them those that keep their steps."""
        mark, jobs, found = f"SLURMD_NODENAME={name}".encode(), set(), []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                variables = (process / "environ").read_bytes().split(b"\0")
                if mark in variables:
                    found.append(int(process.name))
                    jobs |= {value[13:].decode() for value in variables if value.startswith(b"SLURM_JOB_ID=")}
        keepers = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                title = (process / "cmdline").read_bytes().decode(errors="replace")
                if title.startswith("slurmstepd: [") and title[13:].split(".")[0] in jobs:
                    keepers.append(int(process.name))
        return keepers + found

    def _left(self) -> list[int]:
        """Processes of this cluster and of its jobs; those that keep a step (and overwrite their environment) too."""
        ours = f"{MARK}={self.folder}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                step = (process / "comm").read_text().strip() == "slurmstepd"
                if step or ours in (process / "environ").read_bytes().split(b"\0"):
                    found.append(int(process.name))
            except OSError:
                continue
        return found


@contextmanager
def running(slurm: Slurm) -> Iterator[Slurm]:
    """A context in which a cluster runs, and which ends it whatever ends the tests."""
    # pytest tears down after an interrupt alone.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        signal.signal(signal.SIGTERM, before)


def wait_for(
    condition: Callable[[], object], what: str, tell: Callable[[], str], seconds: float = 60, poll: float = 0.3
) -> None:
    """Wait until `condition` holds; AssertionError with what `tell` returns where it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s in vain for {what}\n{tell()}"
        time.sleep(poll)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports

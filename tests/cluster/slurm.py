"""A Slurm of one node on loopback in a folder of its own: controller, node daemon and munge, with a GPU in name."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
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
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
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
NodeName=node NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1
PartitionName=test Nodes=node Default=YES MaxTime=600 State=UP
"""
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
GRES_CONF = "NodeName=node Name=gpu File=/dev/null\n"


class Slurm:
    """The cluster; `environment` is what its commands need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, MARK: str(folder)}
        self._daemons: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        """Write the configuration, start the daemons and wait until the node takes jobs."""
        for name in ("munge", "state", "spool"):
            (self.folder / name).mkdir(mode=0o755, parents=True)
        ports = dict(zip(("controller_port", "node_port"), _free_ports(2), strict=True))
        values = {"folder": self.folder, "host": socket.gethostname().split(".")[0], "cpus": CPUS, "memory": MEMORY_MB}
        (self.folder / "slurm.conf").write_text(SLURM_CONF.format(**values, **ports))
        (self.folder / "gres.conf").write_text(GRES_CONF)
        CONFIGURATION.parent.mkdir(exist_ok=True)
        if CONFIGURATION.is_symlink() and not CONFIGURATION.exists():
            # Left by a test that was killed outright.
            CONFIGURATION.unlink()
        CONFIGURATION.symlink_to(self.folder / "slurm.conf")
        self._start_munge()
        self.start_controller()
        self._start("slurmd", "-D", "-N", "node", "-f", str(self.folder / "slurm.conf"))
        wait_for(lambda: self.ask("sinfo", "--noheader", "--format=%T") == "idle", "the node to take jobs", self.tell)

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

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("a") as log:
            self._daemons[name] = subprocess.Popen(
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

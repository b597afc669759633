"""A real sshd of a test's own on the loopback, with keys of its own."""
import contextlib
import getpass
import os
import pathlib
import shutil
import socket
import subprocess
import time

from common import skip

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
ME = f"{getpass.getuser()}@127.0.0.1"


def need_ssh():
    if not pathlib.Path(SSHD).exists() or not shutil.which("ssh"):
        skip("openssh-server is not installed; scripts/install-deps.sh --tests does")


@contextlib.contextmanager
def ssh_server(folder):
    """Runs while the block does; yields the options that ssh needs to log in as ME, the user's key the sixth of them."""
    if os.getuid() == 0:
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # sshd asks for it where it runs as root
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "sshd_config").write_text(f"""ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
""")
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} " + (folder / "host_key.pub").read_text())
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=open(folder / "sshd.log", "w"))
    try:
        wait_for(port, folder / "sshd.log")
        yield ["-F", "none", "-p", str(port), "-i", str(folder / "user_key"), "-o",
               f"UserKnownHostsFile={folder}/known_hosts"]
    finally:
        server.terminate()
        server.wait()


def wait_for(port, log):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())

"""scripts/deploy-runner.sh against a real sshd of this test's own on the loopback: sources, build, registration, probe."""
import getpass
import pathlib
import shutil
import socket
import subprocess
import time

from common import *

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
if not pathlib.Path(SSHD).exists() or not shutil.which("ssh"):
    skip("openssh-server is not installed; scripts/install-deps.sh --tests does")
SCRIPT = SOURCE / "scripts/deploy-runner.sh"
folder = scratch()
runners = folder / "store/runners"


def deploy(*arguments, code=0):
    done = subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=1700)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


# Nothing happens in a dry run, and slips are refused before anything does.
dry = deploy("--dry-run", "--name", "board", "--runners", folder / "none", "user@nowhere.invalid").stdout
for part in ("copy to user@nowhere.invalid:automask-runner", "hw_targets/cuda/board", "board.json", "runners probe board"):
    assert part in dry, dry
assert not (folder / "none").exists()
assert "no name for a runner" in deploy("--name", "../up", "host", code=2).stderr
assert "may hold letters" in deploy("--directory", "x; rm", "host", code=2).stderr
assert "unknown option --fast" in deploy("--fast", "host", code=2).stderr
assert "deploy-runner.sh [OPTION ...] HOST" in deploy(code=2).stderr

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
words = ["-F", "none", "-p", str(port), "-i", str(folder / "user_key"), "-o", f"UserKnownHostsFile={folder}/known_hosts"]
options = [part for word in words for part in ("--ssh-option", word)]
me = f"{getpass.getuser()}@127.0.0.1"
try:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    # The fastest build there is: what is tested is the way there.
    quick = ["--cmake-option", "-DCMAKE_BUILD_TYPE=Debug"]
    if shutil.which("ccache"):
        quick += ["--cmake-option", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    done = deploy(*quick, "--name", "board", "--directory", folder / "there", "--runners", runners, *options, me)
    print(done.stdout)
    program = folder / "there/build/automask-runner-cuda"
    assert program.exists() and not (folder / "there/hw_targets/cuda/shim").exists()
    runner = json.loads((runners / "board.json").read_text())
    assert runner == {"name": "board", "command": [str(program)], "ssh": {"host": me, "options": words},
                      "limits": {"prepare": 1800}}, runner
    probed = json.loads(automask("runners", "probe", "board", "--store", folder / "store", "--format", "json", check=0).stdout)
    # A GPU describes itself; a machine without one says why.
    assert probed["runner"] == "board" and (probed.get("state") == "skipped" or probed["device"]["evidence"] == "measured"), probed
finally:
    server.terminate()
    server.wait()

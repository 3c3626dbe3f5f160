"""The remedies of the findings about logins and sessions, done with real programs: the next connection succeeds."""

from collections.abc import Callable
from pathlib import Path

import pytest

import sshpcap
from tests.lab import programs as run
from tests.lab.cases import PAM, PASSWORD, with_password
from tests.lab.programs import missing
from tests.lab.scene import Program, Scene, scene

_REASON = missing()

pytestmark = [pytest.mark.lab, pytest.mark.skipif(_REASON is not None, reason=f"the lab cannot run here: {_REASON}")]


def _many_keys_and_the_right_one(stage: Scene, *options: str) -> Program:
    client = run.ssh_with_keys(stage, 6)
    right = ("-o", f"IdentityFile={stage.home}/user_key", *options)
    return Program((*client.argv[:-2], *right, *client.argv[-2:]), client.version)


def _more_tries(stage: Scene) -> None:
    """too-many-authentication-failures: MaxAuthTries 10."""
    stage.meet(run.sshd(stage, "MaxAuthTries=10"), _many_keys_and_the_right_one(stage))


def _only_the_right_key(stage: Scene) -> None:
    """too-many-authentication-failures, no-usable-public-key: ssh -o IdentitiesOnly=yes -i KEY."""
    stage.meet(run.sshd(stage, "MaxAuthTries=3"), run.ssh(stage, "IdentitiesOnly=yes"))


def _both_factors(stage: Scene) -> None:
    """second-factor-missing: a client that may be asked."""
    with_password(stage)
    client = run.ssh_with_password(stage, password=PASSWORD)
    words = [
        word for word in client.argv if word not in ("PubkeyAuthentication=no", "PreferredAuthentications=password")
    ]
    argv = [word for word, behind in zip(words, [*words[1:], ""], strict=True) if (word, behind) != ("-o", "-o")]
    server = run.sshd(stage, "AuthenticationMethods=publickey,password", *PAM)
    stage.meet(server, Program(tuple(argv), client.version))


def _more_time(stage: Scene) -> None:
    """login-grace-time-at-prompt: LoginGraceTime 300."""
    with_password(stage)
    client = run.ssh_with_password(stage, password=PASSWORD, pause=7)
    stage.meet(run.sshd(stage, "LoginGraceTime=300", *PAM), client)


def _sessions(stage: Scene) -> None:
    """session-ended-at-once: MaxSessions 10."""
    stage.meet(run.sshd(stage, "MaxSessions=10"), run.ssh(stage))


def _no_names(stage: Scene) -> None:
    """slow-authentication: UseDNS no, the resolver still being dead."""
    (stage.home / "resolv.conf").write_text("nameserver 192.0.2.10\n")
    stage.network.forbid("udp dport 53 drop")
    server = run.sshd(stage, "UseDNS=no")
    mounted = f'mount --bind {stage.home}/resolv.conf /etc/resolv.conf && exec "$@"'
    stage.meet(Program(("sh", "-c", mounted, "sh", *server.argv), server.version), run.ssh(stage))


def _modes(stage: Scene) -> None:
    """no-usable-public-key: sshd ignores a file that others may write, and reads it when its mode is right."""
    for path, mode in (("user", 0o755), ("user/.ssh", 0o700), ("user/.ssh/authorized_keys", 0o600)):
        (stage.home / path).chmod(0o777)
        (stage.home / path).chmod(mode)
    stage.meet(run.sshd(stage), run.ssh(stage))


def _asked_often(stage: Scene) -> None:
    """client-alive-timeout: a client that is stopped for a while, and ClientAliveCountMax 10."""
    script = '"$@" & sleep 1; kill -STOP $!; sleep 4; kill -CONT $!; wait $!'
    client = run.ssh_staying(stage, "sleep 6", script=script)
    stage.meet(run.sshd(stage, "ClientAliveInterval=1", "ClientAliveCountMax=10"), client)


REMEDIES: tuple[Callable[[Scene], None], ...] = (
    _more_tries, _only_the_right_key, _both_factors, _more_time, _sessions, _no_names, _modes, _asked_often,
)  # fmt: skip


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: remedy.__name__.strip("_"))
def test_with_the_remedy_the_next_connection_succeeds(remedy: Callable[[Scene], None], tmp_path: Path) -> None:
    with scene(tmp_path / "capture.pcap") as stage:
        remedy(stage)
    assert stage.facts.client_exit == 0, stage.facts.client_output
    (session,) = sshpcap.analyze(tmp_path / "capture.pcap").sessions
    assert session.findings == ()
    assert session.authentication is not None
    assert session.authentication.result == "succeeded"

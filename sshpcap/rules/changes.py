"""A least change to a proposal in the words of each program: command lines, configuration lines, what to click."""

import functools
from collections.abc import Iterator
from typing import Final

import msgspec

from sshpcap.model import KexInit, Party, Remedy, Session, Who
from sshpcap.rules.base import listed
from sshpcap.ssh import abilities
from sshpcap.ssh.algorithms import Kind, rating, weakness
from sshpcap.ssh.defaults import clients_of, defaults
from sshpcap.ssh.least_change import KIND_OF, Change, applied, key_family, least_change
from sshpcap.ssh.negotiate import real_methods

OPENSSH_OPTIONS: Final[dict[Kind, str]] = {
    "kex": "KexAlgorithms",
    "host_key": "HostKeyAlgorithms",
    "cipher": "Ciphers",
    "mac": "MACs",
    "compression": "Compression",
}
_ASYNCSSH_OPTIONS: Final[dict[Kind, str]] = {
    "kex": "kex_algs",
    "host_key": "server_host_key_algs",
    "cipher": "encryption_algs",
    "mac": "mac_algs",
    "compression": "compression_algs",
}
_NODE_OPTIONS: Final[dict[Kind, str]] = {
    "kex": "kex",
    "host_key": "serverHostKey",
    "cipher": "cipher",
    "mac": "hmac",
    "compression": "compress",
}
_PARAMIKO_OPTIONS: Final[dict[Kind, str]] = {
    "kex": "kex",
    "host_key": "key_types",
    "cipher": "ciphers",
    "mac": "digests",
    "compression": "compression",
}
_JSCH_OPTIONS: Final[dict[Kind, tuple[str, ...]]] = {
    "kex": ("kex",),
    "host_key": ("server_host_key",),
    "cipher": ("cipher.c2s", "cipher.s2c"),
    "mac": ("mac.c2s", "mac.s2c"),
    "compression": ("compression.c2s", "compression.s2c"),
}
_PUTTY_PANELS: Final[dict[Kind, str]] = {
    "kex": "Connection > SSH > Kex",
    "host_key": "Connection > SSH > Host keys",
    "cipher": "Connection > SSH > Cipher",
    "mac": "Connection > SSH",
    "compression": "Connection > SSH",
}
# Of the two directions the first: OpenSSH's options know no direction.
_LISTS: Final[dict[Kind, str]] = {
    "kex": "kex_algorithms",
    "host_key": "server_host_key_algorithms",
    "cipher": "encryption_algorithms_client_to_server",
    "mac": "mac_algorithms_client_to_server",
    "compression": "compression_algorithms_client_to_server",
}
_DBCLIENT_OPTIONS: Final[dict[Kind, str]] = {"cipher": "-c", "mac": "-m"}
_KEYGEN_TYPES: Final = {"ecdsa384": "ecdsa -b 384", "ecdsa521": "ecdsa -b 521"}
_KEY_LINES: Final = {
    "AsyncSSH": "asyncssh.listen(…, server_host_keys=[…, '{}'])",
    "paramiko": "transport.add_server_key(paramiko.PKey.from_path('{}'))",
}
"""How a program that uses the library gets a host key more."""
_OPENSSH: Final = ("OpenSSH", "OpenSSH for Windows")
_PLUS_SINCE: Final = (7, 0)


def remedies(session: Session) -> Iterator[Remedy]:
    """The least change for each side alone, the server's first: it keeps every client as it is."""
    client, server = session.client.kexinit, session.server.kexinit
    if client is None or server is None:
        return
    sides: tuple[tuple[Who, Party], ...] = (("server", session.server), ("client", session.client))
    for side, party in sides:
        change = _least(_lists(client), _lists(server), side, *_program(party))
        if change is None:
            yield _nothing(session, side, party)
        elif side == "client":
            yield from _client(session, change, party)
        else:
            yield from _server(session, change, party)


def _lists(proposal: KexInit) -> KexInit:
    """A proposal without what differs each time: programs meet again and again with the same lists."""
    return msgspec.structs.replace(proposal, cookie="", frames=())


@functools.lru_cache(256)
def _least(client: KexInit, server: KexInit, side: Who, program: str | None, version: str | None) -> Change | None:
    return least_change(client, server, side, lambda name: abilities.has(program, version, name))


@functools.lru_cache(256)
def _who_can(server: KexInit) -> tuple[str, ...]:
    """Clients that can connect with default settings: of each program the latest release."""
    others = [m.default for m in clients_of(server) if m.negotiation.agreed]
    return tuple({one.program: f"{one.program} {one.release}".rstrip() for one in others}.values())


def _program(party: Party) -> tuple[str | None, str | None]:
    found = party.identification
    return (found.implementation, found.version) if found else (None, None)


def _names(change: Change) -> str:
    return " and ".join(name for _, name in change.additions)


def _risk(change: Change, program: str | None) -> str:
    """What the change costs."""
    against = [f"{name} is {words}" for kind, name in change.additions if (words := weakness(kind, name))]
    if "ssh-rsa" in [name for _, name in change.additions] and change.side == "client":
        against.append(
            "so old a server may refuse RSA user keys, too: then also PubkeyAcceptedAlgorithms=+ssh-rsa"
            " (before 8.5 PubkeyAcceptedKeyTypes)"
        )
    if change.side == "server" and against:
        return "; ".join(against) + "; better upgrade the client"
    if against:
        return "; ".join(against) + "; for this one host only, and until the other side is upgraded"
    if program == "Dropbear":
        return "none: nothing weak is added; but it takes a new build"
    if not change.certain:
        return "works only if the program has what is to be added, which the capture does not show"
    return "none: nothing weak is added"


def _client(session: Session, change: Change, party: Party) -> Iterator[Remedy]:
    program, version = _program(party)
    names, risk = _names(change), _risk(change, program)
    place = session.server.address
    port = session.server.port
    if program in _OPENSSH:
        options = tuple(_openssh(change, party.kexinit, version))
        words = " ".join(f"-o {option}={value}" for option, value in options)
        yield Remedy(
            side="client",
            action=f"least change on the client: offer {names}, too, for this one connection",
            command=f"ssh {words} {place}" + ("" if port == 22 else f" -p {port}"),
            risk=risk,
        )
        yield from _in_lines(
            Remedy(
                side="client",
                action=f"the same for good, in ~/.ssh/config below `Host {place}` (what the user types stands there):",
            ),
            [f"{option} {value}" for option, value in options],
        )
        return
    action = f"least change on the client: let {program or 'it'} offer {names}, too"
    commands = _library_lines(program, change, "asyncssh.connect")
    if program == "Dropbear":
        given = _dbclient_options(change, party)
        if given:
            words = f"dbclient {given} {place}" + ("" if port == 22 else f" -p {port}")
            action += "; it has that, and its options -c (ciphers) and -m (MACs) left it out. In their place:"
            commands, risk = [words], _risk(change._replace(certain=True), None)
        else:
            action += "; that is chosen when it is built (localoptions.h), its options -c and -m only narrow"
    if program == "paramiko":
        action += (
            ", before start_client (with SSHClient.connect: in its transport_factory), and take it out of"
            " disabled_algorithms, if it stands there"
        )
    yield from _in_lines(Remedy(side="client", action=action, risk=risk), commands)


def _dbclient_options(change: Change, party: Party) -> str | None:
    """Dropbear's options for ciphers and MACs that it offers by default, and does not offer here; None for others."""
    program, version = _program(party)
    release = next((d for d in defaults("client") if (d.program, d.release) == (program, version)), None)
    if release is None or party.kexinit is None:
        return None
    for kind, name in change.additions:
        if kind not in _DBCLIENT_OPTIONS or name not in getattr(release.proposal, _LISTS[kind]):
            return None
    lists = {kind: getattr(applied(party.kexinit, change), _LISTS[kind]) for kind, _ in change.additions}
    return " ".join(
        f"{_DBCLIENT_OPTIONS[kind]} {','.join(name for name in names if rating(kind, name))}"
        for kind, names in lists.items()
    )


def _server(session: Session, change: Change, party: Party) -> Iterator[Remedy]:
    program, version = _program(party)
    names, risk = _names(change), _risk(change, program)
    keys = {key_family(name) for name in party.kexinit.server_host_key_algorithms} if party.kexinit else set()
    wanted = [key_family(name) for kind, name in change.additions if kind == "host_key"]
    new_keys = [family for family in wanted if family and family not in keys]
    every = change.additions
    if new_keys and program in (*_OPENSSH, "Dropbear", *_KEY_LINES):
        yield _new_keys(new_keys, program)
        rest = tuple(pair for pair in change.additions if key_family(pair[1]) not in new_keys)
        change = change._replace(additions=rest)
    if program in _OPENSSH:
        lines = [f"HostKey /etc/ssh/ssh_host_{family}_key" for family in new_keys]
        lines += [f"{option} {value}" for option, value in _openssh(change, party.kexinit, version)]
        action = (
            f"least change on the server: offer {names}, too (it keeps every client as it is). In sshd_config, in place"
            " of the line with this keyword, if there is one, and above the first Match; then `sshd -t && systemctl"
            " reload ssh`:"
        )
        yield from _in_lines(Remedy(side="server", action=action, risk=risk), lines)
        if new_keys and party.kexinit is not None:
            action = "and, only if sshd_config has a line HostKeyAlgorithms, in its place:"
            lists = (*party.kexinit.server_host_key_algorithms, *(name for kind, name in every if kind == "host_key"))
            known = ",".join(name for name in lists if rating("host_key", name))
            yield Remedy(side="server", action=action, command=f"HostKeyAlgorithms {known}")
        return
    if new_keys and program in _KEY_LINES:
        commands = [_KEY_LINES[program].format(f"ssh_host_{family}_key") for family in new_keys]
        yield from _in_lines(
            Remedy(side="server", action=f"and let {program} show it, before it serves", risk=risk), commands
        )
    if change.additions:
        names = _names(change)
        action = f"least change on the server: let {program or 'it'} offer {names}, too"
        if program == "Dropbear":
            action += "; that is chosen when Dropbear is built. Lines of localoptions.h:"
        commands = _library_lines(program, change, "asyncssh.listen")
        yield from _in_lines(Remedy(side="server", action=action, risk=risk), commands)


def _new_keys(families: list[str], program: str | None) -> Remedy:
    if program == "Dropbear":
        make, then = "dropbearkey -t {1} -f /etc/dropbear/dropbear_{0}_host_key", "; then start Dropbear anew"
    else:
        folder = "" if program in _KEY_LINES else "/etc/ssh/"
        make, then = f"ssh-keygen -q -t {{1}} -N '' -f {folder}ssh_host_{{0}}_key", ""
    kinds = " and ".join(families)
    return Remedy(
        side="server",
        action=f"least change on the server: make the {kinds} host key, unless it is there and not used{then}",
        command=" && ".join(make.format(family, _KEYGEN_TYPES.get(family, family)) for family in families),
        risk="clients that do not know the new key ask their users",
    )


def _in_lines(remedy: Remedy, lines: list[str]) -> Iterator[Remedy]:
    """A remedy of several lines: a command has one line, so each further one is a remedy of its own."""
    yield msgspec.structs.replace(remedy, command=lines[0] if lines else None)
    for line in lines[1:]:
        yield Remedy(side=remedy.side, action="and, in the same place:", command=line)


def _library_lines(program: str | None, change: Change, call: str) -> list[str]:
    """The change as lines of the program that uses the library."""
    if program == "AsyncSSH":
        words = (f"{_ASYNCSSH_OPTIONS[kind]}='+{name}'" for kind, name in change.additions)
        return [f"{call}(…, {', '.join(words)})"]
    if program == "ssh2 (Node.js)":
        rows = (f"{_NODE_OPTIONS[kind]}: {{ append: ['{name}'] }}" for kind, name in change.additions)
        return [f"algorithms: {{ {', '.join(rows)} }}"]
    if program == "paramiko":
        return [
            f"options = transport.get_security_options(); options.{_PARAMIKO_OPTIONS[kind]} += ('{name}',)"
            for kind, name in change.additions
        ]
    if program == "JSch":
        keys = ((key, name) for kind, name in change.additions for key in _JSCH_OPTIONS[kind])
        return [f'session.setConfig("{key}", session.getConfig("{key}") + ",{name}");' for key, name in keys]
    if program == "Dropbear":
        lines = (line for _, name in change.additions for line in abilities.DROPBEAR[name].split("\n"))
        return [f"#define {line}" for line in dict.fromkeys(lines)]
    return []


def _openssh(change: Change, proposal: KexInit | None, version: str | None) -> Iterator[tuple[str, str]]:
    """Options and their values.

    "+NAME" adds to the defaults. Releases before 7.0 do not know it; and a server that does not offer a good name that
    it has was told so: opening all its defaults again would be more than the least. Both get the whole list.
    """
    number = abilities.version_of(version)
    for kind in dict.fromkeys(kind for kind, _ in change.additions):
        added = [name for other, name in change.additions if other == kind]
        narrowed = change.side == "server" and change.certain and not any(weakness(kind, name) for name in added)
        if kind == "compression":
            yield "Compression", "no" if added[0] == "none" else "yes"
        elif proposal is not None and (narrowed or (number is not None and number < _PLUS_SINCE)):
            names: tuple[str, ...] = getattr(applied(proposal, change), _LISTS[kind])
            yield OPENSSH_OPTIONS[kind], ",".join(name for name in real_methods(names) if rating(kind, name))
        else:
            yield OPENSSH_OPTIONS[kind], "+" + ",".join(added)


def _nothing(session: Session, side: Who, party: Party) -> Remedy:
    """Nothing that this side can be told to offer makes the two agree."""
    program, version = _program(party)
    negotiation = session.negotiation
    slot = negotiation.failed[0] if negotiation else "kex_algorithm"
    kind = KIND_OF[slot]
    found = getattr(negotiation, slot)
    wanted = real_methods(found.server_offer if side == "client" else found.client_offer)
    name = f"{program} {version}" if program and version else program or f"this {side}"
    if program in abilities.OFFERS_ALL:
        action = (
            f"{name} already offers everything that it has ({_PUTTY_PANELS[kind]} only orders it and sets the line"
            f" below which it warns): use a version that has one of {listed(wanted)}"
        )
    else:
        action = f"no setting helps: {name} is not known to have any of {listed(wanted)}. Upgrade it, or the other side"
        removed = [(old, last) for old in wanted if program == "OpenSSH" and (last := abilities.last_with(old))]
        if removed:
            old, last = removed[0]
            action += f" (the last OpenSSH release with {old} was {last})"
    if side == "client" and session.server.kexinit is not None:
        others = _who_can(_lists(session.server.kexinit))
        if others:
            action += f". With their default settings these can connect: {listed(others)}"
    return Remedy(side=side, action=action)

"""Gives up every right once the ring is open: user, groups, capabilities, and the way back to any of them.

Order (capabilities(7), prctl(2)): bounding set, groups, user, capabilities, no new privileges. What fails is an error:
nobody goes on with rights that were to be given up. Must not know: anything else of the program.
"""

import ctypes
import os
import sys
from typing import Final

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAP_SETPCAP: Final = 8
_MOST_CAPABILITIES: Final = 64
_EINVAL: Final = 22


class PrivilegeError(Exception):
    """Rights could not be given up; the text says which."""


def drop(user: str) -> str:
    """Become `user` where we are root, and give up all capabilities in any case; says what we run as from now on."""
    library = ctypes.CDLL(None, use_errno=True)
    linux = sys.platform.startswith("linux")
    if linux:
        _empty_bounding_set(library)
    if os.geteuid() == 0:
        _become(user)
    if linux:
        _prctl(library, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        _clear_capabilities(library)
        _prctl(library, _PR_SET_NO_NEW_PRIVS, 1)
        _look_at_threads()
    return f"{_name(os.geteuid())} (uid {os.geteuid()}, gid {os.getegid()}), without capabilities"


def _become(user: str) -> None:
    import pwd

    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError:
        raise PrivilegeError(f"there is no user {user!r}; --user names the one to run as") from None
    if entry.pw_uid == 0:
        raise PrivilegeError("--user must not be root: nothing needs it once the capture is open")
    try:
        os.setgroups([])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    except OSError as error:
        raise PrivilegeError(f"cannot become {user}: {error.strerror}") from None
    if os.getresuid() != (entry.pw_uid,) * 3 or os.getresgid() != (entry.pw_gid,) * 3 or os.getgroups():
        raise PrivilegeError(f"did not wholly become {user}")


def _empty_bounding_set(library: ctypes.CDLL) -> None:
    """So that no program that is executed gets anything; only CAP_SETPCAP allows it, without it there is no need."""
    if not _effective() >> _CAP_SETPCAP & 1:
        return
    for capability in range(_MOST_CAPABILITIES):
        # CAP_SETPCAP itself too: it acts on the set until we are another user.
        if library.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) and ctypes.get_errno() != _EINVAL:
            raise PrivilegeError(f"cannot drop capability {capability}: {os.strerror(ctypes.get_errno())}")


def _clear_capabilities(library: ctypes.CDLL) -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if library.capset(header, (ctypes.c_uint32 * 6)()):
        raise PrivilegeError(f"cannot give up capabilities: {os.strerror(ctypes.get_errno())}")
    if _effective():
        raise PrivilegeError("capabilities are left")


def _effective() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0


def _look_at_threads() -> None:
    """Capabilities and no_new_privs belong to a thread: one that a library started before would have kept its own."""
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/status", encoding="ascii", errors="replace") as file:
            state = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        if any(int(state[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")) or state["NoNewPrivs"] != "1":
            raise PrivilegeError("a thread has kept its rights (OPENBLAS_NUM_THREADS=1 keeps NumPy from starting any)")


def _prctl(library: ctypes.CDLL, option: int, value: int) -> None:
    if library.prctl(option, value, 0, 0, 0):
        raise PrivilegeError(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)

"""Groups for Diffie-Hellman that a server sends: known ones by name, and whether a modulus is a safe prime.

RFC 4419 §3 wants a safe prime, p = 2q + 1 with q prime too; a modulus that is none makes the exchange weaker than its
size says. The groups of RFC 2409 §6, RFC 3526 and RFC 7919 appendix A are known. Of others the primes are tested, so
many and so large as `limits.py` allows. That a number is no prime is then certain; that it is one is as good as
certain.
"""

import hashlib
from typing import Final, Literal, NamedTuple

from sshpcap import limits

Modulus = Literal["safe prime", "prime, but no safe prime", "not prime", "not tested"]

SOUND_BITS: Final = 2048
"""RFC 9142 §3.2.1, NIST SP 800-131A: smaller groups are weak."""

_NAMES: Final = {
    "b52ba6a3026520a6c49d37e4587601801bee500123b3259b6bf03e7cecc3e63d": "group 1 of RFC 2409",
    "3f35a3f5f6c4376a744acad409bb22f8d897f949d2311d885adaa890981b67a0": "group 2 of RFC 2409",
    "64fcc83ec403930bf18393dbc883ccaa1fbb08ac876f77f7aa99748ca945019b": "group 5 of RFC 3526",
    "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e": "group 14 of RFC 3526",
    "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c": "group 15 of RFC 3526",
    "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33": "group 16 of RFC 3526",
    "d1bfe6d0925ce7e4da262b62861514a7755e35831e429f343e7b864848657efd": "group 17 of RFC 3526",
    "39ab4feab950a3128fb71accb9fc3965d857012e081998a85996e3ea8b3c3bcf": "group 18 of RFC 3526",
    "9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966": "ffdhe2048 of RFC 7919",
    "0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17": "ffdhe3072 of RFC 7919",
    "4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e": "ffdhe4096 of RFC 7919",
    "227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7": "ffdhe6144 of RFC 7919",
    "770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833": "ffdhe8192 of RFC 7919",
}
"""By the SHA-256 of the modulus in as few octets as hold it. All of them are safe primes."""

_SMALL_PRIMES: Final = tuple(n for n in range(2, 2000) if all(n % d for d in range(2, int(n**0.5) + 1)))


class Group(NamedTuple):
    """What there is to say of a group."""

    name: str | None
    modulus: Modulus


_NOT_TESTED: Final = Group(None, "not tested")


class Groups:
    """Judges groups, each once, and no more of the dear ones than `limits.py` allows: a capture may have any number."""

    def __init__(self) -> None:
        self._known: dict[int, Group] = {}
        self.said: dict[int, Group] | None = None
        """What is said of moduli that are remembered, or would be if there was room; for whoever puts a dict here."""

    def judge(self, p: int) -> Group:
        """What there is to say of a modulus."""
        if p <= 3 or p.bit_length() > limits.GROUP_TEST_BITS:
            name = _name(p) if p > 3 else None
            return Group(name, "safe prime" if name else "not tested" if p > 3 else "not prime")
        found = self._known.get(p)
        if found is None:
            name = _name(p)
            if name is None and len(self._known) >= limits.GROUPS_TESTED:
                found = _NOT_TESTED
            else:
                found = self._known[p] = Group(name, "safe prime" if name else _test(p))
        if self.said is not None:
            self.said[p] = found
        return found

    def agree(self, said: dict[int, Group]) -> bool:
        """Whether `judge` says the same as another process, asked in its order; what that has tested is not tested
        again."""
        same = True
        for p, found in said.items():
            room = len(self._known) < limits.GROUPS_TESTED or found.name is not None
            if p not in self._known and room and found != _NOT_TESTED:
                self._known[p] = found
            same = self.judge(p) == found and same
        return same


def _name(p: int) -> str | None:
    return _NAMES.get(hashlib.sha256(p.to_bytes((p.bit_length() + 7) // 8, "big")).hexdigest())


def _test(p: int) -> Modulus:
    if not _is_prime(p):
        return "not prime"
    return "safe prime" if _is_prime(p >> 1) else "prime, but no safe prime"


def _is_prime(n: int) -> bool:
    """Miller-Rabin with two bases that nobody can choose a number for: they come from its hash."""
    for prime in _SMALL_PRIMES:
        if n % prime == 0:
            return n == prime
    odd, twos = n - 1, 0
    while not odd & 1:
        odd, twos = odd >> 1, twos + 1
    digest = hashlib.sha256(n.to_bytes((n.bit_length() + 7) // 8, "big")).digest()
    return all(_passes(n, 2 + int.from_bytes(half, "big") % (n - 3), odd, twos) for half in (digest[:16], digest[16:]))


def _passes(n: int, base: int, odd: int, twos: int) -> bool:
    value = pow(base, odd, n)
    if value in (1, n - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % n
        if value == n - 1:
            return True
    return False

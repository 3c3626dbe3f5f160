"""Groups of Diffie-Hellman: the known ones computed anew by the formulas of their RFCs, and primes of OpenSSL."""

import shutil
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap import limits
from sshpcap.ssh.groups import Groups
from sshpcap.ssh.public_values import prime_of

# RFC 2409 §6.1 and §6.2, RFC 3526 §2 to §7: p = 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + c)
OF_PI = {768: (149686, "group 1 of RFC 2409"), 1024: (129093, "group 2 of RFC 2409")} | {
    bits: (c, f"group {number} of RFC 3526")
    for bits, c, number in (
        (1536, 741804, 5), (2048, 124476, 14), (3072, 1690314, 15), (4096, 240904, 16), (6144, 929484, 17),
        (8192, 4743158, 18),
    )
}  # fmt: skip
# RFC 7919 appendix A: p = 2^n - 2^(n-64) + ([2^(n-130) e] + X) * 2^64 - 1
OF_E = {2048: 560316, 3072: 2625351, 4096: 5736041, 6144: 15705020, 8192: 10965728}


def pi(bits: int) -> int:
    """[2^bits pi] by Machin's formula."""

    def arctan(inverse: int) -> int:
        term = (1 << (bits + 64)) // inverse
        total, n, sign = term, 3, -1
        while term:
            term //= inverse * inverse
            total, n, sign = total + sign * (term // n), n + 2, -sign
        return total

    return 4 * (4 * arctan(5) - arctan(239)) >> 64


def e(bits: int) -> int:
    """[2^bits e] by its series."""
    term = total = 1 << (bits + 64)
    n = 1
    while term:
        term //= n
        total, n = total + term, n + 1
    return total >> 64


def modp(bits: int) -> int:
    return (1 << bits) - (1 << (bits - 64)) - 1 + (pi(bits - 130) + OF_PI[bits][0] << 64)


@pytest.mark.parametrize("bits", OF_PI)
def test_groups_made_of_pi(bits: int) -> None:
    assert Groups().judge(modp(bits)) == (OF_PI[bits][1], "safe prime")
    assert Groups().judge(modp(bits) + 2)[0] is None


@pytest.mark.parametrize(("number", "name"), [(1, "2 of RFC 2409"), *((n, f"{n} of RFC 3526") for n in range(14, 19))])
def test_the_primes_of_the_methods_are_the_known_ones(number: int, name: str) -> None:
    for method in (f"diffie-hellman-group{number}-sha256", f"gss-group{number}-sha1-toWM5Slw5Ew8Mqkay+al2g=="):
        assert Groups().judge(prime_of(method) or 0).name == f"group {name}"


def test_methods_without_a_prime_of_their_own() -> None:
    for method in ("diffie-hellman-group-exchange-sha256", "diffie-hellman-group2-sha1", "curve25519-sha256"):
        assert prime_of(method) is None


@pytest.mark.parametrize("bits", OF_E)
def test_groups_made_of_e(bits: int) -> None:
    p = (1 << bits) - (1 << (bits - 64)) + (e(bits - 130) + OF_E[bits] << 64) - 1
    assert Groups().judge(p) == (f"ffdhe{bits} of RFC 7919", "safe prime")


def openssl(*words: str) -> int:
    done = subprocess.run(["openssl", "prime", *words], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout.split()[0])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
@pytest.mark.parametrize("bits", [64, 256, 512])
def test_primes_of_openssl(bits: int) -> None:
    safe = openssl("-generate", "-safe", "-bits", str(bits))
    assert Groups().judge(safe) == (None, "safe prime")
    other = openssl("-generate", "-bits", str(bits))
    assert Groups().judge(other * safe) == (None, "not prime")
    half_is_prime = "is prime" in subprocess.run(
        ["openssl", "prime", str(other // 2)], capture_output=True, text=True, timeout=60
    ).stdout  # fmt: skip
    assert Groups().judge(other) == (None, "safe prime" if half_is_prime else "prime, but no safe prime")


@given(st.integers(-10, 5000))
def test_small_numbers(n: int) -> None:
    def prime(m: int) -> bool:
        return m > 1 and all(m % d for d in range(2, m))

    wanted = "not prime" if n <= 3 or not prime(n) else "safe prime" if prime(n // 2) else "prime, but no safe prime"
    assert Groups().judge(n).modulus == wanted


def test_carmichael_numbers_are_not_prime() -> None:
    """They pass Fermat's test for nearly every base: (6k+1)(12k+1)(18k+1) with all three prime."""
    found = 0
    for k in range(400, 4000):
        factors = [6 * k + 1, 12 * k + 1, 18 * k + 1]
        if all(pow(2, f - 1, f) == 1 and all(f % d for d in range(2, int(f**0.5) + 1)) for f in factors):
            found += 1
            assert Groups().judge(factors[0] * factors[1] * factors[2]).modulus == "not prime"
    assert found >= 3


def test_a_capture_full_of_groups_takes_little_time() -> None:
    """The dearest modulus, and many of them: Fermat's test of a large prime is what costs."""
    groups, p = Groups(), modp(limits.GROUP_TEST_BITS)
    begin = time.perf_counter()
    judged = [groups.judge(p - 2 * k).modulus for k in range(1, 2000)]
    assert time.perf_counter() - begin < 30
    assert judged.count("not tested") == 2000 - 1 - limits.GROUPS_TESTED
    assert groups.judge(p - 2).modulus == judged[0]
    assert Groups().judge((1 << 9000) - 1).modulus == "not tested"

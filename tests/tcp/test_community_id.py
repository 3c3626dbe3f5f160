"""Community ID v1, held against the reference implementation."""

import ipaddress

import communityid
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshpcap.frames import Endpoint
from sshpcap.tcp.community_id import community_id
from tests.support.wireflow import endpoint

ports = st.integers(0, 65535)
pairs = st.tuples(st.binary(min_size=4, max_size=4), st.binary(min_size=4, max_size=4)) | st.tuples(
    st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16)
)


def test_the_example_of_the_specification() -> None:
    left, right = endpoint("128.232.110.120", 34855), endpoint("66.35.250.204", 80)
    assert community_id(left, right) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="
    assert community_id(right, left) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="


@given(pairs, ports, ports)
def test_equal_to_the_reference(addresses: tuple[bytes, bytes], left_port: int, right_port: int) -> None:
    left, right = Endpoint(addresses[0], left_port), Endpoint(addresses[1], right_port)
    texts = [ipaddress.ip_address(address).compressed for address in addresses]
    expected = communityid.CommunityID().calc(communityid.FlowTuple.make_tcp(*texts, left_port, right_port))
    assert community_id(left, right) == community_id(right, left) == expected


@pytest.mark.parametrize("address", ["10.0.0.1", "2001:db8::1"])
def test_one_address_two_ports(address: str) -> None:
    expected = communityid.CommunityID().calc(communityid.FlowTuple.make_tcp(address, address, 40000, 22))
    assert community_id(endpoint(address, 40000), endpoint(address, 22)) == expected

"""The tables of RFC 4250 §4.1.2 and §4.2.2, and RFC 8308 §2.3, typed from there once more."""

import pytest

from sshpcap.ssh.numbers import disconnect_name, message_name


@pytest.mark.parametrize(
    "number, name",
    [
        (1, "SSH_MSG_DISCONNECT"),
        (2, "SSH_MSG_IGNORE"),
        (3, "SSH_MSG_UNIMPLEMENTED"),
        (4, "SSH_MSG_DEBUG"),
        (5, "SSH_MSG_SERVICE_REQUEST"),
        (6, "SSH_MSG_SERVICE_ACCEPT"),
        (7, "SSH_MSG_EXT_INFO"),
        (8, "SSH_MSG_NEWCOMPRESS"),
        (20, "SSH_MSG_KEXINIT"),
        (21, "SSH_MSG_NEWKEYS"),
        (50, "SSH_MSG_USERAUTH_REQUEST"),
        (51, "SSH_MSG_USERAUTH_FAILURE"),
        (52, "SSH_MSG_USERAUTH_SUCCESS"),
        (53, "SSH_MSG_USERAUTH_BANNER"),
        (80, "SSH_MSG_GLOBAL_REQUEST"),
        (81, "SSH_MSG_REQUEST_SUCCESS"),
        (82, "SSH_MSG_REQUEST_FAILURE"),
        (90, "SSH_MSG_CHANNEL_OPEN"),
        (91, "SSH_MSG_CHANNEL_OPEN_CONFIRMATION"),
        (92, "SSH_MSG_CHANNEL_OPEN_FAILURE"),
        (93, "SSH_MSG_CHANNEL_WINDOW_ADJUST"),
        (94, "SSH_MSG_CHANNEL_DATA"),
        (95, "SSH_MSG_CHANNEL_EXTENDED_DATA"),
        (96, "SSH_MSG_CHANNEL_EOF"),
        (97, "SSH_MSG_CHANNEL_CLOSE"),
        (98, "SSH_MSG_CHANNEL_REQUEST"),
        (99, "SSH_MSG_CHANNEL_SUCCESS"),
        (100, "SSH_MSG_CHANNEL_FAILURE"),
        (30, "message 30"),  # 30 to 49 depend on the key exchange method
        (192, "message 192"),
    ],
)
def test_messages(number: int, name: str) -> None:
    assert message_name(number) == name


@pytest.mark.parametrize(
    "code, name",
    [
        (1, "HOST_NOT_ALLOWED_TO_CONNECT"),
        (2, "PROTOCOL_ERROR"),
        (3, "KEY_EXCHANGE_FAILED"),
        (4, "RESERVED"),
        (5, "MAC_ERROR"),
        (6, "COMPRESSION_ERROR"),
        (7, "SERVICE_NOT_AVAILABLE"),
        (8, "PROTOCOL_VERSION_NOT_SUPPORTED"),
        (9, "HOST_KEY_NOT_VERIFIABLE"),
        (10, "CONNECTION_LOST"),
        (11, "BY_APPLICATION"),
        (12, "TOO_MANY_CONNECTIONS"),
        (13, "AUTH_CANCELLED_BY_USER"),
        (14, "NO_MORE_AUTH_METHODS_AVAILABLE"),
        (15, "ILLEGAL_USER_NAME"),
    ],
)
def test_reasons(code: int, name: str) -> None:
    assert disconnect_name(code) == f"SSH_DISCONNECT_{name}"


def test_unknown_reason() -> None:
    assert disconnect_name(0xFFFFFFFF) == "reason 4294967295"

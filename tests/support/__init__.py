"""What tests share: builders of captures, frames and traffic. Nothing here uses sshpcap's own readers to build."""

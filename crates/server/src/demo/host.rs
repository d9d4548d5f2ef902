//! x
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
pub(super) struct Host { pub(super) address: SocketAddr }
impl Host {
    pub(super) async fn start(address: SocketAddr) -> anyhow::Result<Self> { Ok(Self{address}) }
    pub(super) fn folder(&self) -> &Path { Path::new("/tmp/x") }
    pub(super) fn data(&self) -> PathBuf { PathBuf::from("/tmp/x") }
    pub(super) async fn until_interrupted(&self) -> anyhow::Result<()> { Ok(()) }
    pub(super) async fn stop(self) -> anyhow::Result<()> { Ok(()) }
}

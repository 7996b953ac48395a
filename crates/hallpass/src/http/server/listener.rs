//! Listeners: TCP, or a Unix socket.
//!
//! The file of a Unix socket appears at its path when the server listens, complete with its permissions: it is bound
//! under another name and renamed. The file of a server that was killed is replaced, that of a running one is not.

use std::fs;
use std::io::{Error, ErrorKind, Result};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(target_os = "linux")]
use socket2::SockFilter;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixSocket, UnixStream};
use uuid::Uuid;

use super::stream::Stream;
use crate::http::client_ip::PeerAddr;

/// How long handshakes that have begun may take when the server stops: a round trip to most clients.
const HANDSHAKE_TIME: Duration = Duration::from_millis(100);

/// A listener of a server.
pub struct Listener(Kind);

enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self(Kind::Tcp(listener))
    }
}

impl Listener {
    pub(super) async fn accept(&self) -> Result<(Stream, PeerAddr)> {
        match &self.0 {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), PeerAddr::Tcp(peer.ip())))
            }
            Kind::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), PeerAddr::Unix))
            }
        }
    }

    /// Closes it, and returns the connections that are established and not accepted: the system would reset them. No
    /// further one is established meanwhile.
    ///
    /// # Errors
    /// If the system cannot accept them.
    pub(super) async fn close(self) -> Result<Vec<(Stream, PeerAddr)>> {
        match self.0 {
            Kind::Tcp(listener) => {
                match refuse_handshakes(&listener) {
                    // Those that have begun end: their clients would find the connection reset.
                    Ok(()) => tokio::time::sleep(HANDSHAKE_TIME).await,
                    Err(error) => tracing::debug!(%error, "new connections are not refused"),
                }
                let listener = listener.into_std()?;
                let pending = pending(|| listener.accept())?.into_iter();
                let streams = pending.map(|(stream, peer)| {
                    stream.set_nonblocking(true)?;
                    Ok((Stream::Tcp(TcpStream::from_std(stream)?), PeerAddr::Tcp(peer.ip())))
                });
                streams.collect()
            }
            Kind::Unix(listener, file) => {
                // No further client can connect, also not one that has found the file before.
                drop(file);
                SockRef::from(&listener).shutdown(Shutdown::Read)?;
                let listener = listener.into_std()?;
                let pending = pending(|| listener.accept())?.into_iter();
                let streams = pending.map(|(stream, _)| {
                    stream.set_nonblocking(true)?;
                    Ok((Stream::Unix(UnixStream::from_std(stream)?), PeerAddr::Unix))
                });
                streams.collect()
            }
        }
    }

    /// The address, as in a message.
    ///
    /// # Errors
    /// If the system does not know it.
    pub fn address(&self) -> Result<String> {
        match &self.0 {
            Kind::Tcp(listener) => Ok(listener.local_addr()?.to_string()),
            Kind::Unix(_, file) => Ok(file.path.display().to_string()),
        }
    }
}

/// Makes the system drop the packets that begin a handshake. Clients send them again, and are refused then.
#[cfg(target_os = "linux")]
fn refuse_handshakes(listener: &TcpListener) -> Result<()> {
    /// Instructions of classic BPF, and the flags of TCP (RFC 9293 section 3.1), in the 14th byte of its header.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    SockRef::from(listener).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ])
}

#[cfg(not(target_os = "linux"))]
fn refuse_handshakes(_: &TcpListener) -> Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// What `accept` returns until it would block.
fn pending<T>(mut accept: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
    let mut accepted = Vec::new();
    loop {
        match accept() {
            Ok(connection) => accepted.push(connection),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(accepted),
            // The client has closed this one.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            // The system has no resources for the rest.
            Err(error) if accepted.is_empty() => return Err(error),
            Err(_) => return Ok(accepted),
        }
    }
}

/// A Unix socket that does not listen yet. Its file is removed when dropped.
pub struct BoundUnixSocket {
    socket: UnixSocket,
    file: SocketFile,
    path: PathBuf,
}

impl BoundUnixSocket {
    /// Binds a socket for `path`, with these permissions.
    ///
    /// # Errors
    /// If a server listens there, the path is a file of another kind, or its directory cannot be written.
    pub fn bind(path: &Path, mode: u32) -> Result<Self> {
        check_unused(path)?;
        // The last bits of this version are random.
        let random = Uuid::now_v7().simple().to_string().split_off(24);
        let temporary = path.with_file_name(format!(".{random}"));
        let socket = UnixSocket::new_stream()?;
        socket.bind(&temporary)?;
        let file = SocketFile::at(temporary)?;
        // No client can connect before the server listens.
        fs::set_permissions(&file.path, fs::Permissions::from_mode(mode))?;
        Ok(Self { socket, file, path: path.to_owned() })
    }

    /// Listens.
    ///
    /// # Errors
    /// If another server listens there meanwhile.
    pub fn listen(self, backlog: u32) -> Result<Listener> {
        let Self { socket, mut file, path } = self;
        let listener = socket.listen(backlog)?;
        check_unused(&path)?;
        fs::rename(&file.path, &path)?;
        file.path = path;
        Ok(Listener(Kind::Unix(listener, file)))
    }
}

/// Whether a socket can be bound at `path`: nothing is there, or the socket of a server that no longer runs.
fn check_unused(path: &Path) -> Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(Error::new(ErrorKind::AlreadyExists, "the path is a file, and not a socket"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

/// The file of a socket, removed when dropped, unless another server has replaced it.
struct SocketFile {
    path: PathBuf,
    /// The device and the inode.
    id: (u64, u64),
}

impl SocketFile {
    fn at(path: PathBuf) -> Result<Self> {
        let id = file_id(&path)?;
        Ok(Self { path, id })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if file_id(&self.path).is_ok_and(|id| id == self.id)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(%error, "failed to remove the socket");
        }
    }
}

fn file_id(path: &Path) -> Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn socket_appears_when_the_server_listens() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let bound = BoundUnixSocket::bind(&path, 0o640).unwrap();
        assert!(!path.exists());
        let listener = bound.listen(1).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(files(directory.path()), ["a.sock"]);
        let other = BoundUnixSocket::bind(&path, 0o600).err().unwrap();
        assert_eq!(other.kind(), ErrorKind::AddrInUse);
        drop(listener);
        drop(BoundUnixSocket::bind(&path, 0o600).unwrap());
        assert!(files(directory.path()).is_empty(), "nothing is left");
    }

    #[tokio::test]
    async fn stale_socket_is_replaced_and_a_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = BoundUnixSocket::bind(&path, 0o600).unwrap();
        let second = BoundUnixSocket::bind(&path, 0o600).unwrap();
        let listener = second.listen(1).unwrap();
        assert_eq!(first.listen(1).err().unwrap().kind(), ErrorKind::AddrInUse);
        fs::remove_file(&path).unwrap();
        let replaced = BoundUnixSocket::bind(&path, 0o600).unwrap().listen(1).unwrap();
        drop(listener);
        assert!(path.exists(), "the file is that of another server");
        drop(replaced);
        fs::write(&path, "text").unwrap();
        let file = BoundUnixSocket::bind(&path, 0o600).err().unwrap();
        assert_eq!(file.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
    }
}

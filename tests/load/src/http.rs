//! Just enough HTTP/1.1 for one server and one client on loopback.

use std::{
    io::{self, BufRead, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest line of a head, in bytes.
const LINE_MAX: u64 = 8192;

/// `http://127.0.0.1:8080/hooks/x`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) address: String,
    pub(crate) path: String,
}

impl std::str::FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("http://");
        let (address, path) = rest
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(|| format!("`{text}` must be like `http://127.0.0.1:8080/path`"))?;
        Ok(Self { address: address.to_owned(), path: format!("/{path}") })
    }
}

/// A connection that is kept alive.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

/// A head and a body, of a request or of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// `POST /lookup HTTP/1.1`, `HTTP/1.1 200 OK`.
    pub(crate) first_line: String,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(url: &Url) -> io::Result<Self> {
        let stream = TcpStream::connect(&url.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), host: url.address.clone() })
    }

    /// Posts JSON, and returns the status.
    pub(crate) fn post(&mut self, path: &str, body: &str) -> io::Result<u16> {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}",
            self.host
        );
        status(&self.exchange(&request)?)
    }

    /// Gets a text.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<String> {
        let message =
            self.exchange(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host))?;
        match status(&message)? {
            200 => String::from_utf8(message.body).map_err(io::Error::other),
            other => Err(io::Error::other(format!("GET {path} was answered with {other}"))),
        }
    }

    fn exchange(&mut self, request: &str) -> io::Result<Message> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        read(&mut self.stream)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Reads a message with its length; `None` where the other side has hung up before it.
pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Option<Message>> {
    let first_line = line(stream)?;
    if first_line.is_empty() {
        return Ok(None);
    }
    let mut length = 0;
    loop {
        let header = line(stream)?.to_ascii_lowercase();
        match header.split_once(':') {
            None if header.is_empty() => break,
            Some(("content-length", value)) => {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            Some(("transfer-encoding", _)) => {
                return Err(io::Error::other("a body without a length cannot be read here"));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Message { first_line, body }))
}

/// One line without its end; empty at the end of a head and of the stream.
fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    stream.by_ref().take(LINE_MAX).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn status(message: &Message) -> io::Result<u16> {
    let word = message.first_line.split(' ').nth(1).unwrap_or_default();
    word.parse()
        .map_err(|_no_number| io::Error::other(format!("`{}` has no status", message.first_line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_up_to_its_length_and_not_further() {
        let mut stream =
            io::Cursor::new("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200");
        let answer = read(&mut stream).unwrap().unwrap();
        assert_eq!((status(&answer).unwrap(), answer.body.as_slice()), (503, &b"no"[..]));
        assert_eq!(stream.fill_buf().unwrap(), b"HTTP/1.1 200");
        assert_eq!(read(&mut io::Cursor::new("")).unwrap(), None);
        assert!(read(&mut io::Cursor::new("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nn")).is_err());
        let chunked = "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(read(&mut io::Cursor::new(chunked)).is_err());
    }

    #[test]
    fn a_url_is_an_address_and_a_path() {
        let url: Url = "http://127.0.0.1:80/a/b".parse().unwrap();
        assert_eq!((url.address.as_str(), url.path.as_str()), ("127.0.0.1:80", "/a/b"));
        assert!("https://a/b".parse::<Url>().unwrap_err().contains("`https://a/b`"));
    }
}

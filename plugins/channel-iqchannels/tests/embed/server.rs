//! A small web server for each origin.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Paths, or beginnings of paths that end with a slash; more headers, and the body.
pub(crate) type Site = BTreeMap<&'static str, (String, String)>;

pub(crate) fn html(body: &str) -> (String, String) {
    (String::new(), body.to_owned())
}

/// Answers in a thread for each connection, because browsers open some that they do not use.
pub(crate) fn serve(listener: TcpListener, site: Site) {
    let site = Arc::new(site);
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let site = Arc::clone(&site);
            thread::spawn(move || answer(&connection, &site));
        }
    });
}

fn answer(mut connection: &TcpStream, site: &Site) -> Option<()> {
    let mut lines = BufReader::new(connection).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    lines.map_while(Result::ok).find(String::is_empty)?;
    let path = target.split('?').next()?;
    let found = site
        .iter()
        .find(|(known, _)| path == **known || known.ends_with('/') && path.starts_with(*known));
    let (status, headers, body) = match found {
        None => ("404 Not Found", "", ""),
        Some((_, (headers, body))) if headers.starts_with("location") => {
            ("302 Found", headers.as_str(), body.as_str())
        }
        Some((_, (headers, body))) => ("200 OK", headers.as_str(), body.as_str()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
    );
    connection.write_all(format!("{head}{body}").as_bytes()).ok()
}

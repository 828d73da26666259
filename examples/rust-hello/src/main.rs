//! A small HTTP server with nothing but the standard library: one thread for each connection, one answer for each.
use std::env;
use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);
const MOST_LINES: usize = 100; // of a request

fn answer(stream: TcpStream, greeting: &str) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(&stream).lines().take(MOST_LINES);
    let first = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let (status, body) = if first.starts_with("GET ") {
        ("200 OK", format!("{greeting}\n"))
    } else {
        ("405 Method Not Allowed", String::from("only GET\n"))
    };
    write!(
        &stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn main() -> Result<()> {
    let greeting = env::var("GREETING").unwrap_or_else(|_| String::from("Hello from Rust"));
    let listener = TcpListener::bind("0.0.0.0:8080")?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, greeting) = (stream?, greeting.clone());
        thread::spawn(move || {
            if let Err(problem) = answer(stream, &greeting) {
                eprintln!("connection: {problem}");
            }
        });
    }
    Ok(())
}

//! A witness that is asked over HTTP, as C2SP tlog-witness has it: `POST /add-checkpoint`, one request at a time.
//!
//! One connection carries one request, has ten seconds, and may send as much as the largest submission needs: what a witness does
//! takes a millisecond, and the order in which it does it is what it vouches for. It speaks plain HTTP; TLS, and limits on who
//! asks how often, are the job of a reverse proxy in front of it.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use untrain_ledger::checkpoint::Checkpoint;
use untrain_ledger::keys::{SecretKey, Signer as _};
use untrain_ledger::witness::{Submission, Witness, http_status};
use untrain_ledger::{Error, Refusal};

use crate::app::App;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST_HEAD: usize = 16 * 1024;
/// A note of 64 KiB, and 63 hashes.
const LARGEST_BODY: usize = 96 * 1024;
const MOST_FIELDS: usize = 64;

/// Where the witness can be asked.
#[derive(Debug, Serialize)]
struct Listening {
    url: String,
    witness: String,
}

/// What a request is answered with.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
}

/// Answers requests until the process ends.
pub(super) fn serve(witness: &mut Witness, key: &SecretKey, address: &str, app: &App) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
    let url = format!("http://{}", listener.local_addr().with_context(|| format!("cannot listen on {address}"))?);
    app.result(&Listening { url, witness: key.verifier().to_string() }, |listening| {
        format!("the witness {} listens on {}\n", listening.witness, listening.url)
    })?;
    for stream in listener.incoming() {
        // A connection that failed is its client's loss.
        let outcome = stream.and_then(|stream| answer(&stream, |body| add_checkpoint(witness, key, body)));
        match outcome {
            Ok(Answer { status: 200, .. }) => app.words.say("cosigned a checkpoint"),
            Ok(answer) => app.words.say(&format!("answered {}: {}", answer.status, answer.body.trim_end())),
            Err(error) => app.words.say(&format!("a connection failed: {error}")),
        }
    }
    Ok(())
}

/// Answers the body of a request to cosign a checkpoint.
fn add_checkpoint(witness: &mut Witness, key: &SecretKey, body: &str) -> Answer {
    let submission: Submission = match body.parse() {
        Ok(submission) => submission,
        Err(refusal) => return Answer::refusal(http_status(&refusal), &refusal.to_string()),
    };
    let now = match super::now() {
        Ok(now) => now,
        Err(error) => return Answer::refusal(503, &error.to_string()),
    };
    let refusal = match witness.cosign(&submission, key, now) {
        Ok(cosignature) => return Answer { status: 200, kind: "text/plain; charset=utf-8", body: cosignature.to_string() },
        Err(Error::Refused(refusal)) => refusal,
        Err(error) => return Answer::refusal(500, &error.to_string()),
    };
    let checkpoint: Result<Checkpoint, Refusal> = submission.checkpoint.text().parse();
    let Ok(checkpoint) = checkpoint else { return Answer::refusal(400, &refusal.to_string()) };
    match http_status(&refusal) {
        // Who proves from more entries than there are has not understood the protocol, and is not helped by a size.
        409 if submission.old > checkpoint.head.size => Answer::refusal(400, "the old size is larger than the checkpoint's"),
        409 => match witness.last(&checkpoint.origin) {
            Ok(last) => Answer { status: 409, kind: "text/x.tlog.size", body: format!("{}\n", last.map_or(0, |last| last.head.size)) },
            Err(error) => Answer::refusal(500, &error.to_string()),
        },
        status => Answer::refusal(status, &refusal.to_string()),
    }
}

/// Reads a request from a connection and answers it.
fn answer(stream: &TcpStream, handle: impl FnOnce(&str) -> Answer) -> io::Result<Answer> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let answer = match request(stream, Instant::now() + PATIENCE)? {
        Ok(body) => handle(&body),
        Err(answer) => answer,
    };
    let Answer { status, kind, body } = &answer;
    let allow = if *status == 405 { "Allow: POST\r\n" } else { "" };
    let head = format!("HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", reason(*status), body.len());
    let mut out = stream;
    out.write_all(format!("{head}{allow}Connection: close\r\n\r\n{body}").as_bytes())?;
    // A connection that is closed while the client still sends is reset, and the answer can be lost with it.
    stream.shutdown(Shutdown::Write)?;
    let (mut rest, mut buffer, end) = (0, [0; 4096], Instant::now() + Duration::from_secs(1));
    while rest < LARGEST_BODY {
        match read(stream, &mut buffer, end) {
            Ok(n) if n > 0 => rest += n,
            _ => break,
        }
    }
    Ok(answer)
}

/// Reads the body of a request to cosign, or says what is wrong with it.
fn request(stream: &TcpStream, end: Instant) -> io::Result<Result<String, Answer>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    let (start, length, expects) = loop {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        match head.parse(&bytes) {
            Ok(httparse::Status::Complete(start)) => match body_length(&head) {
                Ok((length, expects)) => break (start, length, expects),
                Err(answer) => return Ok(Err(answer)),
            },
            Ok(httparse::Status::Partial) if bytes.len() < LARGEST_HEAD => {}
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Ok(Err(Answer::refusal(431, "the head of the request is too long")));
            }
            Err(error) => return Ok(Err(Answer::refusal(400, &format!("this is no HTTP request: {error}")))),
        }
        match read(stream, &mut buffer, end)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    if expects && bytes.len() == start {
        let mut out = stream;
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = bytes.split_off(start);
    while body.len() < length {
        match read(stream, &mut buffer, end)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => body.extend_from_slice(&buffer[..n]),
        }
    }
    body.truncate(length);
    Ok(String::from_utf8(body).map_err(|_| Answer::refusal(400, "the body is not text")))
}

/// How long the body of a request to cosign is, and whether the client waits for leave to send it.
fn body_length(head: &httparse::Request<'_, '_>) -> Result<(usize, bool), Answer> {
    if head.path != Some("/add-checkpoint") {
        return Err(Answer::refusal(404, "there is /add-checkpoint and nothing else"));
    }
    if head.method != Some("POST") {
        return Err(Answer::refusal(405, "a checkpoint is added by POST"));
    }
    let field = |name: &'static str| head.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    // Two lengths, or a length and chunks, are how a proxy and its server come to read different requests.
    let mut lengths = field("content-length");
    let (Some(length), None, None) = (lengths.next(), lengths.next(), field("transfer-encoding").next()) else {
        return Err(Answer::refusal(411, "the request has to say its length, once"));
    };
    let digits = Some(length.value).filter(|value| !value.is_empty() && value.iter().all(u8::is_ascii_digit));
    let length: Option<usize> = digits.and_then(|value| std::str::from_utf8(value).ok()).and_then(|value| value.parse().ok());
    match length {
        Some(length) if length <= LARGEST_BODY => {
            Ok((length, field("expect").any(|field| field.value.eq_ignore_ascii_case(b"100-continue"))))
        }
        Some(_) => Err(Answer::refusal(413, "the body is larger than any submission")),
        None => Err(Answer::refusal(400, "the length of the body is not a number")),
    }
}

/// Reads what has come, and waits for it until `end`: a client that sends a byte now and then has no longer than others.
fn read(mut stream: &TcpStream, buffer: &mut [u8], end: Instant) -> io::Result<usize> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    stream.read(buffer)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

impl Answer {
    fn refusal(status: u16, why: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: format!("{why}\n") }
    }
}

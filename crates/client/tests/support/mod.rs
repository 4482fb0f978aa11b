//! A server for tests that speaks just enough HTTP/1.1 to misbehave on purpose: it answers, lies about lengths, hangs
//! and hangs up, as the test's script says.
#![allow(dead_code)] // Each test file uses its own part.
#![allow(clippy::unwrap_used)]

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin, RetryPolicy};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What to do about it.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answer.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// Promise this many bytes, send fewer, hang up.
    Cut(u16, Vec<(String, String)>, usize, Vec<u8>),
    /// Promise this many bytes, send fewer, and then nothing.
    Hang(u16, Vec<(String, String)>, usize, Vec<u8>),
    /// Hang up without an answer.
    Drop,
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Answer(
        status,
        vec![("content-type".into(), "application/json;charset=UTF-8".into())],
        body.as_bytes().to_vec(),
    )
}

pub(crate) fn refused(status: u16, code: &str, message: &str) -> Reply {
    json(status, &format!(r#"[{{"message":"{message}","errorCode":"{code}"}}]"#))
}

impl Reply {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Reply {
        match &mut self {
            Reply::Answer(_, headers, _) | Reply::Cut(_, headers, ..) | Reply::Hang(_, headers, ..) => {
                headers.push((name.into(), value.into()))
            }
            Reply::Drop => {}
        }
        self
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

type Script = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A running server. It signs in anybody, numbering the tokens `token-1`, `token-2`…, and offers version 66.0; all else
/// is the script's.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) sign_ins: Arc<AtomicUsize>,
    seen: Arc<std::sync::Mutex<Vec<Request>>>,
}

impl Server {
    /// With sign-in as described.
    pub(crate) async fn new(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sign_ins = Arc::new(AtomicUsize::new(0));
        let (base, count) = (url.clone(), sign_ins.clone());
        let script = move |request: &Request| match request.target.as_str() {
            "/services/oauth2/token" => {
                let n = count.fetch_add(1, Ordering::SeqCst) + 1;
                json(
                    200,
                    &format!(
                        r#"{{"access_token":"token-{n}","instance_url":"{base}","id":"{base}/id/00Dxx0000001gPFEAY/005xx000001SwiUAAS","token_type":"Bearer"}}"#
                    ),
                )
            }
            "/services/data/" => json(200, VERSIONS),
            _ => script(request),
        };
        Server::on(listener, url, sign_ins, Arc::new(script))
    }

    /// With nothing answered but by the script.
    pub(crate) async fn bare(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Server::on(listener, url, Arc::default(), Arc::new(script))
    }

    fn on(listener: TcpListener, url: String, sign_ins: Arc<AtomicUsize>, script: Script) -> Server {
        let seen = Arc::new(std::sync::Mutex::new(vec![]));
        let log = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), log.clone()));
            }
        });
        Server { url, sign_ins, seen }
    }

    /// What came besides sign-ins and the list of versions.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .filter(|request| request.target != "/services/oauth2/token" && request.target != "/services/data/")
            .cloned()
            .collect()
    }

    pub(crate) fn all(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn config(&self) -> ClientConfig {
        config(&self.url)
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.config()).await.unwrap()
    }
}

pub(crate) const VERSIONS: &str = r#"[{"label":"Winter '26","url":"/services/data/v65.0","version":"65.0"},{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"},{"label":"Summer '26","url":"/services/data/v67.0","version":"67.0"}]"#;

/// Client credentials, and patience of milliseconds.
pub(crate) fn config(url: &str) -> ClientConfig {
    let login = OrgLogin::new(
        url,
        Credentials::ClientCredentials { client_id: "app".into(), client_secret: "hush-hush".into() },
    )
    .unwrap();
    let mut config = ClientConfig::new(login);
    config.retry = RetryPolicy {
        attempts: 4,
        base: Duration::from_millis(2),
        cap: Duration::from_secs(5),
        concurrency_floor: Duration::from_millis(2),
    };
    config.timeouts.idle = Duration::from_millis(300);
    config
}

async fn serve(stream: TcpStream, script: Script, log: Arc<std::sync::Mutex<Vec<Request>>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let reply = script(&request);
        log.lock().unwrap().push(request);
        let (status, headers, length, body, hang, keep) = match reply {
            Reply::Answer(status, headers, body) => (status, headers, body.len(), body, false, true),
            Reply::Cut(status, headers, length, body) => (status, headers, length, body, false, false),
            Reply::Hang(status, headers, length, body) => (status, headers, length, body, true, false),
            Reply::Drop => return,
        };
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        if stream.write_all(head.as_bytes()).await.is_err()
            || stream.write_all(&body).await.is_err()
            || stream.flush().await.is_err()
        {
            return;
        }
        if hang {
            // Until the client hangs up.
            let _ = stream.read_u8().await;
        }
        if !keep {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = vec![];
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let find = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut body = vec![];
    if let Some(length) = find("content-length") {
        body.resize(length.parse().ok()?, 0);
        stream.read_exact(&mut body).await.ok()?;
    } else if find("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            let length = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = vec![0; length + 2];
            stream.read_exact(&mut chunk).await.ok()?;
            if length == 0 {
                break;
            }
            chunk.truncate(length);
            body.extend_from_slice(&chunk);
        }
    }
    Some(Request { method, target, headers, body })
}

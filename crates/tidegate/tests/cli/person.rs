//! A person who signs in with a browser, from the command that waits for it to the org that is forgotten.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Child;

use crate::bench::Bench;

/// What a server answers: where it leads, the cookies it sets, and its page.
struct Answer {
    location: Option<String>,
    cookie: Option<String>,
    page: String,
}

/// One request over plain HTTP to this machine.
fn ask(url: &str, cookie: &str, form: Option<&str>) -> Answer {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let method = if form.is_some() { "POST" } else { "GET" };
    let body = form.unwrap_or_default();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {cookie}\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, page) = text.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let found = head.lines().filter_map(|line| line.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_owned())
    };
    Answer { location: header("location"), cookie: header("set-cookie"), page: page.to_owned() }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Signs in on the org's page and follows where it leads. Gives every page that was shown.
pub(crate) fn browse(bench: &Bench, address: &str) -> String {
    let credentials = bench.org.emulator().credentials();
    let origin = bench.org.emulator().url();
    let page = ask(address, "", None).page;
    let start =
        page.split("name=\"startURL\" value=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let form = format!(
        "username={}&pw={}&startURL={}",
        encoded(&credentials.username),
        encoded(&credentials.password),
        encoded(&start)
    );
    let mut answer = ask(&format!("{origin}/login"), "", Some(&form));
    let cookie = answer.cookie.clone().unwrap().split(';').next().unwrap().to_owned();
    let mut pages = page + &answer.page;
    for _ in 0..5 {
        let Some(next) = answer.location.take() else { break };
        let next = if next.starts_with('/') { format!("{origin}{next}") } else { next };
        answer = ask(&next.replace("//localhost:", "//127.0.0.1:"), &cookie, None);
        pages += &answer.page;
    }
    pages
}

/// Starts `login --flow web` and gives the address that it prints, with the rest of its words to come.
pub(crate) fn waiting(bench: &Bench, line: &str) -> (Child, String, BufReader<std::process::ChildStderr>) {
    let mut child = bench.command(line).spawn().unwrap();
    let mut words = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut text = String::new();
        assert!(words.read_line(&mut text).unwrap() > 0, "{line} ended before it gave an address");
        if let Some(address) = text.strip_prefix("sign in here: ") {
            break address.trim().to_owned();
        }
    };
    (child, address, words)
}

#[test]
fn a_browser_signs_in_and_the_org_is_forgotten() {
    let bench = Bench::new();
    let line = "exec tidegate login me --flow web --client-id PlatformCLI --callback http://localhost:0/OauthRedirect \
                --no-browser";
    let (mut child, address, mut words) = waiting(&bench, line);
    let pages = browse(&bench, &address);
    assert!(pages.contains("You are signed in"), "{pages}");
    let mut rest = String::new();
    words.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    let token_file = bench.path(".config/tidegate/.tidegate/me.refresh_token");
    assert_eq!(std::fs::metadata(&token_file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&token_file).unwrap();
    assert!(!pages.contains(&token) && !rest.contains(&token));
    assert_eq!(bench.ok("tidegate query 'SELECT COUNT() FROM Contact' -o me").trim(), "60");
    assert_eq!(bench.json("tidegate orgs --json")[0]["flow"], "web");
    let forgotten = bench.run("tidegate orgs forget me");
    let text = String::from_utf8(forgotten.stderr).unwrap();
    assert!(text.contains("its refresh token is revoked"), "{text}");
    assert!(!token_file.exists());
    let left: Vec<_> =
        std::fs::read_dir(token_file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [".gitignore"]);
}

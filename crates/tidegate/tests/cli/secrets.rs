//! No command shows a secret: not on stdout or stderr however many words it is asked for, not in its arguments, not in a
//! file that is not made for it.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Child;

use crate::bench::{Bench, MARKED};
use crate::person;

/// What stands before a command for another way to sign in.
const KEY: &str = "";
const SECRET: &str = "unset TIDEGATE_PRIVATE_KEY_FILE; TIDEGATE_CLIENT_SECRET=$EMULATOR_SECRET";
const TOKEN: &str = "TIDEGATE_INSTANCE_URL=$TIDEGATE_LOGIN_URL TIDEGATE_ACCESS_TOKEN=$EMULATOR_TOKEN";

/// The commands that are watched, run in order in one folder. A new verb adds its own here, with a case that succeeds and
/// one that fails.
const COMMANDS: &[(&str, &str)] = &[
    (KEY, "query 'SELECT Id FROM Contact LIMIT 1'"),
    (KEY, "query 'SELECT Id FROM Contact LIMIT 1' --bulk"),
    (KEY, "query 'SELECT Nmae FROM Contact'"),
    (KEY, "describe Contact"),
    (KEY, "limits"),
    (KEY, "load /dev/null --object Contact --insert"),
    (KEY, "load $EMULATOR_KEY --object Contact --insert --dry-run"),
    (KEY, "metadata list CustomObject"),
    (KEY, "metadata retrieve CustomObject --zip a.zip"),
    (KEY, "undelete 001000000000000AAA"),
    (KEY, "sync Account --to sqlite:a.db --once"),
    (KEY, "verify Account --to sqlite:a.db --fields --repair"),
    (KEY, "status --to sqlite:a.db"),
    ("TIDEGATE_USERNAME=nobody", "limits"),
    ("TIDEGATE_LOGIN_URL=http://127.0.0.1:1", "limits"),
    (SECRET, "sync Account --to sqlite:a.db --once"),
    ("TIDEGATE_CLIENT_ID=unknown", "limits"),
    (TOKEN, "sync Account --to sqlite:a.db --once"),
    (TOKEN, "limits"),
    (KEY, "login key"),
    ("unset TIDEGATE_PRIVATE_KEY_FILE;", "login made"),
    (SECRET, "login server --flow client-credentials --json"),
    (
        "unset TIDEGATE_PRIVATE_KEY_FILE; printf '%s' \"$EMULATOR_SECRET\" |",
        "login piped --flow client-credentials --client-secret-file -",
    ),
    ("printf '%s' \"$EMULATOR_TOKEN\" |", "login token --flow token --access-token-file - --json"),
    ("TIDEGATE_CLIENT_SECRET=$EMULATOR_SECRET TIDEGATE_PASSWORD=$EMULATOR_PASSWORD", "login old --flow password"),
    ("TIDEGATE_CLIENT_SECRET=$EMULATOR_SECRET TIDEGATE_REFRESH_TOKEN=$MARKED_TOKEN", "login lost --flow refresh"),
    (KEY, "orgs"),
    (KEY, "orgs --json"),
    (KEY, "orgs show key --json"),
    (KEY, "orgs show server"),
    (KEY, "query 'SELECT COUNT() FROM Contact' -o token"),
    (KEY, "check"),
    (KEY, "check -o server --json"),
    (TOKEN, "check"),
    (KEY, "orgs forget piped"),
];

/// What nobody may see: the org's own secrets, and those that lie in files made for them.
fn hidden(bench: &Bench) -> BTreeSet<String> {
    let mut hidden: BTreeSet<String> = bench.org.secrets().into_iter().collect();
    hidden.insert(MARKED.into());
    for file in files(bench.path("").as_path()).into_iter().filter(|file| is_for_secrets(file)) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        // A key by a line of its middle; its first and last line are the same in every key. A certificate is no secret.
        let text = if text.contains("PRIVATE KEY") { text.lines().nth(5).unwrap_or_default().to_owned() } else { text };
        let is_one = !text.contains("BEGIN CERTIFICATE") && text.trim().len() > 8;
        hidden.extend(is_one.then(|| text.trim().to_owned()));
    }
    hidden
}

fn is_for_secrets(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == ".tidegate")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

/// The arguments of a process and of all below it, as everybody on this machine can read them.
#[cfg(target_os = "linux")]
fn arguments(pid: u32) -> String {
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let mut text = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
    for child in String::from_utf8_lossy(&read(&format!("task/{pid}/children"))).split_whitespace() {
        text += "\n";
        text += &arguments(child.parse().unwrap());
    }
    text
}

#[cfg(not(target_os = "linux"))]
fn arguments(_: u32) -> String {
    String::new()
}

/// Everything that a process prints, and the arguments that were seen while it ran.
fn watch(mut child: Child) -> (String, BTreeSet<String>) {
    let mut pipes: Vec<Box<dyn Read + Send>> = Vec::new();
    pipes.extend(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    pipes.extend(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let readers = pipes.into_iter().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut seen = BTreeSet::new();
    while child.try_wait().unwrap().is_none() {
        seen.insert(arguments(child.id()));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    (readers.into_iter().map(|reader| reader.join().unwrap()).collect(), seen)
}

#[test]
fn no_secret_is_shown() {
    let bench = Bench::new();
    let mut shown: Vec<(String, String)> = Vec::new();
    for (signing_in, command) in COMMANDS {
        // With the most words; fewer show less.
        let line = format!("{signing_in} tidegate -vv {command}");
        let (text, arguments) = watch(bench.command(&line).spawn().unwrap());
        assert!(!text.is_empty(), "{line} says something");
        assert!(!text.contains("assertion=") && !text.contains("Bearer "), "{line}:\n{text}");
        #[cfg(target_os = "linux")]
        assert!(arguments.iter().any(|seen| seen.contains("tidegate -vv")), "{line} was seen running");
        shown.extend(arguments.into_iter().map(|seen| (format!("arguments of {line}"), seen)));
        shown.push((line, text));
    }
    // A person, with a browser that is started with the address as its argument.
    std::fs::write(bench.path("browser"), "#!/bin/sh\nprintf '%s' \"$1\" > address\nsleep 1\n").unwrap();
    bench.ok("chmod 755 browser");
    let line = "BROWSER=./browser exec tidegate -vv login person --flow web --client-id PlatformCLI \
                --callback http://localhost:0/OauthRedirect";
    let (child, address, mut words) = person::waiting(&bench, line);
    shown.push(("the page of the browser".into(), person::browse(&bench, &address)));
    let (text, arguments) = watch(child);
    let mut rest = String::new();
    words.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("signed in as"), "{rest}");
    shown.extend([(line.into(), text + &rest), ("the address".into(), address)]);
    shown.extend(arguments.into_iter().map(|seen| (format!("arguments of {line}"), seen)));

    let hidden = hidden(&bench);
    assert!(hidden.len() >= bench.org.secrets().len() + 3, "the files of secrets are among them");
    for file in files(bench.path("").as_path()).into_iter().filter(|file| !is_for_secrets(file)) {
        let bytes = std::fs::read(&file).unwrap();
        shown.push((file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    for (what, text) in &shown {
        for secret in &hidden {
            assert!(!text.contains(secret), "{what} shows a secret:\n{text}");
        }
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let bench = Bench::new();
    for key in ["client_secret", "private_key", "passphrase", "access_token", "password", "refresh_token"] {
        let misplaced = format!(
            "printf '[orgs.a]\\nlogin_url = \"acme\"\\n{key} = \"hunter2\"\\n' > t.toml; tidegate --config t.toml limits"
        );
        let text = String::from_utf8(bench.run(&misplaced).stderr).unwrap();
        assert!(text.contains("line 3: a secret does not stand in this file"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let misplaced = "printf '[orgs.a]\\nlogin_url = \"acme\"\\nclient_secert = \"hunter2\"\\n' > t.toml; \
                     tidegate --config t.toml limits";
    let text = String::from_utf8(bench.run(misplaced).stderr).unwrap();
    assert!(text.contains("did you mean `client_secret`?") && !text.contains("hunter2"), "{text}");
    let log = bench.run("tidegate -vv limits").stderr;
    assert!(String::from_utf8_lossy(&log).contains("DEBUG"), "-vv shows the libraries' logs");
}

#[test]
fn the_emulator_tells_people_no_secret() {
    let bench = Bench::new();
    let mut child = bench.command("exec tidegate emulator serve --rows 0 --dir org").spawn().unwrap();
    crate::bench::wait_until("a start", || bench.path("org/credentials.json").exists());
    crate::bench::signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let kept: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("org/credentials.json")).unwrap()).unwrap();
    for key in ["client_secret", "password", "security_token"] {
        let secret = kept[key].as_str().unwrap();
        assert!(!text.contains(secret), "{key} is printed:\n{text}");
    }
}

//! No command prints a secret, however many words it was asked for.

use crate::bench::Bench;

#[test]
fn no_secret_is_printed() {
    let bench = Bench::new();
    let secret = "unset TIDEGATE_PRIVATE_KEY_FILE; TIDEGATE_CLIENT_SECRET=$EMULATOR_SECRET";
    let token = "TIDEGATE_INSTANCE_URL=$TIDEGATE_LOGIN_URL TIDEGATE_ACCESS_TOKEN=$EMULATOR_TOKEN";
    for (signing_in, command) in [
        ("", "query 'SELECT Id FROM Contact LIMIT 1'"),
        ("", "query 'SELECT Id FROM Contact LIMIT 1' --bulk"),
        ("", "query 'SELECT Nmae FROM Contact'"),
        ("", "describe Contact"),
        ("", "limits"),
        ("", "metadata list CustomObject"),
        ("", "metadata retrieve CustomObject --zip a.zip"),
        ("", "undelete 001000000000000AAA"),
        (token, "metadata list Nonsense"),
        ("", "sync Account --to sqlite:a.db --once"),
        ("", "verify Account --to sqlite:a.db --fields --repair"),
        ("", "status --to sqlite:a.db"),
        ("TIDEGATE_USERNAME=nobody", "limits"),
        ("TIDEGATE_LOGIN_URL=http://127.0.0.1:1", "limits"),
        (secret, "sync Account --to sqlite:a.db --once"),
        ("TIDEGATE_CLIENT_ID=unknown", "limits"),
        (token, "sync Account --to sqlite:a.db --once"),
        (token, "limits"),
    ] {
        // With the most words; fewer show less.
        let line = format!("{signing_in} tidegate -vv {command}");
        let output = bench.run(&line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!text.is_empty(), "{line} says something");
        for secret in bench.org.secrets() {
            assert!(!text.contains(&secret), "{line} printed a secret:\n{text}");
        }
        assert!(!text.contains("assertion=") && !text.contains("Bearer "), "{line}:\n{text}");
    }
    let misplaced = "printf '[orgs.a]\\nlogin_url = \"https://a.my.salesforce.com\"\\nclient_secret = \"hunter2\"\\n' > t.toml; \
                     tidegate --config t.toml limits";
    let text = String::from_utf8(bench.run(misplaced).stderr).unwrap();
    assert!(text.contains("line 3: unknown field") && text.contains("`client_secret_file`?"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
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

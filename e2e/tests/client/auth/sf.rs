//! Orgs that `sf` is signed in to, from files as `sf` writes them. (`e2e/referee/sf` does it with `sf` itself.)

use std::path::Path;

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tidegate_client::{Client, ClientConfig, Credentials, OrgLogin, SfOrgs, TokenStore};

use super::{APP, Land};

/// Encrypts as `sf` does; its own test vectors are in the client. Here `openssl` would not do GCM, so node does it.
fn encrypted(key: &str, text: &str) -> String {
    let script = "const c=require('crypto');const [,key,text]=process.argv;const iv=c.randomBytes(6).toString('hex');\
                  const e=c.createCipheriv('aes-256-gcm',key,iv);\
                  const x=e.update(text,'utf8','hex')+e.final('hex');\
                  process.stdout.write(iv+x+':'+e.getAuthTag().toString('hex'))";
    let output = std::process::Command::new("node").args(["-e", script, key, text]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const KEY: &str = "00112233445566778899aabbccddeeff";

fn write(home: &Path, name: &str, content: &Value) {
    let path = home.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, serde_json::to_string_pretty(content).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_sign_in_is_taken_over() {
    if std::process::Command::new("node").arg("--version").output().is_err() {
        println!("did not run: there is no node to encrypt as sf does");
        return;
    }
    let land = Land::new().await;
    land.person().await;
    land.change_app(json!({"refresh_token_rotation": true})).await;
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let (url, org_id) = (land.emulator.url(), &land.given().org_id);
    let key_file = home.join("server.key");
    std::fs::write(&key_file, &land.given().private_key_pem).unwrap();
    let token = land.token_file().load().unwrap();
    write(home, ".sfdx/key.json", &json!({"account": "local", "key": KEY, "service": "sfdx"}));
    write(home, ".sfdx/alias.json", &json!({"orgs": {"person": "web@acme.example", "server": land.given().username}}));
    write(home, ".sf/config.json", &json!({"target-org": "person"}));
    write(
        home,
        ".sfdx/web@acme.example.json",
        &json!({
            "orgId": org_id, "instanceUrl": url, "loginUrl": url, "username": "web@acme.example", "clientId": APP,
            "accessToken": encrypted(KEY, "00D!dead"), "refreshToken": encrypted(KEY, token.expose_secret()),
            "clientSecret": encrypted(KEY, ""),
        }),
    );
    write(
        home,
        &format!(".sfdx/{}.json", land.given().username),
        &json!({
            "orgId": org_id, "instanceUrl": url, "username": land.given().username,
            "clientId": land.given().client_id, "privateKey": key_file, "accessToken": encrypted(KEY, "00D!dead"),
        }),
    );
    write(
        home,
        ".sfdx/token@acme.example.json",
        &json!({
            "orgId": org_id, "instanceUrl": url, "username": "token@acme.example",
            "accessToken": encrypted(KEY, &land.given().access_token),
        }),
    );
    let orgs = SfOrgs::in_home(home);
    let list = orgs.list().unwrap();
    assert_eq!(list.len(), 3, "{list:?}");
    assert_eq!(
        list.iter().filter(|org| org.is_default).map(|org| org.username.as_str()).collect::<Vec<_>>(),
        ["web@acme.example"]
    );
    let sign_in = async |name: Option<&str>| {
        let config = config(&land, orgs.login(name).unwrap());
        let org = Client::connect(config).await.unwrap();
        org.query_page("SELECT Id FROM Account LIMIT 1").await.unwrap();
        org
    };
    sign_in(Some("server")).await;
    let borrowed = sign_in(Some("token@acme.example")).await;
    // The app rotates: what was written back is what sf can use, twice in a row.
    sign_in(None).await;
    let person = sign_in(Some("person")).await;
    land.expire_tokens().await;
    person.query_page("SELECT Id FROM Account LIMIT 1").await.unwrap();
    let error = borrowed.query_page("SELECT Id FROM Account LIMIT 1").await.unwrap_err();
    assert!(error.to_string().contains("sf holds for token@acme.example"), "{error}");
    let left = std::fs::read_dir(home.join(".sfdx")).unwrap().count();
    assert_eq!(left, 5, "no lock and no part of a file stays behind");

    let error = orgs.login(Some("persn")).unwrap_err();
    assert!(error.hint().unwrap().contains("person"), "{error}");
    assert!(orgs.login(Some("../x")).is_err());

    // The key is in a key ring, which nobody here can read, and no `sf` can be asked.
    std::fs::remove_file(home.join(".sfdx/key.json")).unwrap();
    match orgs.login(Some("person")) {
        Err(error) => {
            assert!(error.to_string().contains("key ring"), "{error}");
            assert!(error.hint().unwrap().contains("SF_USE_GENERIC_UNIX_KEYCHAIN"));
        }
        Ok(_) => println!("did not run in part: this machine has an `sf`, which would be asked"),
    }
    // A key pair needs no key of sf.
    sign_in(Some("server")).await;
}

fn config(land: &Land, login: OrgLogin) -> ClientConfig {
    let unused = Credentials::AccessToken { token: "unused".into() };
    let mut config = land.config(unused);
    config.login = login;
    config
}

/// Files that are none of `sf`'s.
#[test]
fn any_file_is_read() {
    let home = tempfile::tempdir().unwrap();
    let orgs = SfOrgs::in_home(home.path());
    assert!(orgs.list().unwrap_err().hint().unwrap().contains("sf org login"));
    std::fs::create_dir_all(home.path().join(".sfdx")).unwrap();
    let hostile =
        ["", "{", "[]", "{\"instanceUrl\":5}", "{\"instanceUrl\":\"http://evil.example\",\"accessToken\":\"x:y\"}"];
    for content in hostile {
        std::fs::write(home.path().join(".sfdx/a@b.json"), content).unwrap();
        std::fs::write(home.path().join(".sfdx/alias.json"), content).unwrap();
        std::fs::write(home.path().join(".sfdx/key.json"), content).unwrap();
        let _ = orgs.list();
        assert!(orgs.login(Some("a@b")).is_err(), "{content}");
        assert!(orgs.login(None).is_err());
    }
}

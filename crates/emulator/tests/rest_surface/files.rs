//! Files: in parts and as base64, their documents, versions and links, and their bytes.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::support::{DATA, Org};

/// `base64` of bytes, by hand of the library that the emulator does not share with this test's expectations.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn parts(json: &Json, field: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let mut body = format!(
        "--bo-und\r\nContent-Disposition: form-data; name=\"entity_content\";\r\nContent-Type: application/json\r\n\r\n{json}\r\n\
         --bo-und\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"f\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--bo-und--\r\n");
    ("multipart/form-data; boundary=\"bo-und\"".to_owned(), body)
}

async fn upload(org: &Org, method: Method, path: &str, json: &Json, field: &str, bytes: &[u8]) -> (u16, Json) {
    let (kind, body) = parts(json, field, bytes);
    let request = org.running.call(method, &format!("{DATA}{path}")).header("content-type", kind).body(body);
    crate::common::answer(request).await
}

async fn bytes(org: &Org, path: &str) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let request = org.running.call(Method::GET, &format!("{DATA}{path}")).header("accept-encoding", "identity");
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn a_version_makes_its_document_and_its_links() {
    let org = Org::start().await;
    let account = org.create("Account", json!({"Name": "with a file"})).await;
    let content = b"%PDF\r\n--not the boundary\0\xff";
    let made = upload(
        &org,
        Method::POST,
        "/sobjects/ContentVersion",
        &json!({"PathOnClient": "C:\\x\\Grüße.pdf", "FirstPublishLocationId": account}),
        "VersionData",
        content,
    )
    .await;
    assert_eq!(made.0, 201, "{}", made.1);
    let version = made.1["id"].as_str().unwrap().to_owned();
    assert!(version.starts_with("068"));
    let row = org.get(&format!("/sobjects/ContentVersion/{version}")).await.body;
    assert_eq!(row["VersionData"], format!("{DATA}/sobjects/ContentVersion/{version}/VersionData"));
    assert_eq!(
        (
            &row["Title"],
            &row["FileExtension"],
            &row["FileType"],
            &row["ContentSize"],
            &row["VersionNumber"],
            &row["IsLatest"]
        ),
        (&json!("Grüße"), &json!("pdf"), &json!("PDF"), &json!(content.len()), &json!("1"), &json!(true))
    );
    let document = row["ContentDocumentId"].as_str().unwrap().to_owned();
    assert!(document.starts_with("069"));
    let links = org
        .query(&format!("SELECT LinkedEntityId, ShareType FROM ContentDocumentLink WHERE ContentDocumentId = '{document}' ORDER BY ShareType"))
        .await;
    let shown: Vec<(&Json, &Json)> = links.iter().map(|l| (&l["LinkedEntityId"], &l["ShareType"])).collect();
    assert_eq!(shown, [(&json!(account), &json!("V")), (&row["OwnerId"], &json!("I"))]);
    let (status, headers, read) = bytes(&org, &format!("/sobjects/ContentVersion/{version}/VersionData")).await;
    assert_eq!((status, read.as_slice()), (200, &content[..]));
    assert_eq!(headers["content-type"], "application/octetstream");
    assert_eq!(headers["content-length"], content.len().to_string().as_str());
    assert_eq!(
        headers["content-disposition"],
        "attachment; filename=\"Gr__e.pdf\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%2Epdf"
    );

    // A second version takes the place of the first; the document shows it.
    let second = org
        .create("ContentVersion", json!({"ContentDocumentId": document, "PathOnClient": "b.txt", "Title": "New", "VersionData": base64(b"hello")}))
        .await;
    let first = org.get(&format!("/sobjects/ContentVersion/{version}?fields=IsLatest")).await.body;
    assert_eq!(first["IsLatest"], false);
    let row = org.get(&format!("/sobjects/ContentVersion/{second}?fields=IsLatest,VersionNumber,Checksum")).await.body;
    assert_eq!((&row["IsLatest"], &row["VersionNumber"]), (&json!(true), &json!("2")));
    assert_eq!(row["Checksum"], "5d41402abc4b2a76b9719d911017c592", "the MD5 of hello");
    let shown = org.get(&format!("/sobjects/ContentDocument/{document}")).await.body;
    assert_eq!(
        (&shown["Title"], &shown["LatestPublishedVersionId"], &shown["ContentSize"], &shown["FileType"]),
        (&json!("New"), &json!(second), &json!(5), &json!("TEXT"))
    );
    assert_eq!(org.count("ContentDocument").await, 1);
    let again = org
        .post("/sobjects/ContentDocumentLink", json!({"ContentDocumentId": document, "LinkedEntityId": account}))
        .await;
    assert_eq!(again.refusal(), (400, "DUPLICATE_VALUE"));
    let item = org.create("Item__c", json!({"Name": "custom"})).await;
    org.create("ContentDocumentLink", json!({"ContentDocumentId": document, "LinkedEntityId": item, "ShareType": "V"}))
        .await;
    assert_eq!(
        org.delete(&format!("/sobjects/ContentVersion/{second}")).await.status,
        400,
        "versions cannot be deleted"
    );
    assert_eq!(org.delete(&format!("/sobjects/ContentDocument/{document}")).await.status, 204);
    assert_eq!((org.count("ContentVersion").await, org.count("ContentDocumentLink").await), (0, 0));
    assert_eq!(bytes(&org, &format!("/sobjects/ContentVersion/{version}/VersionData")).await.0, 404);
}

#[tokio::test]
async fn attachments_and_documents_have_bodies() {
    let org = Org::start().await;
    let account = org.create("Account", json!({"Name": "a"})).await;
    let attachment = org
        .create(
            "Attachment",
            json!({"ParentId": account, "Name": "a.png", "ContentType": "image/png", "Body": base64(&[1, 2, 3])}),
        )
        .await;
    let row = org.get(&format!("/sobjects/Attachment/{attachment}")).await.body;
    assert_eq!(
        (&row["BodyLength"], &row["Body"]),
        (&json!(3), &json!(format!("{DATA}/sobjects/Attachment/{attachment}/Body")))
    );
    let (status, headers, read) = bytes(&org, &format!("/sobjects/attachment/{attachment}/body")).await;
    assert_eq!((status, read), (200, vec![1, 2, 3]));
    assert_eq!(headers["content-type"], "image/png");
    assert_eq!(
        org.patch(&format!("/sobjects/Attachment/{attachment}"), json!({"Body": base64(b"longer")})).await.status,
        204
    );
    assert_eq!(bytes(&org, &format!("/sobjects/Attachment/{attachment}/Body")).await.2, b"longer");
    let through = org.get(&format!("/sobjects/Account/{account}/Attachments?fields=Name,BodyLength")).await.body;
    assert_eq!((&through["totalSize"], &through["records"][0]["BodyLength"]), (&json!(1), &json!(6)));
    for (body, code) in [
        (json!({"ParentId": account, "Name": "x", "Body": "%%%"}), "JSON_PARSER_ERROR"),
        (json!({"ParentId": account, "Name": "x"}), "REQUIRED_FIELD_MISSING"),
        (json!({"ParentId": account, "Name": "x", "Body": 5}), "JSON_PARSER_ERROR"),
    ] {
        let reply = org.post("/sobjects/Attachment", body.clone()).await;
        assert_eq!(reply.refusal(), (400, code), "{body}");
    }
    let folder = org
        .create("Folder", json!({"Name": "F", "DeveloperName": "F", "AccessType": "Public", "Type": "Document"}))
        .await;
    let (status, made) = upload(
        &org,
        Method::POST,
        "/sobjects/Document",
        &json!({"Name": "d", "FolderId": folder, "Type": "bin"}),
        "Body",
        b"xyz",
    )
    .await;
    assert_eq!(status, 201, "{made}");
    let document = made["id"].as_str().unwrap();
    let (status, _) =
        upload(&org, Method::PATCH, &format!("/sobjects/Document/{document}"), &json!({"Name": "e"}), "Body", b"other")
            .await;
    assert_eq!(status, 204);
    assert_eq!(bytes(&org, &format!("/sobjects/Document/{document}/Body")).await.2, b"other");
    assert_eq!(
        org.send(Method::POST, &format!("/sobjects/Document/{document}/Body"), &[], None).await.refusal(),
        (405, "METHOD_NOT_ALLOWED")
    );
    for (kind, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", "no boundary"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"j\"\r\nContent-Type: application/json\r\n\r\n[1\r\n--b--",
        ),
    ] {
        let request = org
            .running
            .call(Method::POST, &format!("{DATA}/sobjects/Document"))
            .header("content-type", kind)
            .body(body);
        assert_eq!(crate::common::answer(request).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn files_of_many_megabytes_come_back_as_they_went_and_go_with_their_record() {
    let org = Org::start().await;
    let content: Vec<u8> = (0..24_000_000_u32).map(|n| (n ^ (n >> 7)) as u8).collect();
    let (status, made) = upload(
        &org,
        Method::POST,
        "/sobjects/ContentVersion",
        &json!({"PathOnClient": "big.bin"}),
        "VersionData",
        &content,
    )
    .await;
    assert_eq!(status, 201, "{made}");
    let version = made["id"].as_str().unwrap();
    let (_, headers, read) = bytes(&org, &format!("/sobjects/ContentVersion/{version}/VersionData")).await;
    assert_eq!(headers["content-length"], "24000000");
    assert!(read == content, "the bytes are the same");
    let held = || org.running.emulator.org().read().store.blobs.len();
    assert_eq!(held(), 1);
    // A refused write leaves nothing behind, a composite that is taken back neither.
    assert_eq!(upload(&org, Method::POST, "/sobjects/Attachment", &json!({"Name": "x"}), "Body", b"x").await.0, 400);
    let account = org.create("Account", json!({"Name": "a"})).await;
    let reply = org
        .post(
            "/composite",
            json!({"allOrNone": true, "compositeRequest": [
                {"method": "POST", "url": format!("{DATA}/sobjects/Attachment"), "referenceId": "a", "body": {"ParentId": account, "Name": "n", "Body": "aGk="}},
                {"method": "POST", "url": format!("{DATA}/sobjects/Contact"), "referenceId": "b", "body": {}},
            ]}),
        )
        .await;
    assert_eq!(reply.body["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!((held(), org.count("Attachment").await), (1, 0));
}

#[tokio::test]
async fn a_collection_can_bring_files_in_parts() {
    let org = Org::start().await;
    let account = org.create("Account", json!({"Name": "a"})).await;
    let record = |part: &str| json!({"attributes": {"type": "Attachment", "binaryPartName": part, "binaryPartNameAlias": "Body"}, "ParentId": account, "Name": part});
    let json = json!({"allOrNone": false, "records": [record("p1"), record("p2")]});
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"collection\"\r\nContent-Type: application/json\r\n\r\n{json}\r\n\
         --b\r\nContent-Disposition: form-data; name=\"p1\"; filename=\"1\"\r\n\r\none\r\n\
         --b\r\nContent-Disposition: form-data; name=\"p2\"; filename=\"2\"\r\n\r\ntwo\r\n--b--"
    );
    let request = org
        .running
        .call(Method::POST, &format!("{DATA}/composite/sobjects"))
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body);
    let (status, results) = crate::common::answer(request).await;
    assert_eq!(
        (status, &results[0]["success"], &results[1]["success"]),
        (200, &json!(true), &json!(true)),
        "{results}"
    );
    let id = results[1]["id"].as_str().unwrap();
    assert_eq!(bytes(&org, &format!("/sobjects/Attachment/{id}/Body")).await.2, b"two");
}

//! What the org says of itself: resources, layouts, list views, menus, event schemas.

use reqwest::Method;
use serde_json::json;

use crate::support::{DATA, Org};

#[tokio::test]
async fn the_resources_of_a_version_are_those_of_a_real_org() {
    let org = Org::start().await;
    let map = org.get("").await.body;
    let names: Vec<&String> = map.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 48);
    assert_eq!((names[0], names[47]), (&"tooling".to_owned(), &"support".to_owned()));
    assert!(map["identity"].as_str().unwrap().starts_with("http://127.0.0.1"));
    assert_eq!(map["appMenu"], format!("{DATA}/appMenu"));
    for path in [
        "/",
        "/sobjects/",
        "/limits/",
        "/recent/",
        "/tabs/",
        "/composite/",
        "/query/?q=SELECT+Id+FROM+Account&unknown=1",
    ] {
        assert_eq!(org.get(path).await.status, 200, "{path}");
    }
    for (method, path, allowed) in [
        ("POST", "/sobjects", "GET,HEAD"),
        ("PATCH", "/sobjects/Account", "GET,HEAD,POST"),
        ("POST", "/sobjects/Account/describe", "GET,HEAD"),
        ("PUT", "/sobjects/Account/001000000000000AAA", "DELETE,GET,HEAD,PATCH"),
        ("DELETE", "/query", "GET,HEAD"),
        ("POST", "/limits", "GET,HEAD"),
        ("POST", "/recent", "GET,HEAD"),
        ("POST", "", "GET,HEAD"),
    ] {
        let reply = org.send(method.parse().unwrap(), path, &[], None).await;
        assert_eq!(reply.refusal(), (405, "METHOD_NOT_ALLOWED"), "{method} {path}");
        assert_eq!(reply.body[0]["message"], format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"));
    }
    let apex = org.get("/services/apexrest/Hello/1").await;
    assert_eq!(
        (apex.refusal(), &apex.body[0]["message"]),
        ((404, "NOT_FOUND"), &json!("Could not find a match for URL"))
    );
    let anonymous = org.running.http.get(org.running.url("/services/apexrest/Hello")).send().await.unwrap();
    assert_eq!(anonymous.status().as_u16(), 401);
    let pretty =
        org.running.call(Method::GET, &format!("{DATA}/composite")).header("X-PrettyPrint", "1").send().await.unwrap();
    assert!(pretty.text().await.unwrap().contains("\n  \"tree\""));
}

#[tokio::test]
async fn pages_of_objects_are_described() {
    let org = Org::start().await;
    let layouts = org.get("/sobjects/Account/describe/layouts").await.body;
    let rows = &layouts["layouts"][0]["editLayoutSections"][0]["layoutRows"];
    assert_eq!(rows[0]["layoutItems"][0]["layoutComponents"][0]["details"]["type"], "reference");
    assert_eq!(layouts["recordTypeMappings"][0]["recordTypeId"], "012000000000000AAA");
    assert_eq!(org.get("/sobjects/Account/describe/layouts/012000000000000AAA").await.status, 200);
    assert_eq!(org.get("/sobjects/Account/describe/layouts/012000000000001AAA").await.status, 404);
    let compact = org.get("/sobjects/Account/describe/compactLayouts").await.body;
    assert_eq!(
        (&compact["compactLayouts"][0]["name"], &compact["compactLayouts"][0]["fieldItems"][0]["label"]),
        (&json!("SYSTEM"), &json!("Account Name"))
    );
    assert_eq!(org.get("/compactLayouts?q=Account,Contact").await.body.as_object().unwrap().len(), 2);
    assert_eq!(org.get("/sobjects/Account/describe/approvalLayouts").await.body, json!({"approvalLayouts": []}));
    assert_eq!(org.get("/sobjects/Account/describe/namedLayouts/X").await.status, 404);
    assert_eq!(org.get("/sobjects/Account/quickActions").await.body, json!([]));
    let defaults = org.get("/sobjects/Case/defaultValues?recordTypeId&fields").await.body;
    assert_eq!((&defaults["Status"], &defaults["attributes"]["type"]), (&json!("New"), &json!("Case")));
    let tabs = org.get("/tabs").await.body;
    assert!(tabs.as_array().unwrap().iter().any(|t| t["sobjectName"] == "Item__c" && t["custom"] == true));
    assert_eq!(org.get("/actions/standard").await.body, json!({"actions": []}));
    assert_eq!(org.get("/appMenu/AppSwitcher").await.body, json!({"appMenuItems": []}));
    assert!(!org.get("/theme").await.body["themeItems"].as_array().unwrap().is_empty());
    assert_eq!(org.get("/ui-api/record-ui").await.refusal(), (501, "NOT_IMPLEMENTED"));
}

#[tokio::test]
async fn list_views_show_records() {
    let org = Org::start().await;
    for n in 0..3 {
        org.create("Item__c", json!({"Name": format!("i{n}")})).await;
    }
    let views = org.get("/sobjects/Item__c/listviews").await.body;
    assert_eq!((&views["size"], &views["listviews"][0]["developerName"]), (&json!(2), &json!("AllItems")));
    let url = views["listviews"][0]["resultsUrl"].as_str().unwrap();
    let results = org.get(&format!("{url}?limit=2&offset=1")).await.body;
    assert_eq!((&results["size"], &results["developerName"]), (&json!(2), &json!("AllItems")));
    let name =
        results["records"][0]["columns"].as_array().unwrap().iter().find(|c| c["fieldNameOrPath"] == "Name").unwrap();
    assert_eq!(name["value"], "i1");
    let described = org.get(views["listviews"][1]["describeUrl"].as_str().unwrap()).await.body;
    assert_eq!((&described["scope"], &described["sobjectType"]), (&json!("mine"), &json!("Item__c")));
    assert_eq!(org.get("/sobjects/Item__c/listviews/00B000000000000AAA").await.status, 404);
}

#[tokio::test]
async fn event_schemas_are_given_by_name_and_by_id() {
    let org = Org::start().await;
    let schema = org.get("/sobjects/AccountChangeEvent/eventSchema").await.body;
    assert_eq!(
        (&schema["name"], &schema["namespace"], &schema["type"]),
        (&json!("AccountChangeEvent"), &json!("com.sforce.eventbus"), &json!("record"))
    );
    let same = org.get(&format!("/event/eventSchema/{}", schema["uuid"].as_str().unwrap())).await.body;
    assert_eq!(same, schema);
    assert_eq!(org.get("/event/eventSchema/nothing").await.status, 404);
    assert_eq!(org.get("/sobjects/Account/eventSchema").await.status, 404);
}

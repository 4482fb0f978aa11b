//! Records by every path, with every condition, in both forms.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::support::{DATA, Org};

#[tokio::test]
async fn relationships_lead_to_parents_and_children() {
    let org = Org::start().await;
    let top = org.create("Account", json!({"Name": "Top"})).await;
    let account = org.create("Account", json!({"Name": "Acme", "ParentId": top})).await;
    let contact = org.create("Contact", json!({"LastName": "C", "AccountId": account})).await;
    let parent = org.get(&format!("/sobjects/Contact/{contact}/Account?fields=Name")).await.body;
    assert_eq!(
        (&parent["Name"], &parent["Id"], &parent["attributes"]["type"]),
        (&json!("Acme"), &json!(account), &json!("Account"))
    );
    let far = org.get(&format!("/sobjects/Contact/{contact}/Account/Parent/Owner?fields=Username")).await.body;
    assert_eq!(far["attributes"]["type"], "User");
    assert_eq!(org.patch(&format!("/sobjects/Contact/{contact}/Account"), json!({"Site": "s"})).await.status, 204);
    assert_eq!(org.get(&format!("/sobjects/Account/{account}?fields=Site")).await.body["Site"], "s");
    assert_eq!(org.get(&format!("/sobjects/Account/{top}/Parent")).await.refusal(), (404, "NOT_FOUND"));
    assert_eq!(org.get(&format!("/sobjects/Account/{top}/Nothing")).await.refusal(), (404, "NOT_FOUND"));

    let records: Vec<Json> = (0..200)
        .map(|n| json!({"attributes": {"type": "Contact"}, "LastName": format!("n{n}"), "AccountId": account}))
        .collect();
    for _ in 0..2 {
        assert_eq!(org.post("/composite/sobjects", json!({"records": records})).await.status, 200);
    }
    let path = format!("/sobjects/Account/{account}/Contacts?fields=LastName");
    let page = org.send(Method::GET, &path, &[("Sforce-Query-Options", "batchSize=200")], None).await.body;
    assert_eq!(
        (&page["totalSize"], &page["done"], page["records"].as_array().unwrap().len()),
        (&json!(401), &json!(false), 200)
    );
    let next = org.get(page["nextRecordsUrl"].as_str().unwrap()).await.body;
    assert_eq!(next["records"].as_array().unwrap().len(), 200);
    let none = org.get(&format!("/sobjects/Account/{top}/Contacts")).await;
    assert_eq!((none.status, &none.body["records"], &none.body["totalSize"]), (200, &json!([]), &json!(0)));
    assert_eq!(
        org.get(&format!("/sobjects/Account/{account}/Contacts?fields=Nmae")).await.refusal(),
        (400, "INVALID_FIELD")
    );
    assert_eq!(org.delete(&path).await.refusal(), (405, "METHOD_NOT_ALLOWED"));
    assert_eq!(org.get(&format!("/sobjects/Account/{account}/Contacts/Owner")).await.refusal().0, 404);
    assert_eq!(org.delete(&format!("/sobjects/Account/{account}/Parent")).await.status, 204);
    assert_eq!(org.get(&format!("/sobjects/Account/{top}")).await.refusal(), (404, "ENTITY_IS_DELETED"));
    assert_eq!(org.get(&format!("/sobjects/Account/{top}/Owner")).await.refusal(), (404, "ENTITY_IS_DELETED"));
    assert_eq!(org.get(&format!("/sobjects/Account/{account}?fields=ParentId")).await.body["ParentId"], Json::Null);
}

#[tokio::test]
async fn conditions_decide_whether_a_record_is_shown_or_changed() {
    let org = Org::start().await;
    let account = format!("/sobjects/Account/{}", org.create("Account", json!({"Name": "a"})).await);
    let first = org.get(&account).await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let modified = first.headers["last-modified"].to_str().unwrap().to_owned();
    let gzip = format!("{}--gzip\"", &tag[..tag.len() - 1]);
    let old = "Thu, 01 Jan 2015 00:00:00 GMT";
    for (method, headers, status) in [
        ("GET", vec![("If-None-Match", tag.as_str())], 304),
        ("GET", vec![("If-None-Match", gzip.as_str())], 304),
        ("GET", vec![("If-None-Match", "\"x\"")], 200),
        ("GET", vec![("If-Match", "\"x\"")], 412),
        ("GET", vec![("If-Modified-Since", modified.as_str())], 304),
        ("GET", vec![("If-Modified-Since", old)], 200),
        ("GET", vec![("If-Unmodified-Since", old)], 412),
        ("GET", vec![("If-Modified-Since", "yesterday")], 200),
        ("PATCH", vec![("If-Match", "\"x\"")], 412),
        ("PATCH", vec![("If-Unmodified-Since", old)], 412),
        ("PATCH", vec![("If-None-Match", tag.as_str())], 412),
        ("PATCH", vec![("If-Modified-Since", "yesterday")], 400),
        ("PATCH", vec![("If-Match", tag.as_str()), ("If-Unmodified-Since", modified.as_str())], 204),
        ("GET", vec![("If-None-Match", tag.as_str())], 200),
        ("DELETE", vec![("If-Match", "\"x\"")], 204),
    ] {
        let body = (method == "PATCH").then(|| json!({"Name": "b"}));
        let reply = org.send(method.parse().unwrap(), &account, &headers, body.as_ref()).await;
        assert_eq!(reply.status, status, "{method} {headers:?}: {}", reply.body);
        if status == 304 {
            assert!(reply.body.is_null());
        }
        if status == 412 {
            assert_eq!(reply.refusal().1, "PRECONDITION_FAILED");
        }
    }
    // Only accounts have tags; every record has its date.
    let contact = format!("/sobjects/Contact/{}", org.create("Contact", json!({"LastName": "c"})).await);
    let read = org.get(&contact).await;
    assert_eq!(read.headers.get("etag"), None);
    assert_eq!(
        org.send(
            Method::GET,
            &contact,
            &[("If-Modified-Since", read.headers["last-modified"].to_str().unwrap())],
            None
        )
        .await
        .status,
        304
    );
    assert_eq!(
        org.send(Method::PATCH, &contact, &[("If-Match", "\"x\"")], Some(&json!({"Title": "t"}))).await.status,
        204
    );
}

#[tokio::test]
async fn what_was_looked_at_is_recent() {
    let org = Org::start().await;
    let a = org.create("Account", json!({"Name": "A"})).await;
    let b = org.create("Account", json!({"Name": "B"})).await;
    let stamp = |row: &Json| row["SystemModstamp"].clone();
    let before = org.query(&format!("SELECT SystemModstamp, LastViewedDate FROM Account WHERE Id = '{a}'")).await;
    assert_eq!(before[0]["LastViewedDate"], Json::Null, "nobody has looked at it");
    assert_eq!(org.get(&format!("/sobjects/Account/{a}")).await.status, 200);
    let after = org
        .query(&format!("SELECT SystemModstamp, LastViewedDate, LastReferencedDate FROM Account WHERE Id = '{a}'"))
        .await;
    assert!(after[0]["LastViewedDate"].is_string() && after[0]["LastReferencedDate"].is_string());
    assert_eq!(stamp(&after[0]), stamp(&before[0]));
    let alone = [("Sforce-Mru", "updateMru=false")];
    assert_eq!(org.send(Method::GET, &format!("/sobjects/Account/{b}"), &alone, None).await.status, 200);
    let recent = org.get("/recent?limit=2").await.body;
    assert_eq!((&recent[0]["Id"], &recent[0]["Name"], &recent[1]["Id"]), (&json!(a), &json!("A"), &json!(b)));
    assert_eq!(recent[0]["attributes"]["type"], "Account");
    assert_eq!(org.get("/sobjects/Account").await.body["recentItems"][0]["Id"], json!(a));
    let seen = org.query("SELECT Id, Name, Type FROM RecentlyViewed WHERE LastViewedDate != null ORDER BY Name").await;
    let seen: Vec<(&Json, &Json)> = seen.iter().map(|r| (&r["Id"], &r["Type"])).collect();
    assert_eq!(seen, [(&json!(a), &json!("Account")), (&json!(b), &json!("Account"))]);
    for limit in ["0", "201", "x"] {
        assert_eq!(org.get(&format!("/recent?limit={limit}")).await.refusal().0, 400, "{limit}");
    }
    let items = org.get("/sobjects/relevantItems").await.body;
    assert_eq!((&items[0]["apiName"], &items[0]["key"]), (&json!("Account"), &json!("001")));
}

#[tokio::test]
async fn keys_make_change_read_and_delete_records() {
    let org = Org::start().await;
    let at = |value: &str| format!("/sobjects/Account/Ext__c/{value}");
    let made = org.patch(&at("a%2Fb"), json!({"Name": "n"})).await;
    assert_eq!((made.status, &made.body["created"]), (201, &json!(true)));
    assert_eq!(made.headers["location"], format!("{DATA}/sobjects/Account/{}", made.body["id"].as_str().unwrap()));
    let head = org.send(Method::HEAD, &at("a%2Fb"), &[], None).await;
    assert_eq!((head.status, head.body), (200, Json::Null));
    let child = org.create("Contact", json!({"LastName": "c", "Account": {"Ext__c": "a/b"}})).await;
    assert_eq!(
        org.get(&format!("/sobjects/Contact/{child}?fields=AccountId")).await.body["AccountId"],
        made.body["id"]
    );
    let lost = org.post("/sobjects/Contact", json!({"LastName": "c", "Account": {"Ext__c": "nobody"}})).await;
    assert_eq!(lost.body[0]["message"], "Foreign key external ID: nobody not found for field Ext__c in entity Account");
    assert_eq!(
        org.patch(&format!("{}?updateOnly=true", at("none")), json!({"Name": "x"})).await.refusal(),
        (404, "NOT_FOUND")
    );
    assert_eq!(org.patch(&at("a%2Fb"), json!({"Name": "x", "ext__c": "a/b"})).await.refusal(), (400, "INVALID_FIELD"));
    assert_eq!(org.delete(&at("a%2Fb")).await.status, 204);
    assert_eq!(org.get(&at("a%2Fb")).await.refusal(), (404, "NOT_FOUND"));
    assert_eq!(org.send(Method::PUT, &at("x"), &[], Some(&json!({}))).await.refusal(), (405, "METHOD_NOT_ALLOWED"));
}

#[tokio::test]
async fn xml_is_answered_and_read() {
    let org = Org::start().await;
    let xml = async |request: reqwest::RequestBuilder| {
        let response = request.header("accept", "application/xml").send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind, response.text().await.unwrap())
    };
    let post = org
        .running
        .call(Method::POST, &format!("{DATA}/sobjects/Account"))
        .header("content-type", "application/xml; charset=UTF-8")
        .body(
            "<?xml version=\"1.0\"?><Account><Name>A &amp; B</Name><NumberOfEmployees>5</NumberOfEmployees></Account>",
        );
    let (status, kind, text) = xml(post).await;
    assert_eq!((status, kind.as_str()), (201, "application/xml;charset=UTF-8"));
    let id = text.split("<id>").nth(1).unwrap().split("</id>").next().unwrap();
    assert!(text.contains("<Result") && text.contains("<success>true</success>"), "{text}");
    let (_, _, text) = xml(org
        .running
        .call(Method::GET, &format!("{DATA}/sobjects/Account/{id}?fields=Name,NumberOfEmployees,Site,CreatedDate")))
    .await;
    assert!(
        text.contains("<Name>A &amp; B</Name><NumberOfEmployees>5</NumberOfEmployees><Site xsi:nil=\"true\"/>"),
        "{text}"
    );
    assert!(text.contains(".000Z</CreatedDate>") && text.contains("type=\"Account\""), "{text}");
    let (status, _, text) = xml(org.running.call(Method::GET, &format!("{DATA}/sobjects/Nothing"))).await;
    assert_eq!(
        (status, text.as_str()),
        (
            404,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Errors><Error><message>The requested resource does not exist</message><errorCode>NOT_FOUND</errorCode></Error></Errors>"
        )
    );
    let (_, _, text) = xml(org.running.http.get(org.running.url("/services/data"))).await;
    assert!(
        text.contains("<Versions><Version><label>Summer &apos;14</label>")
            || text.contains("<Versions><Version><label>Summer '14</label>"),
        "{text}"
    );
    // Suffixes say the form until v57.0.
    let old = org.running.call(Method::GET, "/services/data/v57.0/limits.xml").send().await.unwrap();
    assert_eq!(old.headers()["content-type"], "application/xml;charset=UTF-8");
    assert_eq!(org.get("/services/data/v57.0/limits.json").await.status, 200);
    assert_eq!(org.get("/services/data/v58.0/limits.json").await.refusal(), (404, "NOT_FOUND"));
    let bad = org
        .running
        .call(Method::POST, &format!("{DATA}/sobjects/Account"))
        .header("content-type", "application/xml")
        .body("<a>");
    assert_eq!(crate::common::answer(bad).await.1[0]["errorCode"], "XML_PARSER_ERROR");
    let other = org
        .running
        .call(Method::POST, &format!("{DATA}/sobjects/Account"))
        .header("content-type", "text/plain")
        .body("x");
    assert_eq!(crate::common::answer(other).await.0, 415);
}

#[tokio::test]
async fn bodies_that_are_no_json_are_told_where() {
    let org = Org::start().await;
    for (body, message) in [
        (
            "{\"Name\":x}",
            "Unexpected character ('x' (code 120)): expected a valid value (number, String, array, object, 'true', 'false' or 'null') at [line:1, column:9]",
        ),
        (
            "{x",
            "Unexpected character ('x' (code 120)): was expecting double-quote to start field name at [line:1, column:2]",
        ),
        ("", "The HTTP entity body is required, but this request has no entity body."),
    ] {
        let request = org
            .running
            .call(Method::POST, &format!("{DATA}/sobjects/Account"))
            .header("content-type", "application/json")
            .body(body);
        let (status, answer) = crate::common::answer(request).await;
        assert_eq!(
            (status, &answer[0]["errorCode"], &answer[0]["message"]),
            (400, &json!("JSON_PARSER_ERROR"), &json!(message)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn products_prices_and_orders_add_up() {
    let org = Org::start().await;
    let product = org.create("Product2", json!({"Name": "Widget", "ProductCode": "W", "IsActive": true})).await;
    let standard = org.query("SELECT Id, Name FROM Pricebook2 WHERE IsStandard = true").await;
    assert_eq!(standard[0]["Name"], "Standard Price Book");
    let book = org.create("Pricebook2", json!({"Name": "Friends", "IsActive": true})).await;
    let early = json!({"Product2Id": product, "Pricebook2Id": book, "UnitPrice": 10, "IsActive": true});
    assert_eq!(org.post("/sobjects/PricebookEntry", early).await.refusal(), (400, "STANDARD_PRICE_NOT_DEFINED"));
    let usual = json!({"Product2Id": product, "Pricebook2Id": standard[0]["Id"], "UnitPrice": 12, "IsActive": true});
    org.create("PricebookEntry", usual.clone()).await;
    assert_eq!(org.post("/sobjects/PricebookEntry", usual).await.refusal(), (400, "DUPLICATE_VALUE"));
    let price = org
        .create(
            "PricebookEntry",
            json!({"Product2Id": product, "Pricebook2Id": book, "UnitPrice": 10, "IsActive": true}),
        )
        .await;
    assert_eq!(org.get(&format!("/sobjects/PricebookEntry/{price}")).await.body["Name"], "Widget");
    let opportunity = org
        .create(
            "Opportunity",
            json!({"Name": "Deal", "StageName": "Value Proposition", "CloseDate": "2026-12-01", "Pricebook2Id": book}),
        )
        .await;
    let line = org
        .create(
            "OpportunityLineItem",
            json!({"OpportunityId": opportunity, "PricebookEntryId": price, "Quantity": 3, "UnitPrice": 9.5}),
        )
        .await;
    let row = org.get(&format!("/sobjects/OpportunityLineItem/{line}")).await.body;
    assert_eq!(
        (&row["TotalPrice"], &row["ListPrice"], &row["Product2Id"], &row["Name"]),
        (&json!(28.5), &json!(10.0), &json!(product), &json!("Deal Widget"))
    );
    let deal =
        |row: Json| (row["Amount"].clone(), row["ExpectedRevenue"].clone(), row["HasOpportunityLineItem"].clone());
    let path = format!("/sobjects/Opportunity/{opportunity}");
    assert_eq!(deal(org.get(&path).await.body), (json!(28.5), json!(14.25), json!(true)));
    assert_eq!(org.delete(&format!("/sobjects/OpportunityLineItem/{line}")).await.status, 204);
    assert_eq!(deal(org.get(&path).await.body).2, json!(false));
    let account = org.create("Account", json!({"Name": "Buyer"})).await;
    let order = org
        .create(
            "Order",
            json!({"AccountId": account, "EffectiveDate": "2026-01-01", "Status": "Draft", "Pricebook2Id": book}),
        )
        .await;
    org.create("OrderItem", json!({"OrderId": order, "PricebookEntryId": price, "Quantity": 2, "UnitPrice": 10})).await;
    let row = org.get(&format!("/sobjects/Order/{order}")).await.body;
    assert_eq!((&row["TotalAmount"], &row["StatusCode"]), (&json!(20.0), &json!("Draft")));
    assert!(row["OrderNumber"].is_string());
    let contract =
        org.create("Contract", json!({"AccountId": account, "StartDate": "2026-01-31", "ContractTerm": 12})).await;
    let row = org.get(&format!("/sobjects/Contract/{contract}")).await.body;
    assert_eq!(
        (&row["EndDate"], &row["Status"], &row["StatusCode"]),
        (&json!("2027-01-30"), &json!("Draft"), &json!("Draft"))
    );
    assert_eq!(
        org.delete(&format!("/sobjects/Account/{account}")).await.refusal().0,
        400,
        "its contract and order hold it"
    );
    let campaign = org.create("Campaign", json!({"Name": "Spring"})).await;
    let contact = org
        .create("Contact", json!({"LastName": "M", "FirstName": "F", "AccountId": account, "Email": "m@example.com"}))
        .await;
    let member = org
        .create("CampaignMember", json!({"CampaignId": campaign, "ContactId": contact, "Status": "Responded"}))
        .await;
    let row = org.get(&format!("/sobjects/CampaignMember/{member}")).await.body;
    assert_eq!(
        (&row["Name"], &row["CompanyOrAccount"], &row["HasResponded"], &row["Type"]),
        (&json!("F M"), &json!("Buyer"), &json!(true), &json!("Contact"))
    );
    let row = org.get(&format!("/sobjects/Campaign/{campaign}")).await.body;
    assert_eq!(
        (&row["NumberOfContacts"], &row["NumberOfResponses"], &row["NumberOfLeads"]),
        (&json!(1), &json!(1), &json!(0))
    );
}

#[tokio::test]
async fn permissions_of_fields_name_what_is_there_and_each_once() {
    let org = Org::start().await;
    let set = org.create("PermissionSet", json!({ "Name": "Readers", "Label": "Readers" })).await;
    let field = |field: &str, edit: bool, read: bool| {
        json!({
            "ParentId": set, "SobjectType": "Account", "Field": field, "PermissionsEdit": edit, "PermissionsRead": read,
        })
    };
    let made = org.create("FieldPermissions", field("Account.Industry", true, true)).await;
    for (body, code) in [
        (field("Account.Industry", false, true), "DUPLICATE_VALUE"),
        (field("Account.Nothing__c", false, true), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (field("Contact.Title", false, true), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        // A required field is everybody's.
        (field("Account.Name", false, true), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (field("Account.Website", true, false), "FIELD_INTEGRITY_EXCEPTION"),
    ] {
        let reply = org.post("/sobjects/FieldPermissions", body.clone()).await;
        assert_eq!((reply.status, &reply.body[0]["errorCode"]), (400, &json!(code)), "{body}");
    }
    let object =
        json!({ "ParentId": set, "SobjectType": "Account", "PermissionsCreate": true, "PermissionsRead": true });
    org.create("ObjectPermissions", object.clone()).await;
    let again = org.post("/sobjects/ObjectPermissions", object).await;
    assert_eq!(again.body[0]["errorCode"], json!("DUPLICATE_VALUE"));
    let rows = org.query("SELECT Id, Parent.Name FROM FieldPermissions WHERE Field = 'Account.Industry'").await;
    assert_eq!((rows.len(), &rows[0]["Id"], &rows[0]["Parent"]["Name"]), (1, &json!(made), &json!("Readers")));
}

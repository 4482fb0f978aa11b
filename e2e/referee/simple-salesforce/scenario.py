"""simple-salesforce, unmodified, through what a script does with it every day; the values are checked."""

import datetime

from harness import ORG, PROXIES, finish, step  # before simple_salesforce: it sets the CA

import requests
from simple_salesforce import Salesforce  # noqa: E402  (after the CA is set)
from simple_salesforce.exceptions import (  # noqa: E402
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql  # noqa: E402


def session():
    made = requests.Session()
    made.verify = ORG["ca_file"]
    return made


def connect(proxies=None, **how):
    made = session()
    # With a session given, the library leaves the proxy to it.
    made.proxies.update(proxies or {})
    return Salesforce(version="62.0", session=made, **how)


SF = connect(instance_url=ORG["tls_url"], session_id=ORG["access_token"])
MADE = {}


def raises(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


@step
def login_by_jwt():
    sf = connect(
        username=ORG["username"],
        consumer_key=ORG["client_id"],
        privatekey_file=ORG["private_key_file"],
        domain="login",
        proxies=PROXIES,
    )
    assert sf.session_id.startswith(ORG["org_id"][:15] + "!")


@step
def login_by_client_credentials():
    sf = connect(
        consumer_key=ORG["client_id"],
        consumer_secret=ORG["client_secret"],
        domain="acme.my",
        proxies=PROXIES,
    )
    assert sf.session_id.startswith(ORG["org_id"][:15] + "!")


@step
def login_refused():
    error = raises(
        SalesforceAuthenticationFailed,
        connect,
        username="nobody@nowhere.example",
        consumer_key=ORG["client_id"],
        privatekey_file=ORG["private_key_file"],
        domain="login",
        proxies=PROXIES,
    )
    assert "invalid_grant" in str(error), error


@step
def session_refused():
    bad = connect(instance_url=ORG["tls_url"], session_id=ORG["org_id"][:15] + "!no")
    raises(SalesforceExpiredSession, bad.query, "SELECT Id FROM Account")


@step
def describes():
    assert any(o["name"] == "Contact" for o in SF.describe()["sobjects"])
    fields = {f["name"]: f for f in SF.Contact.describe()["fields"]}
    assert fields["Email"]["type"] == "email" and fields["LastName"]["nillable"] is False
    assert SF.Contact.metadata()["objectDescribe"]["keyPrefix"] == "003"


@step
def insert_get_update():
    answer = SF.Contact.create({"LastName": "Ἀριστοτέλης", "Email": "a@example.org", "Ext_Id__c": "SS-1"})
    assert answer["success"] and len(answer["id"]) == 18
    MADE["contact"] = answer["id"]
    row = SF.Contact.get(answer["id"])
    assert row["LastName"] == "Ἀριστοτέλης" and row["Name"] == "Ἀριστοτέλης"
    assert SF.Contact.update(answer["id"], {"FirstName": "Στάγειρα", "Email": None}) == 204
    row = SF.Contact.get(answer["id"])
    assert row["Name"] == "Στάγειρα Ἀριστοτέλης" and row["Email"] is None
    assert row["SystemModstamp"] == row["LastModifiedDate"]


@step
def refusals():
    error = raises(SalesforceMalformedRequest, SF.Contact.create, {"FirstName": "No last name"})
    assert error.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING" and error.content[0]["fields"] == ["LastName"]
    error = raises(SalesforceMalformedRequest, SF.query, "SELECT Nmae FROM Contact")
    assert error.content[0]["errorCode"] == "INVALID_FIELD", error.content
    raises(SalesforceResourceNotFound, SF.Contact.get, "003000000000000AAA")


@step
def external_ids():
    assert SF.Contact.get_by_custom_id("Ext_Id__c", "SS-1")["Id"] == MADE["contact"]
    assert SF.Contact.upsert("Ext_Id__c/SS-1", {"LastName": "Plato"}) == 200
    assert SF.Contact.upsert("Ext_Id__c/SS-2", {"LastName": "Neu"}) == 201
    assert SF.query("SELECT Id FROM Contact WHERE Ext_Id__c IN ('SS-1', 'SS-2')")["totalSize"] == 2


@step
def queries():
    total = SF.query("SELECT COUNT() FROM Contact")["totalSize"]
    every = SF.query_all("SELECT Id, Name, Account.Name FROM Contact")
    assert every["totalSize"] == total and len(every["records"]) == total and total > 2000, total
    assert sum(1 for _ in SF.query_all_iter("SELECT Id FROM Contact")) == total
    name = "O'Brien \\ \"x\""
    SF.Contact.create({"LastName": name, "Ext_Id__c": "SS-3"})
    assert SF.query(format_soql("SELECT Id FROM Contact WHERE LastName = {}", name))["totalSize"] == 1


@step
def deleting():
    assert SF.Contact.delete(MADE["contact"]) == 204
    soql = f"SELECT Id, IsDeleted FROM Contact WHERE Id = '{MADE['contact']}'"
    assert SF.query_all(soql)["totalSize"] == 0
    assert SF.query_all(soql, include_deleted=True)["records"][0]["IsDeleted"] is True


@step
def limits():
    found = SF.limits()["DailyApiRequests"]
    assert found["Max"] > found["Remaining"] > 0
    assert SF.api_usage["api-usage"].total == found["Max"]


@step
def bulk2():
    rows = [{"Ext_Id__c": f"SSB-{n}", "LastName": f"Bulk \"{n}\", é\nzwei"} for n in range(300)]
    results = SF.bulk2.Contact.insert(records=rows)
    assert sum(int(r["numberRecordsProcessed"]) for r in results) == 300, results
    assert sum(int(r["numberRecordsFailed"]) for r in results) == 0, results
    results = SF.bulk2.Contact.upsert(
        records=[{"Ext_Id__c": "SSB-0", "LastName": "Changed"}, {"Ext_Id__c": "SSB-300", "LastName": ""}],
        external_id_field="Ext_Id__c",
    )
    assert int(results[0]["numberRecordsFailed"]) == 1, results
    failed = SF.bulk2.Contact.get_failed_records(results[0]["job_id"])
    assert "REQUIRED_FIELD_MISSING" in failed, failed
    assert "SSB-0" in SF.bulk2.Contact.get_successful_records(results[0]["job_id"])
    text = "".join(SF.bulk2.Contact.query("SELECT Id, LastName FROM Contact WHERE Ext_Id__c LIKE 'SSB-%'"))
    assert text.count("zwei") == 299 and "Changed" in text
    ids = [{"Id": r["Id"]} for r in SF.query_all("SELECT Id FROM Contact WHERE Ext_Id__c LIKE 'SSB-%'")["records"]]
    results = SF.bulk2.Contact.delete(records=ids)
    assert sum(int(r["numberRecordsFailed"]) for r in results) == 0
    assert SF.query("SELECT COUNT() FROM Contact WHERE Ext_Id__c LIKE 'SSB-%'")["totalSize"] == 0


@step
def clean_up():
    for row in SF.query("SELECT Id FROM Contact WHERE Ext_Id__c LIKE 'SS-%'")["records"]:
        SF.Contact.delete(row["Id"])
    today = datetime.date.today().isoformat()
    assert SF.query(f"SELECT COUNT() FROM Contact WHERE Ext_Id__c LIKE 'SS-%' AND CreatedDate >= {today}T00:00:00Z")["totalSize"] == 0


finish("simple-salesforce")

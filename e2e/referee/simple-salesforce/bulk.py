"""simple-salesforce's Bulk APIs: 1.0 in JSON, 2.0 with all its result sets; the values are checked."""

import csv
import io

from harness import ORG, finish, step  # before simple_salesforce: it sets the CA

import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceMalformedRequest

SESSION = requests.Session()
SESSION.verify = ORG["ca_file"]
SF = Salesforce(version="62.0", session=SESSION, instance_url=ORG["tls_url"], session_id=ORG["access_token"])
OURS = "Ext_Id__c LIKE 'PYB-%'"


def table(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


@step
def bulk1_insert_in_order():
    rows = [{"Ext_Id__c": f"PYB-{n}", "LastName": f"Één \"{n}\",\nzwei", "Newsletter__c": n % 2 == 0} for n in range(250)]
    rows[3]["LastName"] = None
    results = SF.bulk.Contact.insert(rows, batch_size=100)
    assert len(results) == 250
    assert [n for n, r in enumerate(results) if not r["success"]] == [3], results[3]
    assert results[3]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING", results[3]
    assert results[3]["errors"][0]["fields"] == ["LastName"]
    assert all(r["created"] for r in results if r["success"])
    assert SF.Contact.get(results[249]["id"])["Ext_Id__c"] == "PYB-249"


@step
def bulk1_query_with_dates_as_milliseconds():
    rows = SF.bulk.Contact.query(
        f"SELECT Ext_Id__c, LastName, CreatedDate, Newsletter__c, Owner.Username FROM Contact WHERE {OURS}", wait=0.05
    )
    assert len(rows) == 249
    by_key = {row["Ext_Id__c"]: row for row in rows}
    row = by_key["PYB-2"]
    assert row["LastName"] == "Één \"2\",\nzwei" and row["Newsletter__c"] is True
    assert isinstance(row["CreatedDate"], int) and row["CreatedDate"] > 1_600_000_000_000
    assert row["attributes"]["type"] == "Contact" and row["Owner"]["Username"] == ORG["username"]
    assert SF.bulk.Contact.query("SELECT Id FROM Contact WHERE LastName = 'nobody at all'", wait=0.05) == []


@step
def bulk1_upsert_update_delete():
    results = SF.bulk.Contact.upsert(
        [{"Ext_Id__c": "PYB-0", "LastName": "Changed"}, {"Ext_Id__c": "PYB-250", "LastName": "New"}],
        "Ext_Id__c",
        use_serial=True,
    )
    assert [r["created"] for r in results] == [False, True], results
    ids = [r["id"] for r in results]
    results = SF.bulk.Contact.update([{"Id": ids[0], "Title": "Judge"}, {"Id": ids[1], "Title": "x" * 200}])
    assert [r["success"] for r in results] == [True, False]
    assert results[1]["errors"][0]["statusCode"] == "STRING_TOO_LONG"
    assert SF.Contact.get(ids[0])["Title"] == "Judge"
    results = SF.bulk.Contact.delete([{"Id": ids[1]}])
    assert results[0]["success"] and not results[0]["created"]
    deleted = SF.bulk.Contact.query_all(f"SELECT Id FROM Contact WHERE {OURS} AND IsDeleted = true", wait=0.05)
    assert ids[1] in [row["Id"] for row in deleted] and ids[0] not in [row["Id"] for row in deleted]


@step
def bulk1_detailed_results_and_refusals():
    results = SF.bulk.Contact.insert(
        [{"Ext_Id__c": "PYB-300", "LastName": "Detailed", "Account": {"Ext_Id__c": "none such"}}],
        include_detailed_results=True,
    )
    assert results[0]["success"] is False and results[0]["Account.Ext_Id__c"] == "none such", results
    assert "Foreign key external ID" in results[0]["errors"][0]["message"]
    try:
        SF.bulk.Contact.query("SELECT MailingAddress FROM Contact", wait=0.05)
        raise AssertionError("a compound field was selected")
    except SalesforceGeneralError as error:
        assert "Failed to process query" in str(error), error
    try:
        SF.bulk.Nothing__c.insert([{"Name": "x"}])
        raise AssertionError("an unknown object was taken")
    except SalesforceMalformedRequest as error:
        assert error.content["exceptionCode"] == "InvalidEntity", error.content


@step
def bulk2_result_sets():
    results = SF.bulk2.Contact.insert(
        records=[{"Ext_Id__c": f"PYB-{n}", "LastName": "" if n == 402 else "Two"} for n in range(400, 410)]
    )
    job = results[0]["job_id"]
    assert int(results[0]["numberRecordsProcessed"]) == 10 and int(results[0]["numberRecordsFailed"]) == 1
    good = table(SF.bulk2.Contact.get_successful_records(job))
    assert len(good) == 9 and all(row["sf__Created"] == "true" and row["sf__Id"].startswith("003") for row in good)
    assert {row["Ext_Id__c"] for row in good} == {f"PYB-{n}" for n in range(400, 410)} - {"PYB-402"}
    (bad,) = table(SF.bulk2.Contact.get_failed_records(job))
    assert bad["Ext_Id__c"] == "PYB-402" and bad["sf__Id"] == ""
    assert bad["sf__Error"].startswith("REQUIRED_FIELD_MISSING:") and bad["sf__Error"].endswith(":LastName --")
    assert table(SF.bulk2.Contact.get_unprocessed_records(job)) == []


@step
def bulk2_upsert_update_query_delete():
    results = SF.bulk2.Contact.upsert(
        records=[{"Ext_Id__c": "PYB-400", "LastName": "Upserted"}, {"Ext_Id__c": "PYB-500", "LastName": "New"}],
        external_id_field="Ext_Id__c",
    )
    made = {r["Ext_Id__c"]: r["sf__Created"] for r in table(SF.bulk2.Contact.get_successful_records(results[0]["job_id"]))}
    assert made == {"PYB-400": "false", "PYB-500": "true"}
    soql = f"SELECT Id, Ext_Id__c, LastName FROM Contact WHERE {OURS} AND Ext_Id__c > 'PYB-3' AND LastName IN ('Two', 'Upserted', 'New')"
    rows = [row for page in SF.bulk2.Contact.query(soql, max_records=4) for row in table(page)]
    assert len(rows) == 10 and {row["LastName"] for row in rows} == {"Two", "Upserted", "New"}, rows
    results = SF.bulk2.Contact.update(records=[{"Id": row["Id"], "Department": "Courts"} for row in rows])
    assert int(results[0]["numberRecordsFailed"]) == 0
    assert SF.query(f"SELECT COUNT() FROM Contact WHERE {OURS} AND Department = 'Courts'")["totalSize"] == 10
    results = SF.bulk2.Contact.delete(records=[{"Id": row["Id"]} for row in rows])
    assert int(results[0]["numberRecordsProcessed"]) == 10 and int(results[0]["numberRecordsFailed"]) == 0


@step
def clean_up():
    ids = [{"Id": row["Id"]} for row in SF.query_all(f"SELECT Id FROM Contact WHERE {OURS}")["records"]]
    assert all(r["success"] for r in SF.bulk.Contact.delete(ids))
    assert SF.query(f"SELECT COUNT() FROM Contact WHERE {OURS}")["totalSize"] == 0


finish("simple-salesforce bulk")

"""simple-salesforce, unmodified, through the REST resources beside queries and plain records; the values are checked."""

import base64
import datetime
import pathlib
import tempfile

from harness import ORG, finish, step  # before simple_salesforce: it sets the CA

import requests
from simple_salesforce import Salesforce  # noqa: E402  (after the CA is set)
from simple_salesforce.exceptions import SalesforceMoreThanOneRecord, SalesforceResourceNotFound  # noqa: E402

SESSION = requests.Session()
SESSION.verify = ORG["ca_file"]
SF = Salesforce(version="62.0", session=SESSION, instance_url=ORG["tls_url"], session_id=ORG["access_token"])
DATA = "/services/data/v62.0"
MADE = []


def create(kind, **fields):
    answer = getattr(SF, kind).create(fields)
    assert answer["success"], answer
    MADE.append((kind, answer["id"]))
    return answer["id"]


def raises(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was expected")


def window():
    # Moments are cut to the minute: the one that goes on belongs to the time asked for.
    now = datetime.datetime.now(datetime.timezone.utc)
    return now - datetime.timedelta(hours=1), now + datetime.timedelta(minutes=2)


@step
def who_i_am():
    info = SF.oauth2("userinfo")
    assert info["user_id"] == ORG["user_id"] and info["preferred_username"] == ORG["username"], info
    assert SF.User.get(ORG["user_id"])["Username"] == ORG["username"]


@step
def updated_and_deleted():
    kept, gone = create("Account", Name="kept"), create("Account", Name="gone")
    start, end = window()
    assert {kept, gone} <= set(SF.Account.updated(start, end)["ids"])
    assert SF.Account.delete(gone) == 204
    MADE.remove(("Account", gone))
    found = SF.Account.deleted(start, end)
    assert gone in [record["id"] for record in found["deletedRecords"]]
    assert found["earliestDateAvailable"] and found["latestDateCovered"]
    assert gone not in SF.Account.updated(start, end)["ids"]


@step
def composite():
    parts = [
        {"method": "POST", "url": f"{DATA}/sobjects/Account", "referenceId": "acc", "body": {"Name": "Composite"}},
        {"method": "PATCH", "url": f"{DATA}/sobjects/Account/@{{acc.id}}", "referenceId": "upd", "body": {"Site": "S"}},
        {"method": "GET", "url": f"{DATA}/sobjects/Account/@{{acc.id}}?fields=Site", "referenceId": "read"},
    ]
    found = SF.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": parts})
    parts = found["compositeResponse"]
    MADE.append(("Account", parts[0]["body"]["id"]))
    assert [part["httpStatusCode"] for part in parts] == [201, 204, 200]
    assert parts[2]["body"]["Site"] == "S"


@step
def collections():
    records = [{"attributes": {"type": "Account"}, "Name": f"n{n}"} for n in range(3)]
    answer = SF.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": records + [{"attributes": {"type": "Account"}}]})
    assert [item["success"] for item in answer] == [True, True, True, False]
    assert answer[3]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    ids = ",".join(item["id"] for item in answer[:3])
    read = SF.restful("composite/sobjects/Account", params={"ids": ids + ",001000000000000AAA", "fields": "Name"})
    assert [record and record["Name"] for record in read] == ["n0", "n1", "n2", None]
    answer = SF.restful("composite/sobjects", method="DELETE", params={"ids": ids, "allOrNone": "true"})
    assert all(item["success"] for item in answer)


@step
def several_matches():
    for name in ("one", "two"):
        create("Contact", LastName=name, Email="several@example.org")
    error = raises(SalesforceMoreThanOneRecord, SF.Contact.get_by_custom_id, "Email", "several@example.org")
    assert error.status == 300 and len(error.content) == 2, error.content
    assert all(url.startswith(f"{DATA}/sobjects/Contact/003") for url in error.content)


@step
def files():
    account = create("Account", Name="with a file")
    content = bytes(range(256)) * 300
    text = base64.b64encode(content).decode()
    version = SF.ContentVersion.create({"PathOnClient": "a.bin", "FirstPublishLocationId": account, "VersionData": text})["id"]
    assert SF.ContentVersion.get_base64(version, base64_field="VersionData") == content
    row = SF.ContentVersion.get(version)
    assert row["ContentSize"] == 76_800 and row["FileExtension"] == "bin"
    MADE.append(("ContentDocument", row["ContentDocumentId"]))
    links = SF.query(f"SELECT LinkedEntityId FROM ContentDocumentLink WHERE LinkedEntityId = '{account}'")
    assert links["totalSize"] == 1
    attachment = create("Attachment", ParentId=account, Name="b.bin", Body=text)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "changed"
        path.write_bytes(b"changed")
        assert SF.Attachment.update_base64(attachment, str(path)) == 204
    assert SF.Attachment.get_base64(attachment) == b"changed"


@step
def search():
    contact = create("Contact", LastName="Quokkason", Email="quokkason@example.org")
    create("Account", Name="Quokkason & Sons")
    found = SF.search("FIND {Quokkason} IN NAME FIELDS RETURNING Contact(Id, Email), Account(Name)")["searchRecords"]
    assert {r["attributes"]["type"] for r in found} == {"Contact", "Account"}, found
    assert [r["Email"] for r in found if r["attributes"]["type"] == "Contact"] == ["quokkason@example.org"]
    assert contact in [r["Id"] for r in SF.quick_search("Quokkason")["searchRecords"]]
    assert SF.quick_search("Zzyzxquux")["searchRecords"] == []


@step
def limits_and_counts():
    limits = SF.limits()
    assert {"DailyApiRequests", "DailyBulkApiBatches", "DataStorageMB"} <= set(limits)
    counts = SF.restful("limits/recordCount", params={"sObjects": "Account,Nothing"})
    assert [entry["name"] for entry in counts["sObjects"]] == ["Account"]


@step
def describes_and_headers():
    assert SF.Account.describe_layout("012000000000000AAA")["detailLayoutSections"]
    created = SF.Account.create({"Name": "headers"}, headers={"Sforce-Auto-Assign": "FALSE", "Sforce-Duplicate-Rule-Header": "allowSave=true"})
    MADE.append(("Account", created["id"]))
    assert SF.is_sandbox() is False


@step
def no_apex():
    raises(SalesforceResourceNotFound, SF.apexecute, "Nothing/here")


@step
def clean_up():
    for kind, record in reversed(MADE):
        assert getattr(SF, kind).delete(record) == 204, (kind, record)


finish("simple-salesforce rest")

"""zeep, unmodified: a strict SOAP toolkit that knows nothing of Salesforce but the two WSDLs.

    python scenario.py '{"url": ...}'      the line that `tidegate emulator serve --json` prints

Answers that the WSDL does not allow make zeep fail; what it reads is compared with what was written.
"""

import datetime
import json
import sys
import traceback

import zeep
from lxml import etree

ORG = json.loads(sys.argv[1])
VERSION = "64.0"
STEPS = []
SF = "{urn:sobject.partner.soap.sforce.com}"


def step(run):
    STEPS.append(run)
    return run


class Api:
    """One dialect: its WSDL, its service at the address that login named, and the session header."""

    def __init__(self, dialect):
        self.client = zeep.Client(f"{ORG['url']}/services/wsdl/{dialect}?version={VERSION}")
        self.namespace = f"urn:{dialect}.soap.sforce.com"
        self.records = f"urn:sobject.{dialect}.soap.sforce.com"
        self.headers = {}

    def login(self):
        result = self.client.service.login(ORG["username"], ORG["password"] + ORG["security_token"])
        binding = f"{{{self.namespace}}}SoapBinding"
        self.service = self.client.create_service(binding, result.serverUrl)
        self.headers = {"SessionHeader": {"sessionId": result.sessionId}}
        return result

    def call(self, name, *args, headers=None, **kwargs):
        soapheaders = {
            key: self.client.get_element(f"{{{self.namespace}}}{key}")(**value)
            for key, value in {**self.headers, **(headers or {})}.items()
        }
        answer = getattr(self.service, name)(*args, **kwargs, _soapheaders=soapheaders)
        limit = answer.header.LimitInfoHeader.limitInfo[0]
        assert limit.type == "API REQUESTS" and 0 < limit.current <= limit.limit, limit
        return answer.body.result if hasattr(answer.body, "result") else answer.body

    def type(self, name):
        return self.client.get_type(f"{{{self.namespace}}}{name}")


PARTNER, ENTERPRISE = Api("partner"), Api("enterprise")


def sobject(kind, id=None, nulls=(), **fields):
    """A partner record: fields are elements of any name."""
    record = PARTNER.client.get_type(f"{SF}sObject")
    elements = []
    for name, value in fields.items():
        element = etree.Element(f"{SF}{name}")
        if isinstance(value, dict):
            for key, inner in value.items():
                etree.SubElement(element, f"{SF}{key}").text = inner
        else:
            element.text = value
        elements.append(element)
    return record(type=kind, fieldsToNull=list(nulls), Id=id, _value_1=elements)


def fields(record):
    """The fields of a partner record by name. Parents, children and columns of groups tell their type, so that zeep
    has read them already: they come without a name, and `typed` gives them."""
    found = {}
    for element in record._value_1 or []:
        if etree.iselement(element):
            found[etree.QName(element).localname] = element.text
    return found


def typed(record):
    return [value for value in record._value_1 if not etree.iselement(value)]


def query(soql, api=PARTNER):
    return api.call("query", soql)


@step
def login_by_partner_and_enterprise():
    for api, letter in ((PARTNER, "u"), (ENTERPRISE, "c")):
        result = api.login()
        assert result.userId == ORG["user_id"], result
        assert result.userInfo.organizationId == ORG["org_id"]
        assert result.userInfo.userName == ORG["username"]
        assert result.userInfo.sessionSecondsValid == 7200
        assert result.serverUrl == f"{ORG['url']}/services/Soap/{letter}/{VERSION}/{ORG['org_id'][:15]}"
        assert result.sandbox is False and result.passwordExpired is False


@step
def a_wrong_password_is_a_login_fault():
    try:
        PARTNER.client.service.login(ORG["username"], "wrong")
    except zeep.exceptions.Fault as fault:
        assert fault.code == "sf:INVALID_LOGIN", fault.code
        detail = fault.detail[0]
        assert etree.QName(detail).localname == "LoginFault"
        assert detail[0].text == "INVALID_LOGIN"
    else:
        raise AssertionError("the login should fail")


@step
def user_info_and_time():
    info = PARTNER.call("getUserInfo")
    assert info.userId == ORG["user_id"] and info.organizationId == ORG["org_id"]
    assert info.userType == "Standard" and info.organizationMultiCurrency is False
    now = PARTNER.call("getServerTimestamp").timestamp
    assert abs(datetime.datetime.now(datetime.timezone.utc) - now) < datetime.timedelta(minutes=1), now


@step
def describes():
    account = PARTNER.call("describeSObject", "Account")
    assert account.name == "Account" and account.keyPrefix == "001" and account.mergeable is True
    name = next(f for f in account.fields if f.name == "Name")
    assert (name.type, name.soapType, name.length, name.nillable) == ("string", "xsd:string", 255, False)
    assert account.urlDetail == f"{ORG['url']}/{{ID}}", account.urlDetail
    assert any(c.childSObject == "Contact" and c.field == "AccountId" for c in account.childRelationships)
    both = PARTNER.call("describeSObjects", ["Lead", "LeadStatus"])
    assert [d.name for d in both] == ["Lead", "LeadStatus"]
    layout = PARTNER.call("describeLayout", "Contact").layouts[0]
    items = [item for row in layout.detailLayoutSections[0].layoutRows for item in row.layoutItems]
    assert any(item.layoutComponents[0].field.name == "Email" for item in items)
    tabs = PARTNER.call("describeTabs")[0].tabs
    assert any(tab.sobjectName == "Account" and tab.label == "Accounts" for tab in tabs)
    every = PARTNER.call("describeGlobal")
    assert every.maxBatchSize == 200 and any(o.name == "Opportunity" for o in every.sobjects)


@step
def create_query_update_upsert_delete_undelete():
    made = PARTNER.call("create", [
        sobject("Account", Name="Zeep & Söhne", NumberOfEmployees="42", Ext_Id__c="ZEEP-1"),
        sobject("Account", Phone="1"),
    ])
    assert made[0].success and len(made[0].id) == 18
    assert not made[1].success and made[1].id is None
    assert made[1].errors[0].statusCode == "REQUIRED_FIELD_MISSING" and made[1].errors[0].fields == ["Name"]
    account = made[0].id
    contact = PARTNER.call("create", [
        sobject("Contact", LastName="Fern", Birthdate="1990-02-03", Account={"type": "Account", "Ext_Id__c": "ZEEP-1"}),
    ])[0]
    assert contact.success, contact
    result = query(f"SELECT Id, Name, NumberOfEmployees, Owner.Username, CreatedDate, Phone, "
                   f"(SELECT LastName, Birthdate FROM Contacts) FROM Account WHERE Id = '{account}'")
    assert result.size == 1 and result.done is True and result.queryLocator is None
    record = result.records[0]
    assert record.type == "Account" and record.Id == account
    row = fields(record)
    assert row["Id"] == account and row["Name"] == "Zeep & Söhne" and row["NumberOfEmployees"] == "42"
    assert row["Phone"] is None and row["CreatedDate"].endswith(".000Z"), row
    owner, contacts = typed(record)
    assert owner.type == "User" and owner.Id is None and fields(owner) == {"Username": ORG["username"]}
    assert contacts.size == 1 and contacts.done is True and contacts.records[0].type == "Contact"
    assert fields(contacts.records[0]) == {"LastName": "Fern", "Birthdate": "1990-02-03"}
    updated = PARTNER.call("update", [sobject("Account", account, nulls=["NumberOfEmployees"], Phone="0123")])
    assert updated[0].success and updated[0].id == account
    got = PARTNER.call("retrieve", "Phone,NumberOfEmployees", "Account", [account, "001000000000000AAA"])
    assert fields(got[0]) == {"Phone": "0123", "NumberOfEmployees": None} and got[0].Id is None, got
    assert len(got) == 2 and got[1].type is None and got[1]._value_1 is None, "nil: zeep reads it as an empty record"
    upserted = PARTNER.call("upsert", "Ext_Id__c", [
        sobject("Account", Ext_Id__c="ZEEP-1", Name="Renamed"), sobject("Account", Ext_Id__c="ZEEP-2", Name="New"),
    ])
    assert [(u.created, u.success) for u in upserted] == [(False, True), (True, True)]
    assert upserted[0].id == account
    deleted = PARTNER.call("delete", [account, upserted[1].id])
    assert all(d.success for d in deleted)
    again = PARTNER.call("delete", [account])[0]
    assert not again.success and again.errors[0].statusCode == "ENTITY_IS_DELETED"
    assert query(f"SELECT Id FROM Account WHERE Id = '{account}'").size == 0
    found = PARTNER.call("queryAll", f"SELECT IsDeleted FROM Account WHERE Id = '{account}'")
    assert fields(found.records[0])["IsDeleted"] == "true"
    assert PARTNER.call("undelete", [account])[0].success
    assert fields(query(f"SELECT Name FROM Account WHERE Id = '{account}'").records[0]) == {"Name": "Renamed"}
    PARTNER.call("delete", [account])
    emptied = PARTNER.call("emptyRecycleBin", [account, upserted[1].id])
    assert all(e.success for e in emptied)
    assert PARTNER.call("queryAll", f"SELECT Id FROM Account WHERE Id = '{account}'").size == 0


@step
def pages():
    first = PARTNER.call("query", "SELECT Id FROM Contact ORDER BY Id", headers={"QueryOptions": {"batchSize": 200}})
    assert first.done is False and len(first.records) == 200 and first.size > 200
    seen, page = [r.Id for r in first.records], first
    while not page.done:
        page = PARTNER.call("queryMore", page.queryLocator)
        seen += [r.Id for r in page.records]
    assert len(seen) == len(set(seen)) == first.size and seen == sorted(seen)
    assert query("SELECT COUNT() FROM Contact").size == first.size


@step
def groups():
    result = query("SELECT LeadSource, COUNT(Id) n, MAX(CreatedDate) latest FROM Contact GROUP BY LeadSource")
    assert result.done is True and result.size == len(result.records) > 1
    for record in result.records:
        assert record.type == "AggregateResult" and record.Id is None
    values = [typed(record) for record in result.records if "LeadSource" not in fields(record)]
    assert all(isinstance(source, str) and isinstance(n, int) and latest.year > 2000 for source, n, latest in values)
    assert sum(row[-2] for row in map(typed, result.records)) == query("SELECT COUNT() FROM Contact").size


@step
def search():
    account = PARTNER.call("create", [sobject("Account", Name="Wombat Holdings")])[0].id
    result = PARTNER.call("search", "FIND {wombat} IN NAME FIELDS RETURNING Account(Id, Name)")
    assert [fields(found.record) for found in result.searchRecords] == [{"Id": account, "Name": "Wombat Holdings"}]
    PARTNER.call("delete", [account])


@step
def faults_have_their_types():
    for soql, code, kind in (
        ("SELECT Id FRM Account", "MALFORMED_QUERY", "MalformedQueryFault"),
        ("SELECT Nmae FROM Account", "INVALID_FIELD", "InvalidFieldFault"),
        ("SELECT Id FROM Nothing__c", "INVALID_TYPE", "InvalidSObjectFault"),
    ):
        try:
            query(soql)
        except zeep.exceptions.Fault as fault:
            detail = fault.detail[0]
            parsed = PARTNER.client.get_element(f"{{urn:fault.partner.soap.sforce.com}}{kind}").parse(
                detail, PARTNER.client.wsdl.types)
            assert fault.code == f"sf:{code}" and parsed.exceptionCode == code and parsed.row == 1, (fault, parsed)
        else:
            raise AssertionError(soql)


@step
def merge():
    master, loser, other = (r.id for r in PARTNER.call("create", [sobject("Account", Name=n) for n in "MLO"]))
    child = PARTNER.call("create", [sobject("Contact", LastName="Kid", AccountId=loser)])[0].id
    request = PARTNER.type("MergeRequest")(
        masterRecord=sobject("Account", master, Phone="77"), recordToMergeIds=[loser, other])
    result = PARTNER.call("merge", [request])[0]
    assert result.success and result.id == master, result
    assert result.mergedRecordIds == [loser, other] and result.updatedRelatedIds == [child]
    assert fields(query(f"SELECT AccountId FROM Contact WHERE Id = '{child}'").records[0]) == {"AccountId": master}
    gone = PARTNER.call("queryAll", f"SELECT MasterRecordId, IsDeleted FROM Account WHERE Id = '{loser}'")
    assert fields(gone.records[0]) == {"MasterRecordId": master, "IsDeleted": "true"}
    assert fields(query(f"SELECT Phone FROM Account WHERE Id = '{master}'").records[0]) == {"Phone": "77"}
    PARTNER.call("delete", [master])


@step
def convert_lead():
    status = fields(query("SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true").records[0])["MasterLabel"]
    lead = PARTNER.call("create", [sobject("Lead", LastName="Hopp", Company="Zeep Leads", Email="h@zeep.example")])[0].id
    convert = PARTNER.type("LeadConvert")(
        leadId=lead, convertedStatus=status, doNotCreateOpportunity=False, overwriteLeadSource=False,
        sendNotificationEmail=False, opportunityName="Zeep deal")
    result = PARTNER.call("convertLead", [convert])[0]
    assert result.success and result.leadId == lead, result
    row = fields(query("SELECT IsConverted, ConvertedAccountId, ConvertedContactId, ConvertedOpportunityId, Status "
                       f"FROM Lead WHERE Id = '{lead}'").records[0])
    assert row == {"IsConverted": "true", "ConvertedAccountId": result.accountId, "Status": status,
                   "ConvertedContactId": result.contactId, "ConvertedOpportunityId": result.opportunityId}, row
    contact = fields(query(f"SELECT Email, AccountId FROM Contact WHERE Id = '{result.contactId}'").records[0])
    assert contact == {"Email": "h@zeep.example", "AccountId": result.accountId}
    deal = fields(query(f"SELECT Name, AccountId FROM Opportunity WHERE Id = '{result.opportunityId}'").records[0])
    assert deal == {"Name": "Zeep deal", "AccountId": result.accountId}
    again = PARTNER.call("convertLead", [convert])[0]
    assert not again.success and again.errors[0].statusCode == "CANNOT_UPDATE_CONVERTED_LEAD", again
    PARTNER.call("delete", [result.opportunityId, result.contactId, result.accountId, lead])


@step
def updated_and_deleted():
    account = PARTNER.call("create", [sobject("Account", Name="Watched")])[0].id
    now = PARTNER.call("getServerTimestamp").timestamp
    span = (now - datetime.timedelta(minutes=5), now + datetime.timedelta(minutes=5))
    assert account in PARTNER.call("getUpdated", "Account", *span).ids
    PARTNER.call("delete", [account])
    result = PARTNER.call("getDeleted", "Account", *span)
    record = next(r for r in result.deletedRecords if r.id == account)
    assert span[0] < record.deletedDate < span[1] and result.earliestDateAvailable < span[0], result
    assert account not in PARTNER.call("getUpdated", "Account", *span).ids


@step
def enterprise_records_are_typed():
    make = lambda name: ENTERPRISE.client.get_type(f"{{{ENTERPRISE.records}}}{name}")
    contact = make("Contact")(LastName="Typed", Birthdate=datetime.date(1980, 5, 6), Email="t@zeep.example",
                              Newsletter__c=True, Discount__c=12.5,
                              Last_Seen__c=datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc))
    made = ENTERPRISE.call("create", [contact])[0]
    assert made.success, made
    result = query("SELECT Id, LastName, Birthdate, Newsletter__c, Discount__c, Last_Seen__c, Owner.Name, Email "
                   f"FROM Contact WHERE Id = '{made.id}'", ENTERPRISE)
    row = result.records[0]
    assert type(row).__name__ == "Contact" and row.Id == made.id and row.LastName == "Typed"
    assert row.Birthdate == datetime.date(1980, 5, 6) and row.Newsletter__c is True and row.Discount__c == 12.5
    assert row.Last_Seen__c == datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    assert row.Owner.Name and row.Email == "t@zeep.example"
    update = make("Contact")(Id=made.id, fieldsToNull=["Email"], LastName="Changed")
    assert ENTERPRISE.call("update", [update])[0].success
    got = ENTERPRISE.call("retrieve", "Id,LastName,Email", "Contact", [made.id])[0]
    assert (got.Id, got.LastName, got.Email) == (made.id, "Changed", None)
    nested = query(f"SELECT Name, (SELECT Id, LastName FROM Contacts LIMIT 2) FROM Account "
                   "WHERE Id IN (SELECT AccountId FROM Contact) LIMIT 1", ENTERPRISE).records[0]
    assert nested.Contacts.size == len(nested.Contacts.records) and nested.Contacts.records[0].LastName
    ENTERPRISE.call("delete", [made.id])


@step
def all_or_none():
    headers = {"AllOrNoneHeader": {"allOrNone": True}}
    results = PARTNER.call("create", [sobject("Account", Name="Good"), sobject("Account", Phone="1")], headers=headers)
    assert [r.success for r in results] == [False, False]
    assert results[0].errors[0].statusCode == "ALL_OR_NONE_OPERATION_ROLLED_BACK"


@step
def logout():
    PARTNER.call("logout")
    try:
        PARTNER.call("getServerTimestamp")
    except zeep.exceptions.Fault as fault:
        assert fault.code == "sf:INVALID_SESSION_ID", fault.code
    else:
        raise AssertionError("the session should be over")


failed = 0
for run in STEPS:
    try:
        run()
    except Exception:
        failed += 1
        print(f"zeep: {run.__name__}: FAILED", file=sys.stderr)
        traceback.print_exc()
print(f"zeep: {len(STEPS) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)

"""simple-salesforce, unmodified, by each of its sign-ins; what it may do afterwards is checked too."""

from harness import ORG, PROXIES, finish, step  # before simple_salesforce: it sets the CA

import requests
from simple_salesforce import Salesforce  # noqa: E402  (after the CA is set)
from simple_salesforce.exceptions import (  # noqa: E402
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
)


def connect(**how):
    made = requests.Session()
    made.verify = ORG["ca_file"]
    # With a session given, the library leaves the proxy to it.
    made.proxies.update(PROXIES if "instance_url" not in how else {})
    return Salesforce(version="62.0", session=made, **how)


def control(method, path, body=None):
    answer = requests.request(method, f"{ORG['url']}/__emulator/{path}", json=body)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def refused(**how):
    try:
        connect(**how)
    except SalesforceAuthenticationFailed as error:
        return error
    raise AssertionError("it was let in")


def works(sf):
    assert sf.session_id.startswith(ORG["org_id"][:15] + "!"), sf.session_id
    rows = sf.query(f"SELECT Username FROM User WHERE Id = '{ORG['user_id']}'")["records"]
    assert rows[0]["Username"] == ORG["username"], rows


PASSWORD = {"username": ORG["username"], "password": ORG["password"]}
APP = {"consumer_key": ORG["client_id"], "consumer_secret": ORG["client_secret"]}


@step
def by_session_id():
    works(connect(instance_url=ORG["tls_url"], session_id=ORG["access_token"]))
    try:
        connect(instance_url=ORG["tls_url"], session_id="nonsense").limits()
    except SalesforceExpiredSession as error:
        assert error.content[0]["errorCode"] == "INVALID_SESSION_ID", error.content
    else:
        raise AssertionError("a session that is none was let in")


@step
def by_jwt():
    key = {"username": ORG["username"], "consumer_key": ORG["client_id"], "privatekey_file": ORG["private_key_file"]}
    works(connect(domain="login", **key))
    # The sandbox's login host is another audience, and this org is none.
    error = refused(domain="test", **key)
    assert "audience is invalid" in str(error), error


@step
def by_client_credentials():
    works(connect(domain="acme.my", **APP))
    error = refused(domain="acme.my", consumer_key=ORG["client_id"], consumer_secret="wrong")
    assert "invalid_client" in str(error), error


@step
def by_oauth_password():
    with_token = {"username": ORG["username"], "password": ORG["password"] + ORG["security_token"]}
    error = refused(domain="login", **with_token, **APP)
    assert "authentication failure" in str(error), error
    control("PATCH", "settings", {"password_grant": True})
    try:
        works(connect(domain="login", **with_token, **APP))
        assert "authentication failure" in str(refused(domain="login", **PASSWORD, **APP))
    finally:
        control("PATCH", "settings", {"password_grant": False})


@step
def by_soap_password():
    works(connect(domain="login", security_token=ORG["security_token"], **PASSWORD))
    error = refused(domain="login", security_token="wrong", **PASSWORD)
    assert error.code == "INVALID_LOGIN", error
    error = refused(domain="login", security_token="", **PASSWORD)
    assert error.code == "LOGIN_MUST_USE_SECURITY_TOKEN", error
    control("PATCH", "settings", {"trusted_ip_ranges": ["127.0.0.0/8", "::1"]})
    try:
        works(connect(domain="login", security_token="", **PASSWORD))
    finally:
        control("PATCH", "settings", {"trusted_ip_ranges": []})


@step
def the_daily_limit():
    sf = connect(instance_url=ORG["tls_url"], session_id=ORG["access_token"])
    found = sf.limits()["DailyApiRequests"]
    control("PATCH", "settings", {"daily_requests": found["Max"] - found["Remaining"]})
    try:
        sf.limits()
    except SalesforceMalformedRequest as error:
        raise AssertionError(f"not as a limit: {error}")
    except Exception as error:  # the library has no class of its own for 403
        assert error.content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED", error.content
        assert error.content[0]["message"] == "TotalRequests Limit exceeded.", error.content
    else:
        raise AssertionError("the limit was passed")
    finally:
        control("PATCH", "settings", {"daily_requests": found["Max"]})
    assert sf.limits()["DailyApiRequests"]["Max"] == found["Max"]


finish("simple-salesforce auth")

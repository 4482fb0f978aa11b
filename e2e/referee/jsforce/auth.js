// jsforce, unmodified, through the sign-ins that need more than a key: a browser, a refresh token, a password.
//
//   node auth.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import jsforce from 'jsforce';
import { finish, org, step } from './harness.js';

const version = '62.0';
const callback = 'http://localhost:3999/oauth/callback?from=jsforce';

const control = async (method, path, body) => {
  const answer = await fetch(`${org.url}/__emulator/${path}`, { method, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
};

const makeApp = async (members) => control('POST', 'apps', {
  name: 'jsforce referee',
  callback_urls: [callback],
  scope: 'id api refresh_token openid web',
  permitted_users: { approved: [] },
  ...members,
});

const unescape = (text) => text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

/** A browser that follows redirects on this host, keeps its cookie and fills in forms; gives the address of the callback. */
const drive = async (address, button = 'save') => {
  let cookie = '';
  const seen = [];
  const load = async (url, init = {}) => {
    for (;;) {
      const answer = await fetch(url, { ...init, redirect: 'manual', headers: { cookie } });
      cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie;
      const to = answer.headers.get('location');
      if (!to) return { status: answer.status, text: await answer.text() };
      const next = new URL(to, url);
      if (next.origin !== new URL(org.url).origin) return { away: next };
      [url, init] = [next.href, {}];
    }
  };
  let page = await load(address);
  for (let n = 0; n < 4 && !page.away; n += 1) {
    const action = unescape(page.text.match(/action="([^"]*)"/)?.[1] ?? '');
    assert.ok(action, `no form: ${page.status} ${page.text}`);
    const form = new URLSearchParams();
    for (const [, name, value] of page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)) form.set(name, unescape(value));
    if (page.text.includes('id="username"')) {
      seen.push('sign-in');
      form.set('username', org.username);
      form.set('pw', org.password);
    } else {
      seen.push('consent');
      form.set(button, 'x');
    }
    page = await load(new URL(action, org.url).href, { method: 'POST', body: form });
  }
  assert.ok(page.away, 'the browser did not come back');
  return { back: page.away, seen };
};

const sign = (secret, { id, issued_at }) => crypto.createHmac('sha256', secret).update(id + issued_at).digest('base64');

let app;
let signedIn;

step('web server flow with PKCE through the OAuth2 class', async () => {
  app = await makeApp({ pkce_required: true });
  const oauth2 = new jsforce.OAuth2({
    loginUrl: org.url, clientId: app.client_id, clientSecret: app.client_secret, redirectUri: callback, useVerifier: true,
  });
  const address = oauth2.getAuthorizationUrl({ scope: 'api refresh_token openid', state: 'a b&c' });
  const { back, seen } = await drive(address);
  assert.deepEqual(seen, ['sign-in', 'consent']);
  assert.equal(back.searchParams.get('from'), 'jsforce');
  assert.equal(back.searchParams.get('state'), 'a b&c');
  const conn = new jsforce.Connection({ oauth2, version });
  const user = await conn.authorize(back.searchParams.get('code'));
  assert.equal(user.id, org.user_id);
  assert.equal(user.organizationId, org.org_id);
  assert.equal(conn.instanceUrl, org.url);
  assert.equal((await conn.identity()).username, org.username);
  assert.ok(conn.refreshToken.startsWith('5Aep861'));
  await assert.rejects(oauth2.requestToken(back.searchParams.get('code')), (error) =>
    error.name === 'invalid_grant' && error.message === 'expired authorization code');
  signedIn = conn;
});

step('the signature and the id token of an answer', async () => {
  const oauth2 = new jsforce.OAuth2({
    loginUrl: org.url, clientId: app.client_id, clientSecret: app.client_secret, redirectUri: callback, useVerifier: true,
  });
  const { back, seen } = await drive(oauth2.getAuthorizationUrl({ scope: 'openid api', nonce: 'n' }));
  assert.deepEqual(seen, ['sign-in'], 'what was approved before is not asked again');
  const answer = await oauth2.requestToken(back.searchParams.get('code'));
  assert.equal(answer.signature, sign(app.client_secret, answer));
  assert.equal(answer.refresh_token, undefined);
  const [head, body, signature] = answer.id_token.split('.');
  const { kid } = JSON.parse(Buffer.from(head, 'base64url'));
  const { keys } = await (await fetch(`${org.url}/id/keys`)).json();
  const key = crypto.createPublicKey({ key: keys.find((one) => one.kid === kid), format: 'jwk' });
  assert.ok(crypto.verify('RSA-SHA256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')));
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  assert.equal(claims.nonce, 'n');
  assert.equal(claims.sub, answer.id);
});

step('a user who denies, and a verifier that is not the one', async () => {
  const config = { loginUrl: org.url, clientId: app.client_id, clientSecret: app.client_secret, redirectUri: callback, useVerifier: true };
  const denied = await drive(new jsforce.OAuth2(config).getAuthorizationUrl({ prompt: 'consent' }), 'cancel');
  assert.equal(denied.back.searchParams.get('error'), 'access_denied');
  const { back } = await drive(new jsforce.OAuth2(config).getAuthorizationUrl({ scope: 'api' }));
  await assert.rejects(new jsforce.OAuth2(config).requestToken(back.searchParams.get('code')), (error) =>
    error.name === 'invalid_grant' && error.message === 'invalid code verifier');
});

step('an access token that died is refreshed by jsforce itself', async () => {
  const before = signedIn.accessToken;
  await signedIn.oauth2.revokeToken(before);
  const told = [];
  signedIn.on('refresh', (token) => told.push(token));
  assert.ok((await signedIn.query('SELECT COUNT() FROM Account')).totalSize >= 0);
  assert.deepEqual(told, [signedIn.accessToken]);
  assert.notEqual(signedIn.accessToken, before);
});

step('with rotation every refresh brings a new refresh token, and the old one ends all', async () => {
  await control('PATCH', `apps/${app.client_id}`, { refresh_token_rotation: true });
  const oauth2 = signedIn.oauth2;
  const old = signedIn.refreshToken;
  const first = await oauth2.refreshToken(old);
  assert.ok(first.refresh_token && first.refresh_token !== old);
  const second = await oauth2.refreshToken(first.refresh_token);
  const expired = (error) => error.name === 'invalid_grant' && error.message === 'expired access/refresh token';
  await assert.rejects(oauth2.refreshToken(old), expired);
  await assert.rejects(oauth2.refreshToken(second.refresh_token), expired);
  const dead = new jsforce.Connection({ instanceUrl: org.url, accessToken: second.access_token, version });
  await assert.rejects(dead.query('SELECT Id FROM Account LIMIT 1'), (error) => error.errorCode === 'INVALID_SESSION_ID');
});

step('login by OAuth with a password', async () => {
  const config = { loginUrl: org.url, clientId: org.client_id, clientSecret: org.client_secret };
  const conn = new jsforce.Connection({ oauth2: config, version });
  const whole = org.password + org.security_token;
  await assert.rejects(conn.login(org.username, whole), (error) => error.message === 'authentication failure', 'off in new orgs');
  await control('PATCH', 'settings', { password_grant: true });
  try {
    const user = await conn.login(org.username, whole);
    assert.equal(user.id, org.user_id);
    assert.equal((await conn.identity()).organization_id, org.org_id);
    await assert.rejects(conn.login(org.username, org.password), (error) => error.message === 'authentication failure', 'no security token');
  } finally {
    await control('PATCH', 'settings', { password_grant: false });
  }
});

step('login by SOAP', async () => {
  const conn = new jsforce.Connection({ loginUrl: org.url, version });
  const user = await conn.loginBySoap(org.username, org.password + org.security_token);
  assert.equal(user.id, org.user_id);
  assert.equal(user.organizationId, org.org_id);
  assert.equal((await conn.identity()).username, org.username);
  await assert.rejects(new jsforce.Connection({ loginUrl: org.url, version }).loginBySoap(org.username, org.password), (error) =>
    error.message.startsWith('LOGIN_MUST_USE_SECURITY_TOKEN: Invalid username, password, security token; or user locked out.'));
  await assert.rejects(new jsforce.Connection({ loginUrl: org.url, version }).loginBySoap(org.username, 'wrong'), (error) =>
    error.message === 'INVALID_LOGIN: Invalid username, password, security token; or user locked out.');
});

step('an app with an allowance of its own', async () => {
  const own = await makeApp({ client_credentials: true, run_as: org.username, daily_requests: 50 });
  const conn = new jsforce.Connection({
    instanceUrl: org.url, version, oauth2: { clientId: own.client_id, clientSecret: own.client_secret, loginUrl: org.url },
  });
  await conn.authorize({ grant_type: 'client_credentials' });
  await conn.query('SELECT Id FROM Account LIMIT 1');
  assert.deepEqual(conn.limitInfo.apiUsage?.limit > 50, true);
  await control('DELETE', `apps/${own.client_id}`);
  await assert.rejects(conn.query('SELECT Id FROM Account LIMIT 1'), /refresh session/, 'its token is gone');
});

step('logout with the refresh token', async () => {
  await control('PATCH', `apps/${app.client_id}`, { refresh_token_rotation: false });
  const oauth2 = new jsforce.OAuth2({
    loginUrl: org.url, clientId: app.client_id, clientSecret: app.client_secret, redirectUri: callback, useVerifier: true,
  });
  const conn = new jsforce.Connection({ oauth2, version });
  const { back } = await drive(oauth2.getAuthorizationUrl());
  await conn.authorize(back.searchParams.get('code'));
  const { accessToken, refreshToken } = conn;
  await conn.logout(true);
  const after = new jsforce.Connection({ instanceUrl: org.url, accessToken, version });
  await assert.rejects(after.query('SELECT Id FROM Account LIMIT 1'), (error) => error.errorCode === 'INVALID_SESSION_ID');
  await assert.rejects(oauth2.refreshToken(refreshToken), (error) => error.message === 'expired access/refresh token');
  await control('DELETE', `apps/${app.client_id}`);
});

await finish('jsforce auth');

// jsforce, unmodified, through the REST resources beside queries and plain records: what composes requests, files,
// replication, layouts, list views, recent records. The values are checked, not only the statuses.
//
//   node rest.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import jsforce from 'jsforce';
import { finish, org, step } from './harness.js';

const version = '62.0';
const data = `/services/data/v${version}`;
const conn = new jsforce.Connection({ instanceUrl: org.url, accessToken: org.access_token, version });
const made = [];

const create = async (object, fields) => {
  const answer = await conn.sobject(object).create(fields);
  assert.equal(answer.success, true);
  made.push([object, answer.id]);
  return answer.id;
};

step('the versions and the resources', async () => {
  const versions = await conn.request('/services/data');
  assert.equal(versions.at(-1).version, '68.0');
  assert.equal(versions[0].url, '/services/data/v31.0');
  const resources = await conn.request(data);
  assert.equal(resources.sobjects, `${data}/sobjects`);
  assert.equal((await conn.identity()).user_id, org.user_id);
});

step('records by relationship and by external id', async () => {
  const account = await create('Account', { Name: 'jsforce REST', Ext_Id__c: 'REST-1' });
  const contact = await create('Contact', { LastName: 'Related', Account: { Ext_Id__c: 'REST-1' } });
  assert.equal((await conn.request(`${data}/sobjects/Contact/${contact}/Account?fields=Name`)).Name, 'jsforce REST');
  const children = await conn.request(`${data}/sobjects/Account/${account}/Contacts?fields=LastName`);
  assert.deepEqual([children.totalSize, children.records[0].LastName], [1, 'Related']);
  assert.equal((await conn.sobject('Account').retrieve(account.slice(0, 15))).Id, account);
  assert.equal((await conn.request(`${data}/sobjects/Account/Ext_Id__c/REST-1`)).Id, account);
});

step('a composite request', async () => {
  const { compositeResponse: parts } = await conn.requestPost(`${data}/composite`, {
    allOrNone: true,
    compositeRequest: [
      { method: 'POST', url: `${data}/sobjects/Account`, referenceId: 'acc', body: { Name: 'Composite' } },
      { method: 'POST', url: `${data}/sobjects/Contact`, referenceId: 'con', body: { LastName: 'C', AccountId: '@{acc.id}' } },
      { method: 'GET', url: `${data}/query?q=SELECT+Name,(SELECT+Id+FROM+Contacts)+FROM+Account+WHERE+Id='@{acc.id}'`, referenceId: 'q' },
    ],
  });
  made.push(['Account', parts[0].body.id], ['Contact', parts[1].body.id]);
  assert.deepEqual(parts.map((part) => part.httpStatusCode), [201, 201, 200]);
  assert.equal(parts[2].body.records[0].Contacts.records[0].Id, parts[1].body.id);
  assert.equal(parts[0].httpHeaders.Location, `${data}/sobjects/Account/${parts[0].body.id}`);
});

step('a composite request that is taken back', async () => {
  const before = (await conn.query('SELECT COUNT() FROM Account')).totalSize;
  const { compositeResponse: parts } = await conn.requestPost(`${data}/composite`, {
    allOrNone: true,
    compositeRequest: [
      { method: 'POST', url: `${data}/sobjects/Account`, referenceId: 'a', body: { Name: 'Lost' } },
      { method: 'POST', url: `${data}/sobjects/Contact`, referenceId: 'b', body: { FirstName: 'No last name' } },
    ],
  });
  assert.deepEqual(parts.map((part) => part.body[0].errorCode), ['PROCESSING_HALTED', 'REQUIRED_FIELD_MISSING']);
  assert.equal((await conn.query('SELECT COUNT() FROM Account')).totalSize, before);
});

step('a tree, a graph and a batch', async () => {
  const tree = await conn.requestPost(`${data}/composite/tree/Account`, {
    records: [{
      attributes: { type: 'Account', referenceId: 'a' }, Name: 'Tree',
      Contacts: { records: [{ attributes: { type: 'Contact', referenceId: 'c' }, LastName: 'Leaf' }] },
    }],
  });
  assert.equal(tree.hasErrors, false);
  assert.deepEqual(tree.results.map((result) => result.referenceId), ['a', 'c']);
  made.push(['Account', tree.results[0].id], ['Contact', tree.results[1].id]);
  const { graphs } = await conn.requestPost(`${data}/composite/graph`, {
    graphs: [
      { graphId: '1', compositeRequest: [{ method: 'POST', url: `${data}/sobjects/Account`, referenceId: 'a', body: { Name: 'Graph' } }] },
      { graphId: '2', compositeRequest: [{ method: 'POST', url: `${data}/sobjects/Account`, referenceId: 'a', body: {} }] },
    ],
  });
  assert.deepEqual(graphs.map((graph) => graph.isSuccessful), [true, false]);
  made.push(['Account', graphs[0].graphResponse.compositeResponse[0].body.id]);
  const batch = await conn.requestPost(`${data}/composite/batch`, {
    batchRequests: [
      { method: 'GET', url: `v59.0/sobjects/Account/${tree.results[0].id}?fields=Name` },
      { method: 'PATCH', url: `v${version}/sobjects/Account/${tree.results[0].id}`, richInput: { Site: 'S' } },
    ],
  });
  assert.equal(batch.hasErrors, false);
  assert.deepEqual([batch.results[0].result.Name, batch.results[1].statusCode], ['Tree', 204]);
});

step('what was updated and deleted', async () => {
  const id = await create('Account', { Name: 'Updated' });
  // Moments are cut to the minute: the one that goes on belongs to the time asked for.
  const [start, end] = [new Date(Date.now() - 3600e3), new Date(Date.now() + 120e3)];
  const { ids, latestDateCovered } = await conn.sobject('Account').updated(start, end);
  assert.ok(ids.includes(id));
  assert.match(latestDateCovered, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
  await conn.sobject('Account').destroy(id);
  made.pop();
  const { deletedRecords, earliestDateAvailable } = await conn.sobject('Account').deleted(start, end);
  assert.ok(deletedRecords.some((record) => record.id === id));
  assert.ok(earliestDateAvailable);
});

step('a file goes in and comes out', async () => {
  const content = Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7) % 256));
  const id = (await conn.sobject('ContentVersion').create({ PathOnClient: 'bytes.bin', VersionData: content.toString('base64') })).id;
  const row = await conn.sobject('ContentVersion').retrieve(id);
  assert.deepEqual([row.ContentSize, row.Title, row.IsLatest], [70_000, 'bytes', true]);
  made.push(['ContentDocument', row.ContentDocumentId]);
  const stream = conn.sobject('ContentVersion').record(id).blob('VersionData');
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  assert.ok(Buffer.concat(chunks).equals(content));
  const account = await create('Account', { Name: 'With an attachment' });
  const attachment = await create('Attachment', { ParentId: account, Name: 'a.txt', Body: Buffer.from('hi').toString('base64') });
  assert.equal((await conn.sobject('Attachment').retrieve(attachment)).BodyLength, 2);
});

step('layouts, list views, actions, tabs and themes', async () => {
  const account = conn.sobject('Account');
  assert.ok((await account.layouts()).layouts[0].detailLayoutSections.length > 0);
  assert.equal((await account.compactLayouts()).compactLayouts[0].name, 'SYSTEM');
  assert.deepEqual((await account.approvalLayouts()).approvalLayouts, []);
  const { listviews } = await account.listviews();
  const all = listviews.find((view) => view.developerName === 'AllAccounts');
  assert.ok((await account.listview(all.id).results()).size > 0);
  assert.equal((await account.listview(all.id).describe()).sobjectType, 'Account');
  assert.ok((await account.listview(all.id).explain()).plans.length > 0);
  assert.deepEqual(await account.quickActions(), []);
  assert.deepEqual(await conn.quickActions(), []);
  assert.ok((await conn.tabs()).some((tab) => tab.sobjectName === 'Account'));
  assert.ok((await conn.theme()).themeItems.length > 0);
});

step('recent records', async () => {
  const id = await create('Account', { Name: 'Recent' });
  await conn.sobject('Account').retrieve(id);
  const recent = await conn.recent('Account', 1);
  assert.deepEqual([recent[0].Id, recent[0].Name], [id, 'Recent']);
  assert.equal((await conn.sobject('Account').recent())[0].Id, id);
  assert.equal((await conn.recent())[0].Id, id);
  assert.equal((await conn.query("SELECT Id FROM RecentlyViewed WHERE Type = 'Account' ORDER BY LastViewedDate DESC LIMIT 1")).totalSize, 1);
});

step('explain', async () => {
  const { plans } = await conn.query('SELECT Id FROM Account').explain();
  assert.equal(plans[0].sobjectType, 'Account');
});

step('describes are conditional, methods that do not exist are told', async () => {
  const first = await fetch(`${org.url}${data}/sobjects/Account/describe`, { headers: { Authorization: `Bearer ${org.access_token}` } });
  const headers = { Authorization: `Bearer ${org.access_token}`, 'If-Modified-Since': first.headers.get('last-modified') };
  assert.equal((await fetch(`${org.url}${data}/sobjects/Account/describe`, { headers })).status, 304);
  const refused = await fetch(`${org.url}${data}/sobjects/Account`, { method: 'PUT', headers: { Authorization: headers.Authorization } });
  assert.deepEqual([refused.status, (await refused.json())[0].message], [405, "HTTP Method 'PUT' not allowed. Allowed are GET,HEAD,POST"]);
  await assert.rejects(conn.apex.get('/Nothing/'), (error) => error.errorCode === 'NOT_FOUND');
});

step('clean up', async () => {
  for (const [object, id] of made.reverse()) await conn.sobject(object).destroy(id);
  assert.equal((await conn.query("SELECT COUNT() FROM Account WHERE Ext_Id__c = 'REST-1'")).totalSize, 0);
});

await finish('jsforce rest');

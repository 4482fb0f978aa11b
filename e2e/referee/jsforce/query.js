// jsforce, unmodified, through everything that it does with queries and searches. The values are checked.
//
//   node query.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

import assert from 'node:assert/strict';
import jsforce from 'jsforce';
import { finish, org, step } from './harness.js';

const version = '62.0';
const conn = new jsforce.Connection({ instanceUrl: org.url, accessToken: org.access_token, version });

// A word that no other record has, so that what is counted is ours.
const word = `quern${Date.now().toString(36)}`;
const accounts = [];
const contacts = [];

const names = (result) => (result.records ?? result).map((record) => record.Name);
const rejects = (promise, code, piece) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.errorCode, code, error.message);
    assert.ok(error.message.includes(piece), error.message);
    return true;
  });

step('data to ask for', async () => {
  const made = await conn.sobject('Account').create([
    { Name: `${word} Alpha`, Industry: 'Banking', AnnualRevenue: 1000, NumberOfEmployees: 10, Phone: '(415) 555-0134', BillingCity: 'Oslo' },
    { Name: `${word} beta`, Industry: 'Energy', AnnualRevenue: 250, NumberOfEmployees: 3, Description: 'once a part of alpha' },
    { Name: `${word} Gamma`, Industry: 'Banking' },
  ]);
  accounts.push(...made.map((answer) => answer.id));
  await conn.sobject('Account').update({ Id: accounts[1], ParentId: accounts[0] });
  await conn.sobject('Account').update({ Id: accounts[2], ParentId: accounts[1] });
  const people = await conn.sobject('Contact').create([
    { LastName: `${word} Xu`, FirstName: 'Ann', AccountId: accounts[2], Email: `ann@${word}.example`, LeadSource: 'Web' },
    { LastName: `${word} Young`, FirstName: 'Bo', AccountId: accounts[0], LeadSource: 'Phone Inquiry' },
    { LastName: `${word} Zed`, AccountId: accounts[0] },
  ]);
  contacts.push(...people.map((answer) => answer.id));
});

step('query: relationship paths through two parents, and null for a missing one', async () => {
  const { records, totalSize, done } = await conn.query(
    `SELECT Id, Name, Account.Name, Account.Parent.Name, Account.Parent.Parent.Name FROM Contact WHERE LastName LIKE '${word}%' ORDER BY LastName`);
  assert.equal(totalSize, 3);
  assert.equal(done, true);
  assert.equal(records[0].Name, `Ann ${word} Xu`);
  assert.equal(records[0].Account.Parent.Parent.Name, `${word} Alpha`);
  assert.equal(records[0].Account.attributes.type, 'Account');
  assert.equal(records[1].Account.Parent, null);
});

step('query: text is compared and sorted without its case, nulls come first', async () => {
  const mine = `Name LIKE '${word.toUpperCase()}%'`;
  assert.deepEqual(names(await conn.query(`SELECT Name FROM Account WHERE ${mine} ORDER BY Name DESC`)),
    [`${word} Gamma`, `${word} beta`, `${word} Alpha`]);
  assert.deepEqual(names(await conn.query(`SELECT Name FROM Account WHERE ${mine} ORDER BY AnnualRevenue`)),
    [`${word} Gamma`, `${word} beta`, `${word} Alpha`]);
  assert.deepEqual(names(await conn.query(`SELECT Name FROM Account WHERE ${mine} ORDER BY AnnualRevenue DESC NULLS LAST`)),
    [`${word} Alpha`, `${word} beta`, `${word} Gamma`]);
  assert.equal((await conn.query(`SELECT COUNT() FROM Account WHERE ${mine} AND NumberOfEmployees != 10`)).totalSize, 2);
});

step('query: sub-queries in two levels, null without children', async () => {
  const { records } = await conn.query(
    `SELECT Name, (SELECT Name, (SELECT LastName FROM Contacts) FROM ChildAccounts), (SELECT LastName FROM Contacts ORDER BY LastName DESC)
     FROM Account WHERE Name LIKE '${word}%' ORDER BY Name`);
  assert.deepEqual(records[0].Contacts.records.map((c) => c.LastName), [`${word} Zed`, `${word} Young`]);
  assert.equal(records[0].Contacts.totalSize, 2);
  assert.equal(records[0].ChildAccounts.records[0].Contacts, null);
  assert.equal(records[1].ChildAccounts.records[0].Contacts.records[0].LastName, `${word} Xu`);
  assert.equal(records[2].ChildAccounts, null);
});

step('query: semi-joins and anti-joins', async () => {
  const withPhone = `(SELECT AccountId FROM Contact WHERE LeadSource = 'Phone Inquiry')`;
  assert.deepEqual(names(await conn.query(`SELECT Name FROM Account WHERE Name LIKE '${word}%' AND Id IN ${withPhone}`)), [`${word} Alpha`]);
  assert.equal((await conn.query(`SELECT COUNT() FROM Account WHERE Name LIKE '${word}%' AND Id NOT IN ${withPhone}`)).totalSize, 2);
});

step('query: aggregates, GROUP BY ROLLUP, HAVING, aliases and expr0', async () => {
  const mine = `FROM Account WHERE Name LIKE '${word}%'`;
  const { records: [all] } = await conn.query(`SELECT COUNT(Id), SUM(AnnualRevenue) total, MAX(Name) ${mine}`);
  assert.equal(all.expr0, 3);
  assert.equal(all.total, 1250);
  assert.equal(all.expr1, `${word} Gamma`);
  const { records } = await conn.query(
    `SELECT Industry, GROUPING(Industry) g, COUNT(Id) n ${mine} GROUP BY ROLLUP(Industry) ORDER BY GROUPING(Industry), Industry`);
  assert.deepEqual(records.map(({ Industry, g, n }) => [Industry, g, n]), [['Banking', 0, 2], ['Energy', 0, 1], [null, 1, 3]]);
  const having = await conn.query(`SELECT Industry ${mine} GROUP BY Industry HAVING COUNT(Id) > 1`);
  assert.deepEqual(having.records.map((row) => row.Industry), ['Banking']);
  const byDay = await conn.query(`SELECT CALENDAR_YEAR(CreatedDate) y, COUNT(Id) n ${mine} GROUP BY CALENDAR_YEAR(CreatedDate)`);
  assert.equal(byDay.records.length, 1);
  assert.equal(byDay.records[0].n, 3);
});

step('query: date literals, TYPEOF, toLabel, FORMAT, compound fields, FIELDS()', async () => {
  assert.equal((await conn.query(`SELECT COUNT() FROM Account WHERE Name LIKE '${word}%' AND CreatedDate = LAST_N_DAYS:2`)).totalSize, 3);
  assert.equal((await conn.query(`SELECT COUNT() FROM Account WHERE Name LIKE '${word}%' AND CreatedDate < TODAY`)).totalSize, 0);
  const { id } = await conn.sobject('Task').create({ Subject: word, WhatId: accounts[0], WhoId: contacts[0] });
  const { records: [task] } = await conn.query(
    `SELECT TYPEOF What WHEN Account THEN Phone, Industry WHEN Opportunity THEN StageName END, Who.Name FROM Task WHERE Id = '${id}'`);
  assert.equal(task.What.Industry, 'Banking');
  assert.equal(task.What.attributes.type, 'Account');
  assert.equal(task.Who.Name, `Ann ${word} Xu`);
  await conn.sobject('Task').destroy(id);
  const { records: [account] } = await conn.query(
    `SELECT FORMAT(AnnualRevenue) money, toLabel(Industry), BillingAddress FROM Account WHERE Id = '${accounts[0]}'`);
  assert.equal(account.money, '$1,000');
  assert.equal(account.Industry, 'Banking');
  assert.equal(account.BillingAddress.city, 'Oslo');
  const { records: [full] } = await conn.query(`SELECT FIELDS(STANDARD) FROM Account WHERE Id = '${accounts[0]}'`);
  assert.equal(full.Name, `${word} Alpha`);
  assert.ok('SystemModstamp' in full);
});

step('queryMore, autoFetch and locators', async () => {
  const total = (await conn.query('SELECT COUNT() FROM Contact')).totalSize;
  const headers = { 'Sforce-Query-Options': 'batchSize=200' };
  const seen = new Set();
  let page = await conn.query('SELECT Id FROM Contact', { headers });
  let pages = 1;
  while (!page.done) {
    page.records.forEach((record) => seen.add(record.Id));
    assert.equal(page.totalSize, total);
    page = await conn.queryMore(page.nextRecordsUrl, { headers });
    pages += 1;
  }
  page.records.forEach((record) => seen.add(record.Id));
  assert.equal(seen.size, total);
  assert.equal(pages, Math.ceil(total / 200));
  const all = await conn.query('SELECT Id FROM Contact', { autoFetch: true, maxFetch: total + 1, headers });
  assert.equal(all.records.length, total);
  await rejects(conn.queryMore('/services/data/v62.0/query/0r8000000000000AAA-2000'), 'INVALID_QUERY_LOCATOR', 'invalid query locator');
});

step('a long set of children has pages of its own', async () => {
  const people = Array.from({ length: 230 }, (_, n) => ({ LastName: `${word}kid ${String(n).padStart(3, '0')}`, AccountId: accounts[1] }));
  const made = await conn.sobject('Contact').create(people, { allowRecursive: true });
  contacts.push(...made.map((answer) => answer.id));
  const { records: [account] } = await conn.query(
    `SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE Id = '${accounts[1]}'`,
    { headers: { 'Sforce-Query-Options': 'batchSize=200' } });
  assert.equal(account.Contacts.totalSize, 230);
  assert.equal(account.Contacts.done, false);
  const rest = await conn.queryMore(account.Contacts.nextRecordsUrl);
  const last = [...account.Contacts.records, ...rest.records];
  assert.equal(last.length, 230);
  assert.equal(last.at(-1).LastName, `${word}kid 229`);
});

step('find, with its own ways to write conditions', async () => {
  const found = await conn.sobject('Account')
    .find({ Name: { $like: `${word}%` }, $or: [{ Industry: 'Energy' }, { NumberOfEmployees: { $gte: 10 } }] }, ['Name', 'Parent.Name'])
    .sort('-Name');
  assert.deepEqual(found.map((account) => account.Name), [`${word} beta`, `${word} Alpha`]);
  assert.equal(found[0].Parent.Name, `${word} Alpha`);
  const included = await conn.sobject('Account').find({ Id: accounts[0] }, 'Name').include('Contacts').select('LastName').orderby('LastName').end();
  assert.deepEqual(included[0].Contacts.records.map((contact) => contact.LastName), [`${word} Young`, `${word} Zed`]);
  const one = await conn.sobject('Account').findOne({ Name: { $in: [`${word} Gamma`, `${word} nobody`] } });
  assert.equal(one.Id, accounts[2]);
});

step('scanAll sees what was deleted', async () => {
  await conn.sobject('Contact').destroy(contacts[2]);
  const text = `SELECT Id, IsDeleted FROM Contact WHERE LastName = '${word} Zed'`;
  assert.equal((await conn.query(text)).totalSize, 0);
  const { records } = await conn.query(text, { scanAll: true });
  assert.equal(records[0].IsDeleted, true);
});

step('FOR VIEW leaves its mark', async () => {
  await conn.query(`SELECT Id FROM Account WHERE Id = '${accounts[2]}' FOR VIEW`);
  const { records: [seen] } = await conn.query(`SELECT LastViewedDate, LastReferencedDate FROM Account WHERE Id = '${accounts[2]}'`);
  assert.ok(seen.LastViewedDate);
  assert.equal(seen.LastViewedDate, seen.LastReferencedDate);
});

step('explain', async () => {
  const { plans } = await conn.query(`SELECT Id FROM Account WHERE Id = '${accounts[0]}'`).explain();
  assert.equal(plans[0].leadingOperationType, 'Index');
  assert.deepEqual(plans[0].fields, ['Id']);
  assert.equal(plans[0].cardinality, 1);
  assert.equal(plans[0].sobjectType, 'Account');
  assert.ok(plans[0].relativeCost <= plans.at(-1).relativeCost);
  assert.equal(plans.at(-1).leadingOperationType, 'TableScan');
});

step('search: SOSL over several objects', async () => {
  const { searchRecords } = await conn.search(`FIND {${word} AND (alpha OR young)} IN ALL FIELDS RETURNING Account(Id, Name), Contact(Name, Account.Name)`);
  assert.deepEqual(searchRecords.map((record) => [record.attributes.type, record.Name]),
    [['Account', `${word} Alpha`], ['Contact', `Bo ${word} Young`], ['Account', `${word} beta`]]
      .sort((a, b) => (a[0] === b[0] ? 0 : a[0] < b[0] ? -1 : 1)));
  const inNames = await conn.search(`FIND {${word}} IN NAME FIELDS RETURNING Account(Name WHERE Industry = 'Banking' ORDER BY Name DESC LIMIT 1)`);
  assert.deepEqual(names(inNames.searchRecords), [`${word} Gamma`]);
  const byMail = await conn.search(`FIND {ann@${word}.example} IN EMAIL FIELDS`);
  assert.deepEqual(byMail.searchRecords.map((record) => record.Id), [contacts[0]]);
  const wild = await conn.search(`FIND {${word.slice(0, -1)}? gam*} RETURNING Account(Name)`);
  assert.deepEqual(names(wild.searchRecords), [`${word} Gamma`]);
  const phrase = await conn.search(`FIND {"part of alpha"} RETURNING Account(Name WHERE Name LIKE '${word}%')`);
  assert.deepEqual(names(phrase.searchRecords), [`${word} beta`]);
  await rejects(conn.search('FIND alpha'), 'MALFORMED_SEARCH', 'enclosed in braces');
  await rejects(conn.search('FIND {a}'), 'MALFORMED_SEARCH', 'longer than one character');
});

step('parameterizedSearch by GET and by POST, layouts, suggestions, scope order', async () => {
  const base = `/services/data/v${version}`;
  const got = await conn.request(`${base}/parameterizedSearch?q=${word}&sobject=Account&Account.fields=id,name&Account.limit=2&in=NAME`);
  assert.equal(got.searchRecords.length, 2);
  const posted = await conn.requestPost(`${base}/parameterizedSearch`, {
    q: word, fields: ['id'], in: 'ALL', overallLimit: 10, defaultLimit: 5,
    sobjects: [{ name: 'Account', fields: ['Name', 'NumberOfEmployees'], where: 'NumberOfEmployees > 5' }, { name: 'Contact', limit: 1 }],
  });
  assert.deepEqual(posted.searchRecords.map((record) => record.attributes.type), ['Account', 'Contact']);
  assert.equal(posted.searchRecords[0].NumberOfEmployees, 10);
  const [layout] = await conn.request(`${base}/search/layout?q=Account`);
  assert.deepEqual(layout.searchColumns[0], { field: 'Account.Name', format: null, label: 'Account Name', name: 'Name' });
  const suggested = await conn.request(`${base}/search/suggestions?q=${word}%20al&sobject=Account`);
  assert.deepEqual(names(suggested.autoSuggestResults), [`${word} Alpha`]);
  assert.equal(suggested.hasMoreResults, false);
  const scopes = await conn.request(`${base}/search/scopeOrder`);
  assert.ok(scopes.some((scope) => scope.type === 'Account' && scope.url === `${base}/sobjects/Account/describe`));
});

step('refusals carry their codes and places', async () => {
  await rejects(conn.query('SELECT Id FROM Account OFFSET 2001'), 'NUMBER_OUTSIDE_VALID_RANGE', 'Maximum SOQL offset allowed is 2000');
  await rejects(conn.query("SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'"), 'MALFORMED_QUERY', 'ERROR at Row:1:Column:56\nunexpected token: \'OR\'');
  await rejects(conn.query("SELECT Id FROM Account WHERE Description = 'x'"), 'INVALID_FIELD', "field 'Description' can not be filtered in a query call");
  await rejects(conn.query('SELECT Id FROM Account WHERE Id = 5'), 'INVALID_FIELD', 'should be enclosed in quotes');
  await rejects(conn.query('SELECT Nothing.Name FROM Account'), 'INVALID_FIELD', "Didn't understand relationship 'Nothing'");
  await rejects(conn.query('SELECT (SELECT Id FROM Nothings) FROM Account'), 'INVALID_FIELD', 'in FROM part of query call');
  await rejects(conn.query('SELECT Id FROM Nothing__c'), 'INVALID_TYPE', "sObject type 'Nothing__c' is not supported");
  await rejects(conn.query('SELECT FIELDS(ALL) FROM Account'), 'MALFORMED_QUERY', 'must have a LIMIT of at most 200');
  await rejects(conn.query('SELECT convertCurrency(AnnualRevenue) FROM Account'), 'INVALID_FIELD', 'several currencies');
  await rejects(conn.query('SELECT Id FROM Account USING SCOPE nothing'), 'INVALID_QUERY_SCOPE', 'nothing');
});

step('clean up', async () => {
  const gone = await conn.sobject('Contact').destroy(contacts.filter((id) => id !== contacts[2]), { allowRecursive: true });
  assert.ok(gone.every((answer) => answer.success));
  for (const id of accounts.reverse()) await conn.sobject('Account').destroy(id);
  assert.equal((await conn.query(`SELECT COUNT() FROM Account WHERE Name LIKE '${word}%'`)).totalSize, 0);
});

await finish('jsforce query');

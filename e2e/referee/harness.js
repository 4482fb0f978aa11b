// What the scenarios in JavaScript share: the org that they are told of, and the steps that they are made of.
//
//   node NAME.js '{"url": …}'      the line that `tidegate emulator serve --json` prints

/** The org: `url`, `access_token`, `client_id` and so on. */
export const org = JSON.parse(process.argv[2]);

const steps = [];

/** Adds a step: it passes where `run` does not throw. */
export const step = (name, run) => steps.push([name, run]);

/** Runs the steps in their order, says how it went and ends the program. */
export const finish = async (scenario) => {
  let failed = 0;
  for (const [name, run] of steps) {
    try {
      await run();
    } catch (error) {
      failed += 1;
      console.error(`${scenario}: ${name}: FAILED\n${error.stack ?? error}`);
    }
  }
  console.log(`${scenario}: ${steps.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
};

/** Waits for a state with a deadline; gives what `look` gives once it is there. */
export const until = async (what, look) => {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** A REST call of version 66.0; gives the body. */
export const rest = async (method, path, body) => {
  const answer = await fetch(`${org.url}/services/data/v66.0${path}`, {
    method,
    headers: { Authorization: `Bearer ${org.access_token}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
};

/** One of the emulator's own controls of the event bus. */
export const control = async (body) => {
  const answer = await fetch(`${org.url}/__emulator/events`, { method: 'POST', body: JSON.stringify(body) });
  const told = await answer.json();
  if (!answer.ok) throw new Error(JSON.stringify(told));
  return told;
};

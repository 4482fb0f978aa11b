// What the scenarios of jsforce share: the org that they are told of, and the steps that they are made of.
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

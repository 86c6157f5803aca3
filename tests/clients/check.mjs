// Runs checks one after the other and counts them.

let passed = 0;
let failed = 0;

/** Runs `work`, and prints whether it went well and how long it took. */
export async function check(name, work, success = "passed") {
  const start = performance.now();
  try {
    await work();
    const seconds = ((performance.now() - start) / 1000).toFixed(2);
    console.log(`${name}: ${success} in ${seconds} s`);
    passed += 1;
  } catch (error) {
    console.log(`${name}: FAILED: ${error.message}`);
    failed += 1;
  }
}

/** Prints the counts and ends the process, which leaves connections behind otherwise. */
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

/** Resolves as `promise` does, unless that takes longer than `seconds`. */
export async function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

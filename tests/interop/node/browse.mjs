// Drives a real browser as told: a JSON document on stdin, one on stdout with what was read and what went wrong.
//
//   { "executable", "url", "scheme": "light" | "dark", "width", "height", "steps": [STEP…] }
//   STEP: { "click": SELECTOR } | { "until": EXPRESSION } | { "read": EXPRESSION, "as": NAME } | { "picture": FILE }
//       | { "ask": URL }, which is asked for by something else than the browser
import { chromium } from "playwright-core";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const wanted = JSON.parse(text);

const browser = await chromium.launch({
  executablePath: wanted.executable,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const said = { read: {}, errors: [], requested: [] };
try {
  const context = await browser.newContext({
    colorScheme: wanted.scheme ?? "light",
    viewport: { width: wanted.width ?? 1280, height: wanted.height ?? 900 },
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") said.errors.push(message.text());
  });
  page.on("pageerror", (error) => said.errors.push(String(error)));
  page.on("request", (request) => said.requested.push(request.url()));
  await page.goto(wanted.url);
  for (const step of wanted.steps) {
    if (step.ask) await (await fetch(step.ask)).text();
    if (step.click) await page.click(step.click);
    // Not by `eval` in the page, which its policy forbids: the debugger evaluates, and is asked again until it is true.
    if (step.until) {
      const deadline = Date.now() + 30_000;
      while (!(await page.evaluate(step.until))) {
        if (Date.now() > deadline) throw new Error(`waited in vain for ${step.until}`);
        await page.waitForTimeout(50);
      }
    }
    if (step.read) said.read[step.as] = await page.evaluate(step.read);
    if (step.picture) await page.screenshot({ path: step.picture, fullPage: true });
  }
} catch (error) {
  said.failed = String(error);
} finally {
  await browser.close();
}
console.log(JSON.stringify(said));

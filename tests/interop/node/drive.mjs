// A real browser that is told one thing after another: a JSON command on each line of stdin, its answer on a line of stdout.
//
//   { "do": "open" | "goto" | "click" | "fill" | "url" | "text" | "read" | "cookies" | "picture" | "close", "tab": NAME, … }
//
// Tabs share one profile: its cookies are what this is for. `url` with "starts" waits until the tab is somewhere below it, and
// `read` with "until" asks the page again and again until it says something true.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const PATIENCE = 30_000;
const browser = await chromium.launch({
  executablePath: process.env.INTEROP_BROWSER,
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ...(process.argv[2] ? [`--ignore-certificate-errors-spki-list=${process.argv[2]}`] : []),
  ],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce" });
context.setDefaultTimeout(PATIENCE);
const tabs = new Map();
const visited = [];

const commands = {
  async open({ tab }) {
    const page = await context.newPage();
    page.on("framenavigated", (frame) => frame === page.mainFrame() && visited.push(frame.url()));
    tabs.set(tab, page);
  },
  async goto({ url }, page) {
    const answer = await page.goto(url);
    return answer && answer.status();
  },
  click: ({ at }, page) => page.click(at),
  fill: ({ at, value }, page) => page.fill(at, value),
  async url({ starts }, page) {
    // Not that it has all loaded: that it is there.
    if (starts) await page.waitForURL((url) => url.href.startsWith(starts), { waitUntil: "commit" });
    return page.url();
  },
  text: ({ at }, page) => page.innerText(at),
  async read({ script, until }, page) {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      // A page that is just being left can't be asked.
      const said = await page.evaluate(script).catch((error) => (until ? null : Promise.reject(error)));
      if (said || !until) return said;
      if (Date.now() > deadline) throw new Error(`waited in vain for ${script}`);
      await page.waitForTimeout(50);
    }
  },
  cookies: () => context.cookies(),
  picture: ({ file }, page) => page.screenshot({ path: file, fullPage: true }),
  visited: () => visited,
  close: () => browser.close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  let answer;
  try {
    answer = { said: (await commands[told.do](told, tabs.get(told.tab))) ?? null };
  } catch (error) {
    answer = { failed: String(error), at: tabs.get(told.tab)?.url() };
  }
  console.log(JSON.stringify(answer));
  if (told.do === "close") break;
}

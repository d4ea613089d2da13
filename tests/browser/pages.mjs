// The dashboard in a browser: each role's way through, what must not work, axe on every page, no
// request to anywhere else. Run by scripts/browser.
import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { freePort, start } from './dashboard.mjs';
import { crawl } from './passive.mjs';
import { startProvider } from './provider.mjs';

const program = process.env.ONCOWEAVE ?? 'target/debug/oncoweave';
const demo = process.env.DEMO;
const hostile = process.env.HOSTILE;
const pictures = process.env.PICTURES;
const endpoint = process.env.ENDPOINT;
const exported = process.env.EXPORTS;
const tls = process.env.TLS;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const scratch = mkdtempSync(join(tmpdir(), 'oncoweave-browser-'));
for (const folder of [pictures, exported]) if (folder) mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const OWN = 'four quiet mountain lakes';
const elsewhere = [];
const complaints = [];
let seen = 0;

// `others` are the addresses that the page may lead to besides the dashboard's.
async function open(site, options = {}, others = []) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ignoreHTTPSErrors: true, ...options });
  context.setDefaultTimeout(30_000);
  context.on('request', (request) => {
    const known = [site.url, 'data:', ...others];
    if (!known.some((start) => request.url().startsWith(start))) elsewhere.push(request.url());
  });
  const page = await context.newPage();
  page.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('console', (message) => {
    // An icon may be asked for when the test is over.
    if (site.stopped) return;
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  return page;
}

async function look(page, name) {
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    // In the page's own world, past the policy, which refuses scripts that are added.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    for (const found of violations) {
      complaints.push(`${name} (${scheme}): ${found.id}: ${found.help}: ${found.nodes.slice(0, 3).map((node) => node.html).join(' | ')}`);
    }
    if (pictures) await page.screenshot({ path: join(pictures, `${name}-${scheme}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) complaints.push(`${name}: the page is ${wide} pixels wider than the screen`);
  seen += 1;
}

// Waits for the text: a key or a click leads to another page some time later.
async function says(locator, text) {
  await locator.filter({ hasText: text }).first().waitFor();
}

async function signIn(page, site, name, password) {
  await page.goto(`${site.url}/login`);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function choosePassword(page, old, password) {
  await page.getByLabel(/One-time password|Old password/).fill(old);
  await page.getByLabel('New password', { exact: true }).fill(password);
  await page.getByLabel('New password again').fill(password);
  await page.getByRole('button', { name: 'Set the password' }).click();
}

async function addAccount(admin, site, name, roles) {
  await admin.goto(`${site.url}/accounts`);
  const form = admin.getByRole('region', { name: 'Add an account' });
  await form.getByLabel('Name').fill(name);
  for (const role of roles) await form.getByRole('checkbox', { name: `${role}:` }).check();
  await form.getByRole('button').click();
  return (await admin.locator('.secret code').textContent()).trim();
}

async function newAccount(admin, site, name, roles) {
  const password = await addAccount(admin, site, name, roles);
  const page = await open(site);
  await signIn(page, site, name, password);
  await choosePassword(page, password, OWN);
  return page;
}

// Keeps a file that a link gives, for the programs of others that read it later.
async function keep(page, link) {
  const [file] = await Promise.all([page.waitForEvent('download'), link.click()]);
  const bytes = readFileSync(await file.path());
  if (exported) writeFileSync(join(exported, file.suggestedFilename()), bytes);
  return bytes;
}

async function check(name, work) {
  const before = Date.now();
  await work();
  console.log(`ok  ${name} (${Date.now() - before} ms)`);
}

const base = [
  `${demo}/evaluation`, '--data', `${demo}/cohort.parquet`, '--model', `${demo}/model`,
  '--lineage', `${demo}/extracted/lineage.parquet`, '--cohort', `${demo}/cohort/cohort.toml`,
  '--explanations', `${demo}/explanations.parquet`, '--store', join(scratch, 'store'),
];
if (endpoint) base.push('--endpoint', endpoint);
// As in a hospital: over HTTPS.
base.push('--certificate', join(tls, 'certificate.pem'), '--key', join(tls, 'key.pem'));
const site = await start(program, base);
// One whose sessions end soon: left alone until the last check.
const brief = await start(program, [`${demo}/evaluation`, '--store', join(scratch, 'brief'), '--idle-minutes', '1']);
const left = await open(brief);
let leftAt;
await check('five wrong passwords lock an account', async () => {
  await signIn(left, brief, 'admin', brief.password);
  await choosePassword(left, brief.password, 'a quiet admin of mountains');
  await newAccount(left, brief, 'dr.grey', ['clinician']);
  const thief = await open(brief);
  for (let tried = 0; tried < 5; tried += 1) await signIn(thief, brief, 'dr.grey', 'a wrong password');
  await signIn(thief, brief, 'dr.grey', OWN);
  assert.equal(new URL(thief.url()).pathname, '/login');
  await left.goto(`${brief.url}/accounts`);
  await says(left.locator('main'), /locked after wrong passwords/);
  leftAt = Date.now();
});

let admin;

await check('the first start: the one-time password works once', async () => {
  admin = await open(site);
  await admin.goto(site.url);
  await look(admin, 'login');
  await signIn(admin, site, 'admin', 'a wrong password');
  assert.match(await admin.getByRole('alert').textContent(), /do not go together/);
  await signIn(admin, site, 'admin', site.password);
  await look(admin, 'password');
  await choosePassword(admin, site.password, 'short');
  assert.equal(new URL(admin.url()).pathname, '/password');
  await choosePassword(admin, site.password, 'a quiet admin of mountains');
  await look(admin, 'accounts');
});

await check('a clinician finds a patient, understands the number, prints it', async () => {
  const page = await newAccount(admin, site, 'dr.grey', ['clinician']);
  await page.goto(site.url);
  await look(page, 'cohort');
  await page.getByLabel('Risk group', { exact: true }).selectOption('high');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await says(page.locator('.lead-line'), /\d+ of \d+ patients/);
  await page.goto(site.url);
  await page.getByRole('link', { name: 'Predicted risk' }).click();
  const rows = page.getByRole('region', { name: 'List of patients' }).locator('tbody tr');
  const whole = rows.filter({ hasNotText: 'none' }).first();
  await whole.getByRole('link').click();
  await says(page.locator('main'), /Of 100 people/);
  await look(page, 'patient');
  if (pictures) {
    await page.pdf({ path: join(pictures, 'patient.pdf'), format: 'A4' });
    await page.emulateMedia({ media: 'print' });
    await page.screenshot({ path: join(pictures, 'patient-print.png'), fullPage: true });
    await page.emulateMedia({ media: 'screen' });
  }
  const address = page.url();
  const images = page.getByRole('link', { name: /slices with the region/ });
  if (await images.count()) {
    await images.first().click();
    const picture = page.locator('#picture');
    await picture.evaluate((image) => image.decode());
    const first = await page.getByLabel(/^Slice of/).inputValue();
    await page.getByLabel(/^Slice of/).press('ArrowUp');
    await picture.evaluate((image) => image.decode());
    assert.equal(Number(await page.getByLabel(/^Slice of/).inputValue()), Number(first) + 1);
    await look(page, 'images');
  }
  await page.goto(address);
  await page.getByRole('link', { name: 'How good the model was found to be' }).click();
  await look(page, 'validation');
  await page.getByRole('link', { name: 'Model card' }).click();
  await look(page, 'model');
  await page.getByRole('link', { name: 'Compare' }).click();
  await look(page, 'compare');
  const refused = await page.goto(`${site.url}/audit`);
  assert.equal(refused.status(), 403);
  await look(page, 'refused');
});

await check('a patient for whom the model does not apply has no number', async () => {
  const page = await open(site);
  await signIn(page, site, 'dr.grey', OWN);
  await page.goto(`${site.url}/`);
  const row = page.getByRole('region', { name: 'List of patients' }).locator('tr', { hasText: 'model does not apply' });
  if (await row.count()) {
    await row.first().getByRole('link').click();
    await says(page.locator('main'), /No number is shown/);
    await look(page, 'patient-refused');
  }
});

await check('everything works without JavaScript, on a small screen, by keyboard', async () => {
  const page = await open(site, { javaScriptEnabled: false, viewport: { width: 390, height: 800 } });
  await signIn(page, site, 'dr.grey', OWN);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByLabel('Patient id holds').fill('1');
  await page.keyboard.press('Enter');
  await says(page.locator('.lead-line'), /of \d+ patients/);
  await page.getByRole('region', { name: 'List of patients' }).getByRole('link').nth(3).click();
  if (pictures) await page.screenshot({ path: join(pictures, 'patient-small.png'), fullPage: true });
});

await check('a researcher sees groups and no patient', async () => {
  const page = await newAccount(admin, site, 'researcher', ['researcher']);
  await page.goto(site.url);
  await look(page, 'researcher');
  assert.equal(await page.getByRole('region', { name: 'List of patients' }).count(), 0);
  const slug = new URL(page.url()).pathname;
  const answer = await page.goto(`${site.url}${slug}/patients/P001`);
  assert.equal(answer.status(), 403);
});

await check('a data manager exports; an auditor sees it; a session ends', async () => {
  const page = await newAccount(admin, site, 'manager', ['data-manager']);
  await page.goto(site.url);
  const table = await keep(page, page.getByRole('link', { name: 'Predictions as CSV' }));
  assert.match(table.toString(), /Not a medical device/);
  for (const picture of await page.getByRole('link', { name: 'PNG' }).all()) await keep(page, picture);
  const list = page.getByRole('region', { name: 'List of patients' }).locator('tbody tr');
  await list.filter({ hasNotText: 'none' }).first().getByRole('link').click();
  for (const name of ['R4', 'R5', /on one page/]) await keep(page, page.getByRole('link', { name }));
  await page.getByRole('link', { name: 'Validation' }).click();
  await keep(page, page.getByRole('link', { name: 'This page as PDF' }));
  await page.goto(site.url);
  if (endpoint) {
    await page.getByRole('link', { name: 'Score patients' }).click();
    await look(page, 'score');
    await page.getByRole('button', { name: 'Score the cohort' }).click();
    await page.getByRole('link', { name: 'All of them as CSV' }).waitFor();
    await look(page, 'batch');
    await page.goto(site.url);
    await page.getByRole('region', { name: 'List of patients' }).locator('tbody tr').filter({ hasNotText: 'none' }).first().getByRole('link').click();
    await page.getByRole('link', { name: /What if/ }).click();
    await look(page, 'what-if');
    await page.getByLabel(/^age/).fill('75');
    await page.getByRole('button', { name: 'Ask the model' }).click();
    await says(page.locator('main'), /As asked/);
    await look(page, 'what-if-asked');
    await page.getByLabel(/^age/).fill('400');
    await page.getByRole('button', { name: 'Ask the model' }).click();
    await says(page.getByRole('alert'), /trained on no others/);
  }
  const auditor = await newAccount(admin, site, 'watch', ['auditor']);
  await auditor.goto(`${site.url}/audit?text=manager`);
  await auditor.getByRole('button', { name: 'Check the whole chain' }).click();
  await says(auditor.locator('main'), /export predictions/);
  await says(auditor.getByRole('status'), /is whole/);
  await look(auditor, 'audit');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.goto(`${site.url}/`);
  assert.equal(new URL(page.url()).pathname, '/login');
});

await check('nothing that a passive scan would find, whoever looks', async () => {
  const people = [undefined, 'dr.grey', 'researcher', 'manager', 'watch', 'admin'];
  for (const name of people) {
    const page = await open(site);
    if (name) await signIn(page, site, name, name === 'admin' ? 'a quiet admin of mountains' : OWN);
    const { opened, findings } = await crawl(page.request, site);
    console.log(`    ${name ?? 'nobody'}: ${opened} addresses, ${findings.length} findings`);
    complaints.push(...findings.map((finding) => `${name ?? 'nobody'}: ${finding}`));
  }
});

site.stop();

if (hostile) {
  const large = await start(program, [hostile, '--store', join(scratch, 'large')]);
  await check('10,000 patients with HTML in every text', async () => {
    const root = await open(large);
    await signIn(root, large, 'admin', large.password);
    await choosePassword(root, large.password, 'a quiet admin of mountains');
    const page = await newAccount(root, large, 'manager', ['data-manager']);
    const before = Date.now();
    const answer = await page.goto(`${large.url}/`);
    console.log(`    cohort page of 10,000: ${Date.now() - before} ms in the browser, ${(await answer.body()).length} bytes`);
    await look(page, 'hostile-cohort');
    await page.getByRole('region', { name: 'List of patients' }).getByRole('link').nth(4).click();
    await look(page, 'hostile-patient');
    await page.getByRole('link', { name: 'Validation' }).click();
    await look(page, 'hostile-validation');
    await page.getByRole('link', { name: 'Compare' }).click();
    await look(page, 'hostile-compare');
  });
  large.stop();
}

await check('sign-in by OpenID Connect: who has a role comes in, once, and nobody else', async () => {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const secret = 'a secret between the two of them, long enough';
  const people = { 'dr.house': ['oncology-doctors'], porter: ['porters'] };
  const provider = await startProvider(`${address}/login/oidc/callback`, secret, people);
  const settings = join(scratch, 'oidc.toml');
  writeFileSync(join(scratch, 'secret'), secret);
  writeFileSync(settings, `issuer = "${provider.issuer}"
client_id = "oncoweave"
client_secret_file = "secret"
address = "${address}"
label = "Hospital login"
roles_claim = "groups"
[roles]
oncology-doctors = "clinician"
`);
  const store = join(scratch, 'elsewhere');
  const there = await start(program, [`${demo}/evaluation`, '--store', store, '--oidc', settings], port);
  const enter = async (name) => {
    const page = await open(there, {}, [provider.issuer]);
    await page.goto(`${there.url}/studies/evaluation/validation`);
    const back = page.waitForRequest(/oidc\/callback/);
    await page.getByRole('link', { name: 'Sign in by Hospital login' }).click();
    await page.getByLabel('Your name').fill(name);
    await page.getByRole('button').click();
    const url = (await back).url();
    await page.waitForLoadState();
    return { page, url };
  };
  const { page, url } = await enter('dr.house');
  assert.equal(new URL(page.url()).pathname, '/studies/evaluation/validation');
  await says(page.locator('footer'), /for oidc:dr.house/);
  assert.equal((await page.goto(`${there.url}/audit`)).status(), 403);
  assert.match(await page.goto(`${there.url}/password`).then(() => page.locator('main').textContent()), /kept and changed there/);
  // Neither the same browser nor another comes in by the way back a second time.
  const other = await open(there);
  for (const one of [page, other]) assert.equal((await one.goto(url)).status(), 401);
  const porter = await enter('porter');
  await says(porter.page.locator('main'), /no role here/);
  await look(porter.page, 'oidc-refused');
  const root = await open(there);
  await root.goto(`${there.url}/login`);
  await look(root, 'login-oidc');
  await signIn(root, there, 'admin', there.password);
  await choosePassword(root, there.password, 'a quiet admin of mountains');
  await look(root, 'accounts-oidc');
  await root.getByRole('button', { name: 'Close oidc:dr.house' }).click();
  assert.equal(new URL((await page.goto(`${there.url}/studies/evaluation`), page.url())).pathname, '/login');
  const closed = await enter('dr.house');
  await says(closed.page.locator('main'), /is closed/);
  there.stop();
  provider.stop();
});

await check('a session that nobody used has ended', async () => {
  await new Promise((resolve) => { setTimeout(resolve, Math.max(0, leftAt + 61_000 - Date.now())); });
  await left.goto(`${brief.url}/accounts`);
  assert.equal(new URL(left.url()).pathname, '/login');
  brief.stop();
});

await browser.close();
assert.deepEqual(elsewhere, [], 'requests to elsewhere');
for (const complaint of complaints) console.log(`not ok  ${complaint}`);
assert.equal(complaints.length, 0, 'complaints');
console.log(`${seen} pages looked at in light and dark: axe finds nothing, no request went elsewhere`);

// The dashboard in a browser: each role's way through, what must not work, axe on every page, no
// request to anywhere else. Run by scripts/browser.
import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { start } from './dashboard.mjs';

const program = process.env.ONCOWEAVE ?? 'target/debug/oncoweave';
const demo = process.env.DEMO;
const hostile = process.env.HOSTILE;
const pictures = process.env.PICTURES;
const endpoint = process.env.ENDPOINT;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const scratch = mkdtempSync(join(tmpdir(), 'oncoweave-browser-'));
if (pictures) mkdirSync(pictures, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const OWN = 'four quiet mountain lakes';
const elsewhere = [];
const complaints = [];
let seen = 0;

async function open(site, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
  context.setDefaultTimeout(30_000);
  context.on('request', (request) => {
    if (!request.url().startsWith(site.url) && !request.url().startsWith('data:')) elsewhere.push(request.url());
  });
  const page = await context.newPage();
  page.on('dialog', (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('console', (message) => {
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
const site = await start(program, endpoint ? [...base, '--endpoint', endpoint] : base);
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
  assert.match(await page.locator('.lead-line').textContent(), /\d+ of \d+ patients/);
  await page.goto(site.url);
  await page.getByRole('link', { name: 'Predicted risk' }).click();
  const rows = page.getByRole('region', { name: 'List of patients' }).locator('tbody tr');
  const whole = rows.filter({ hasNotText: 'none' }).first();
  await whole.getByRole('link').click();
  assert.match(await page.locator('main').textContent(), /Of 100 people/);
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
    assert.match(await page.locator('main').textContent(), /No number is shown/);
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
  assert.match(await page.locator('.lead-line').textContent(), /of \d+ patients/);
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
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Predictions as CSV' }).click(),
  ]);
  assert.match(readFileSync(await file.path(), 'utf8'), /Not a medical device/);
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
    assert.match(await page.locator('main').textContent(), /As asked/);
    await look(page, 'what-if-asked');
    await page.getByLabel(/^age/).fill('400');
    await page.getByRole('button', { name: 'Ask the model' }).click();
    assert.match(await page.getByRole('alert').textContent(), /trained on no others/);
  }
  const auditor = await newAccount(admin, site, 'watch', ['auditor']);
  await auditor.goto(`${site.url}/audit?text=manager`);
  await auditor.getByRole('button', { name: 'Check the whole chain' }).click();
  assert.match(await auditor.locator('main').textContent(), /export predictions/);
  assert.match(await auditor.getByRole('status').textContent(), /is whole/);
  await look(auditor, 'audit');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.goto(`${site.url}/`);
  assert.equal(new URL(page.url()).pathname, '/login');
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

await browser.close();
assert.deepEqual(elsewhere, [], 'requests to elsewhere');
for (const complaint of complaints) console.log(`not ok  ${complaint}`);
assert.equal(complaints.length, 0, 'complaints');
console.log(`${seen} pages looked at in light and dark: axe finds nothing, no request went elsewhere`);

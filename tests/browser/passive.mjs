// What a passive scan looks for, over two of each kind of address that a role can open: the rules of OWASP ZAP's
// passive scanner by their numbers (zaproxy.org/docs/alerts), as no registry has ZAP itself. Left out are the rules
// that only name what a page is (10049, 10109, 10111, 10112, 10113), those about frameworks that are not here (10032,
// 10034, 10061 beyond its header, 90001, 90002, 90030), and those that compare a page with what was asked (10029,
// 10030, 10031, 10043): a search form that shows its words again is no finding, and HTML in every text has a check of
// its own.
import { createHash } from 'node:crypto';

const NAMES = ['admin', 'root', 'dr.grey', 'researcher', 'manager', 'watch'];
const hashes = NAMES.flatMap((name) => ['md5', 'sha1', 'sha256'].map((kind) => createHash(kind).update(name).digest('hex')));

// The first thing that a pattern finds.
const found = (text, pattern) => (text.match(pattern) ?? [])[0];
const tags = (answer, name) => (answer.isHtml ? answer.text.match(new RegExp(`<${name}\\b[^>]*>`, 'gi')) ?? [] : []);
const attribute = (tag, name) => (tag.match(new RegExp(`\\b${name}="([^"]*)"`, 'i')) ?? [])[1];
const isElsewhere = (address) => /^(https?:)?\/\//i.test(address ?? '');
const missing = (answer, name, pattern) => (pattern.test(answer.headers[name] ?? '') ? undefined : `${name}: ${answer.headers[name] ?? 'none'}`);
const header = (...names) => (answer) => names.find((name) => answer.headers[name]);
const cookieWithout = (pattern) => (answer) => answer.cookies.find((line) => !pattern.test(line));

function policy(answer) {
  if (!answer.isHtml) return undefined;
  const directives = new Map((answer.headers['content-security-policy'] ?? '').split(';').map((one) => {
    const [name, ...sources] = one.trim().split(/\s+/);
    return [name, sources];
  }));
  const lacking = ['default-src', 'form-action', 'frame-ancestors', 'base-uri'].find((name) => !directives.has(name));
  if (lacking) return `no ${lacking}`;
  const loose = /^(\*|https?:|data:|blob:|'unsafe-.*'|.*\*.*)$/;
  for (const [name, sources] of directives) {
    const one = sources.find((source) => loose.test(source));
    if (one) return `${name} ${one}`;
  }
  return undefined;
}

function cardNumber(answer) {
  if (!answer.isText) return undefined;
  const luhn = (digits) => [...digits].reverse().reduce((sum, digit, place) => {
    const twice = place % 2 ? 2 * digit : Number(digit);
    return sum + (twice > 9 ? twice - 9 : twice);
  }, 0) % 10 === 0;
  const numbers = answer.text.match(/(?<![\d.a-z])\d{13,16}(?![\d.a-z])/gi) ?? [];
  return numbers.find((digits) => /^(4|5[1-5]|2[2-7]|3[0-8]|6)/.test(digits) && luhn(digits));
}

function timestamp(answer) {
  if (!answer.isText) return undefined;
  const now = Date.now() / 1000;
  const near = (text) => Math.abs(Number(text) - now) < 10 * 365 * 86_400;
  return (answer.text.match(/\b(?:1\d|2[0-2])\d{8}\b(?!%)/g) ?? []).find(near);
}

const ERRORS = /panicked at|stack backtrace|Traceback \(most|\.rs:\d+|\bat [\w.]+\([\w.]+:\d+\)|SQLITE_|SQL syntax|Internal Server Error|Unhandled exception/;
const COMMENT = /\b(TODO|FIXME|BUGS?|XXX|QUERY|DB|ADMIN(ISTRATOR)?|USER(NAME)?|PASSW(OR)?D|SELECT|WHERE|LATER|DEBUG)\b/i;

const RULES = [
  [2, 'private address', (one) => one.isText && found(one.text, /\b(10\.\d{1,3}|172\.(1[6-9]|2\d|3[01])|192\.168)\.\d{1,3}\.\d{1,3}\b/)],
  [3, 'session in an address', (one) => found(one.url + tags(one, 'a').join(), /[?&;](j?sess(ion)?(id)?|sid|phpsessid|token)=/i)],
  [10003, 'library of others', (one) => tags(one, 'script').find((tag) => !/src="\/static\/viewer\.js"/.test(tag))],
  [10009, 'banner in a page', (one) => one.isHtml && found(one.text, /\b(apache|nginx|jetty|tomcat|iis|hyper|axum|rusqlite)[/ ]\d[\d.]*/i)],
  [10010, 'cookie without HttpOnly', cookieWithout(/;\s*HttpOnly/i)],
  [10011, 'cookie without Secure', (one) => one.isSecure && cookieWithout(/;\s*Secure/i)(one)],
  [10015, 'cache control', (one) => one.isSecure && !one.isStatic && ['no-store', 'no-cache', 'must-revalidate'].map((word) => missing(one, 'cache-control', new RegExp(word))).find(Boolean)],
  [10017, 'script from elsewhere', (one) => tags(one, 'script').find((tag) => isElsewhere(attribute(tag, 'src')))],
  [10019, 'no content type', (one) => one.size > 0 && missing(one, 'content-type', /\w+\/[\w+.-]+/)],
  [10020, 'may be framed', (one) => one.isHtml && missing(one, 'x-frame-options', /^DENY$/)],
  [10021, 'content type may be guessed', (one) => missing(one, 'x-content-type-options', /^nosniff$/)],
  [10023, 'debug messages', (one) => one.isText && found(one.text, ERRORS)],
  [10024, 'secret in an address', (one) => found(one.url, /[?&](user(name)?|pass(word)?|pwd|token|ticket|email|csrf|ssn)=/i)],
  [10025, 'referrer', (one) => missing(one, 'referrer-policy', /^(same-origin|no-referrer|strict-origin)$/)],
  [10026, 'form without an action', (one) => tags(one, 'form').find((tag) => !attribute(tag, 'action'))],
  [10027, 'comments', (one) => (one.isHtml ? one.text.match(/<!--[^]*?-->/g) ?? [] : one.isScript ? one.text.split('\n') : []).find((line) => COMMENT.test(line))],
  [10028, 'redirect elsewhere', (one) => (isElsewhere(one.headers.location) ? one.headers.location : undefined)],
  [10033, 'list of a folder', (one) => one.isHtml && found(one.text, /<title>(Index of|Directory listing)/i)],
  [10035, 'no strict transport security', (one) => one.isSecure && missing(one, 'strict-transport-security', /max-age=\d{7,}/)],
  [10036, 'server header', header('server')],
  [10037, 'X-Powered-By', header('x-powered-by')],
  [10038, 'no policy', (one) => one.isHtml && missing(one, 'content-security-policy', /default-src/)],
  [10039, 'X-Backend-Server', header('x-backend-server')],
  [10040, 'mixed content', (one) => one.isSecure && one.isHtml && found(one.text, /\b(src|href|action|data|poster)="http:/i)],
  [10041, 'form to or from plain HTTP', (one) => tags(one, 'form').find((tag) => isElsewhere(attribute(tag, 'action')))],
  [10044, 'redirect with a body', (one) => (one.status >= 300 && one.status < 400 && one.size > 300 ? `${one.size} bytes` : undefined)],
  [10050, 'from a cache', header('x-cache', 'age')],
  [10052, 'X-ChromeLogger-Data', header('x-chromelogger-data', 'x-chromephp-data')],
  [10054, 'cookie without SameSite', cookieWithout(/;\s*SameSite=(Lax|Strict)/i)],
  [10055, 'loose policy', policy],
  [10056, 'X-Debug-Token', header('x-debug-token', 'x-debug-token-link')],
  [10057, 'hash of a name', (one) => one.isText && hashes.find((hash) => one.text.includes(hash))],
  [10061, 'X-AspNet-Version', header('x-aspnet-version', 'x-aspnetmvc-version')],
  [10062, 'number of a card', cardNumber],
  [10063, 'no permissions policy', (one) => (one.isHtml || one.isScript) && missing(one, 'permissions-policy', /camera=\(\)/)],
  [10096, 'timestamp', timestamp],
  [10097, 'hash of a password', (one) => one.isText && found(one.text, /\$(argon2\w*|2[aby]?|[1356]|NT|LM)\$|\b[0-9A-F]{48}\b/)],
  [10098, 'open to other sites', header('access-control-allow-origin')],
  [10099, 'source code', (one) => one.isHtml && found(one.text, /<\?php|<%[=@]|\bfn \w+\(.*\{|#include </)],
  [10105, 'weak authentication', header('www-authenticate')],
  [10108, 'window that may lead its opener away', (one) => tags(one, 'a').find((tag) => /target=/.test(tag) && !/noopener/.test(tag))],
  [10110, 'dangerous script functions', (one) => one.isScript && found(one.text, /\beval\(|document\.write|innerHTML|outerHTML|insertAdjacentHTML|new Function/)],
  [10115, 'polyfill', (one) => one.isHtml && found(one.text, /polyfill\.io/)],
  [10202, 'form without a token', (one) => one.isHtml && (one.text.match(/<form\b[^]*?<\/form>/gi) ?? []).find((form) => /method="post"/i.test(form) && !/name="csrf" value="[0-9a-f]{64}"/.test(form))],
  [90003, 'no integrity', (one) => [...tags(one, 'script'), ...tags(one, 'link')].find((tag) => isElsewhere(attribute(tag, 'src') ?? attribute(tag, 'href')))],
  [90004, 'not isolated', (one) => [['cross-origin-opener-policy', /^same-origin$/], ['cross-origin-embedder-policy', /^require-corp$/], ['cross-origin-resource-policy', /^same-origin$/]].map(([name, pattern]) => missing(one, name, pattern)).find(Boolean)],
  [90011, 'charset', (one) => one.isHtml && (missing(one, 'content-type', /charset=utf-8/i) ?? (/<meta charset="utf-8">/.test(one.text) ? undefined : 'no meta charset'))],
  [90022, 'error of the program', (one) => (one.status >= 500 ? `status ${one.status}` : undefined)],
  [90033, 'cookie for other hosts', (one) => one.cookies.find((line) => /;\s*Domain=/i.test(line))],
];

// What the rules find in one answer of Playwright's requests.
async function scan(answer) {
  const url = answer.url();
  const headers = answer.headers();
  const kind = headers['content-type'] ?? '';
  const body = await answer.body();
  const one = {
    url,
    headers,
    status: answer.status(),
    cookies: answer.headersArray().filter(({ name }) => name.toLowerCase() === 'set-cookie').map(({ value }) => value),
    size: body.length,
    text: body.toString(),
    isHtml: kind.startsWith('text/html'),
    isScript: kind.includes('javascript'),
    isText: /text|json|xml|csv/.test(kind),
    isSecure: url.startsWith('https:'),
    isStatic: new URL(url).pathname.startsWith('/static/'),
  };
  return RULES.map(([number, name, rule]) => [number, name, rule(one)])
    .filter(([, , evidence]) => evidence)
    .map(([number, name, evidence]) => `${number} ${name}: ${new URL(url).pathname}: ${String(evidence).slice(0, 120)}`);
}

// Opens whatever the pages lead to, twice each kind of address, and what does not exist. `request` is a browser's.
export async function crawl(request, site) {
  const findings = new Set();
  const times = new Map();
  const waiting = ['/', '/login', '/password', '/nothing', '/studies/none', '/studies/none/patients/P1', '/accounts', '/audit',
    '/audit?check=yes', '/score', '/score/none', '/compare?a=x&b=y', '/static/none.js', '/healthz', '/favicon.ico',
    '/cds-services', '/api/v1/studies', '/api/v1/openapi.json', '/api/v1/studies/none', '/login/oidc', '/login/oidc/callback',
    '/studies/evaluation?page=x&horizon=x&min=x&max=y', '/audit?before=x'];
  let opened = 0;
  while (waiting.length > 0) {
    const path = waiting.shift();
    // Patients, values of filters and numbers of pages make no other kind.
    const shape = path.replace(/#.*/, '').replace(/patients\/[^/?]+/, 'patients/*').replace(/=[^&]*/g, '=');
    if ((times.get(shape) ?? 0) >= 2) continue;
    times.set(shape, (times.get(shape) ?? 0) + 1);
    const answer = await request.get(site.url + path, { maxRedirects: 0 });
    opened += 1;
    for (const finding of await scan(answer)) findings.add(finding);
    if (!(answer.headers()['content-type'] ?? '').startsWith('text/html')) continue;
    const links = (await answer.text()).matchAll(/\b(?:href|src)="(\/[^"]*)"/g);
    for (const [, link] of links) waiting.push(link.replaceAll('&amp;', '&'));
  }
  // A form that is refused, and methods that are not there.
  for (const [method, path] of [['POST', '/login'], ['POST', '/logout'], ['POST', '/accounts'], ['PUT', '/'], ['DELETE', '/audit'], ['TRACE', '/'], ['OPTIONS', '/']]) {
    const answer = await request.fetch(site.url + path, { method, maxRedirects: 0, ...(method === 'POST' ? { form: { csrf: 'x' } } : {}) });
    opened += 1;
    for (const finding of await scan(answer)) findings.add(finding);
  }
  return { opened, findings: [...findings] };
}

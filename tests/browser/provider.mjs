// A provider of OpenID Connect, certified and not ours, whose people sign in by their name alone.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

// `people` is each name's groups.
export async function startProvider(redirect, secret, people) {
  const server = createServer();
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'oncoweave', client_secret: secret, redirect_uris: [redirect] }],
    claims: { openid: ['sub', 'groups'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['known to everybody'] },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/sign-in/${interaction.uid}` },
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, groups: people[id] }) }),
    // Nobody is asked whether the dashboard may know the name.
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({
        clientId: oidc.client.clientId, accountId: oidc.session.accountId,
      });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
  });
  const answer = provider.callback();
  server.on('request', async (request, response) => {
    const asked = new URL(request.url, issuer);
    if (!asked.pathname.startsWith('/sign-in/')) return answer(request, response);
    const name = asked.searchParams.get('name');
    if (name) {
      return provider.interactionFinished(request, response, { login: { accountId: name } });
    }
    response.setHeader('Content-Type', 'text/html');
    return response.end('<form><label>Your name <input name="name"></label><button>Go</button></form>');
  });
  return { issuer, stop: () => { server.closeAllConnections(); server.close(); } };
}

/** What the server wrote into the page: addresses, the demonstration accounts if it is a demo, the issuer if there is one. */
export const config = {
  endpoint: '/graphql',
  socket: '/graphql/ws',
  demo: [],
  demoPassword: null,
  oidc: null,
  ...JSON.parse(document.getElementById('sesame-config')?.textContent ?? '{}'),
};
